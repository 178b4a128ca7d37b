"""A release that has ended, as summary, outputs and report show it: what became of each machine; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, assert_never

from attrs import evolve, frozen

from refresh.engine.change import INSTANCE, MESSAGE, Done, Failed, Postponed, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.desired import DesiredRelease
    from refresh.engine.change import Change
    from refresh.engine.report import ComponentReport

RELEASED = "released"
ENDED = "ended"
SKIPPED = "skipped"


@frozen(kw_only=True)
class Machine:
    """A machine that the release changed, or would change."""

    id: str
    label: str = ""
    resource_class: str = ""
    instance_type: str = ""
    usage_class: str = ""
    worked: timedelta | None = None
    """How long the run had it; None if it never ran."""
    result: str
    """`released` (back in the pool), `ended`, `skipped` (another process was first), `failed` or `not begun`."""
    reason: str = ""
    """Why it ended, was skipped or failed, or what happened to it before."""


@frozen(kw_only=True)
class ReleaseRun:
    """A release that has ended."""

    desired: DesiredRelease
    component: ComponentReport
    started_at: datetime
    finished_at: datetime

    @cached_property
    def machines(self) -> tuple[Machine, ...]:
        """The machines, in the order in which they were planned."""
        found: dict[str, Machine] = {}
        for change, result, reason in self._results():
            if change.noun == INSTANCE:
                known = found.get(change.subject)
                found[change.subject] = _continued(known, result, reason) if known else _machine(change, result, reason)
        return tuple(found.values())

    @cached_property
    def released(self) -> tuple[Machine, ...]:
        """The machines that went back to the pool."""
        return tuple(each for each in self.machines if each.result == RELEASED)

    @cached_property
    def ended(self) -> tuple[Machine, ...]:
        """The machines that were ended."""
        return tuple(each for each in self.machines if each.result == ENDED)

    @property
    def messages(self) -> int:
        """How many messages to the original's `provision` were sent, or would be."""
        done = self.component.planned + self.component.following if self.component.planning else self.component.done
        return sum(change.noun == MESSAGE for change in done)

    @property
    def worked(self) -> timedelta:
        """How long the run had the released and the ended machines together."""
        return sum((each.worked for each in (*self.released, *self.ended) if each.worked), timedelta())

    @property
    def minutes(self) -> int:
        """The same in minutes, rounded up."""
        return -int(-self.worked.total_seconds() // 60)

    @property
    def exit_code(self) -> int:
        """0: no machine has the label any more; 1: something is left to do, or was refused."""
        return 1 if self.component.failed else 0

    def _results(self) -> Iterator[tuple[Change, str, str]]:
        """Yield every change of the run with its result and the reason."""
        if self.component.planning:
            yield from ((change, *_done(change)) for change in self.component.planned)
            yield from ((change, *_done(change)) for change in self.component.following)
            return
        for outcome in self.component.outcomes:
            match outcome:
                case Done(change=change):
                    yield change, *_done(change)
                case Skipped(change=change, reason=reason):
                    yield change, SKIPPED, reason
                case Failed(change=change, error=error):
                    yield change, "failed", str(error)
                case Postponed(change=change):
                    yield change, "not begun", ""
                case _:
                    assert_never(outcome)


def _done(change: Change) -> tuple[str, str]:
    return RELEASED if change.done == RELEASED else ENDED, str(change.facts.get("reason", ""))


def _continued(known: Machine, result: str, reason: str) -> Machine:
    """Add a later change: the first has the facts of the record, and the first step of an end says why it ends."""
    if known.result == ENDED and result in {ENDED, SKIPPED}:  # skipped if EC2 no longer knows it
        return known
    return evolve(known, result=result, reason=reason)


def _machine(change: Change, result: str, reason: str) -> Machine:
    facts = change.facts
    seconds = facts.get("seconds")
    return Machine(
        id=change.subject,
        label=str(facts.get("label", "")),
        resource_class=str(facts.get("class", "")),
        instance_type=str(facts.get("type", "")),
        usage_class=str(facts.get("usage", "")),
        worked=None if seconds is None else timedelta(seconds=int(seconds)),
        result=result,
        reason=reason,
    )
