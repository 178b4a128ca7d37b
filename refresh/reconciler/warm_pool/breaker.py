"""How many machines may be launched from a template's version whose machines do not become ready; pure.

Without this, a script that always fails would cost machines in every run. A version is proven once a machine of it has
become ready. From a version that is not proven, only `MOST_FAILURES` machines are launched. After as many failures in a
row no more are launched, until there is another version.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, frozen

from refresh.reconciler.warm_pool import census

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.pool.warm_pool_item import WarmState
    from refresh.reconciler.warm_pool.actual import Actual

MOST_FAILURES = 3
"""How many launches may fail in a row, and how many machines are launched from a version that is not proven."""
MOST_VERSIONS = 3
"""After so many versions in a row that were not proven none is launched from: something keeps changing the template."""
_UNLIMITED = 1_000_000


@frozen(kw_only=True)
class Breaker:
    """What is known of the template's current version."""

    state: WarmState
    """The item with what has been seen since it was written."""
    proven: bool = False
    """Whether a machine of the version has become ready; refresh need not have launched it."""
    failed: tuple[str, ...] = ()
    """Machines that were launched since the last one that became ready, and never did."""

    @property
    def open(self) -> bool:
        """Whether nothing is launched any more."""
        return len(self.failed) >= MOST_FAILURES or self.changing

    @property
    def changing(self) -> bool:
        """Whether the template changes before a machine of it can become ready."""
        return not self.proven and self.state.unproven >= MOST_VERSIONS

    @property
    def allowance(self) -> int:
        """How many machines may be launched now."""
        if self.open:
            return 0
        if self.proven:
            return _UNLIMITED
        launched = len(self.state.unready) + sum(each.count for each in self.state.pending.values())
        return max(0, MOST_FAILURES - launched)


def judged(actual: Actual, now: datetime) -> Breaker:
    """Judge the machines that were launched from the current version."""
    state = actual.state.of(actual.template.key)
    ready = [each for each in state.unready if census.became_ready(actual, each)]
    failed = [each for each in state.unready if each not in ready and census.failed(actual, each, now)]
    if ready:
        latest = max(state.unready[each].at for each in ready)
        forgotten = {*ready, *(each for each in failed if state.unready[each].at <= latest)}
        left = {each: launch for each, launch in state.unready.items() if each not in forgotten}
        state, failed = evolve(state, proven=True, unproven=0, unready=left), [each for each in failed if each in left]
    proven = state.proven or census.proves_version(actual)
    return Breaker(state=state, proven=proven, failed=tuple(failed))
