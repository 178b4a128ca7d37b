"""A release that has ended, as summary, outputs and report show it: what became of each machine; pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.engine.change import INSTANCE, Done, Failed, Skipped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.desired import DesiredRelease
    from refresh.engine.change import Change, Outcome
    from refresh.engine.report import ComponentReport

RELEASED = "released"
ENDED = "ended"


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
    result: str = ""
    """`released` (back in the pool), `ended`, or why it is neither."""
    reason: str = ""
    """Why it ended."""


@frozen(kw_only=True)
class ReleaseRun:
    """A release that has ended."""

    desired: DesiredRelease
    component: ComponentReport
    started_at: datetime
    finished_at: datetime

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines, in the order in which they were planned."""
        found: dict[str, Machine] = {}
        for change, result in self._results():
            if change.noun == INSTANCE:
                known = found.get(change.subject)
                # The first change of a machine has its record.
                found[change.subject] = _machine(change, result, known)
        return tuple(found.values())

    @property
    def released(self) -> tuple[Machine, ...]:
        """The machines that went back to the pool."""
        return tuple(each for each in self.machines if each.result == RELEASED)

    @property
    def ended(self) -> tuple[Machine, ...]:
        """The machines that were ended."""
        return tuple(each for each in self.machines if each.result == ENDED)

    @property
    def worked(self) -> timedelta:
        """How long the run had all of them together."""
        return sum((each.worked for each in self.machines if each.worked), timedelta())

    @property
    def exit_code(self) -> int:
        """0: no machine has the label any more; 1: something is left to do, or was refused."""
        return 1 if self.component.failed else 0

    def _results(self) -> Iterator[tuple[Change, str]]:
        if self.component.planning:
            yield from ((change, _result(change)) for change in self.component.planned)
            yield from ((change, _result(change)) for change in self.component.following)
            return
        for outcome in self.component.outcomes:
            yield outcome.change, _of_outcome(outcome)


def _machine(change: Change, result: str, known: Machine | None) -> Machine:
    facts = change.facts
    if known:
        return Machine(
            id=known.id,
            label=known.label,
            resource_class=known.resource_class,
            instance_type=known.instance_type,
            usage_class=known.usage_class,
            worked=known.worked,
            result=result,
            reason=known.reason,
        )
    seconds = facts.get("seconds")
    return Machine(
        id=change.subject,
        label=str(facts.get("label", "")),
        resource_class=str(facts.get("class", "")),
        instance_type=str(facts.get("type", "")),
        usage_class=str(facts.get("usage", "")),
        worked=timedelta(seconds=int(seconds)) if seconds is not None else None,
        result=result,
        reason=str(facts.get("reason", "")),
    )


def _of_outcome(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return _result(outcome.change)
        case Skipped(reason=reason):
            return reason
        case Failed(error=error):
            return f"failed: {error}"
        case _:
            return "not begun"


def _result(change: Change) -> str:
    return RELEASED if change.done == RELEASED else ENDED
