"""The loop that makes a component's plan empty."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, assert_never

from attrs import evolve

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import ChangeT, Done, Failed, Postponed, Skipped, Unchecked
from refresh.engine.component import ActualT, Component, Converged, Gate, Run, defect
from refresh.engine.report import ComponentReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from refresh.engine.change import Change, Outcome, Plan

MAX_PASSES = 6
"""Passes that repeat a change. The longest regular chain is five (store a script, create, move the default, record,
check again); more mean that AWS or another process disagrees."""
MOST_PASSES = 100
"""All passes, such as those that each find something new while thousands of instances end one by one."""

_ENDED_EARLY: dict[type[errors.RefreshError], str] = {
    errors.Interrupted: "the run was stopped before this was checked",
    errors.DeadlineReached: "the run's time was over before this was checked",
}


def following(
    component: Component[ActualT, ChangeT], actual: ActualT, planned: Sequence[ChangeT], now: datetime
) -> tuple[ChangeT, ...]:
    """List the changes that the planned ones will lead to in later passes and runs, if nothing else changes; pure."""
    known = set(planned)
    listed: list[ChangeT] = []
    due = list(planned)
    while due and len(listed) <= MAX_PASSES * len(planned):
        actual = component.predict(actual, due, now)
        due = [change for change in component.plan(actual, now).changes if change not in known]
        known.update(due)
        listed += due
    return tuple(listed)


def converge(component: Component[ActualT, ChangeT], run: Run, *gates: Gate) -> Converged[ActualT]:
    """Observe, plan and apply until the plan is empty; see `Convergence`."""
    return Convergence(component, run, *gates).converge()


class Convergence(Generic[ActualT, ChangeT]):
    """One component on its way to an empty plan.

    Before changes are applied, the gates are called in order: they wait for what must come first, and check what the
    owner named. A gate that raises ends the component. Errors end this component only.
    """

    def __init__(self, component: Component[ActualT, ChangeT], run: Run, *gates: Gate) -> None:
        self.component = component
        self.run = run
        self.gates = gates
        self.started_at = run.clock.now()
        self.actual: ActualT | None = None
        self.report = ComponentReport(name=component.name, mode=run.mode)
        self.tried: set[tuple[type[Change], str]] = set()
        self.outcomes: list[Outcome] = []
        self.settled: dict[Change, Outcome] = {}
        """Done and failed changes of this run, which are not sent again."""

    def converge(self) -> Converged[ActualT]:
        """Run to the end, and return the report."""
        try:
            self._passes()
        except errors.RefreshError as caught:
            return self._ended(caught)
        except Exception as caught:  # noqa: BLE001 - a defect in one component must not stop the garbage collection
            return self._ended(defect(caught))
        return self._ended(None)

    def abandoned(self) -> Converged[ActualT]:
        """Report, from another thread, the progress of a component that still waits for an answer."""
        return self._ended(
            errors.Interrupted(
                "stopped as asked; the call in progress was not answered in time, so its effect is unknown. "
                f"{self.run.continued}"
            )
        )

    def _ended(self, error: errors.RefreshError | None) -> Converged[ActualT]:
        duration = self.run.clock.now() - self.started_at
        report = evolve(self.report, outcomes=tuple(self.outcomes), error=error, duration=duration)
        if self.actual is None and isinstance(error, errors.Interrupted | errors.DeadlineReached):
            report = evolve(report, unchecked=Unchecked(_ENDED_EARLY[type(error)]))
        return Converged(report, self.actual)

    def _passes(self) -> None:
        due: list[ChangeT] = []
        repeats = 0
        for number in range(MOST_PASSES):
            self._stop_if_asked()
            self.actual = self._observe()
            now = self.run.clock.now()
            plan = self.component.plan(self.actual, now)
            self.report = evolve(
                self.report,
                warnings=_merged(self.report.warnings, plan.warnings),
                notes=_merged(self.report.notes, plan.notes),
                refusals=plan.refusals,
                unchecked=plan.unchecked,
            )
            if number == 0:
                self.report = evolve(self.report, planned=plan.changes)
            if self.run.mode is Mode.PLAN:
                if plan.changes:
                    later = following(self.component, self.actual, plan.changes, now)
                    self.report = evolve(self.report, following=later)
                    self._call_gates()
                return
            due = [change for change in plan.changes if change not in self.settled]
            if not due:
                self._close(plan)
                return
            self._call_gates()
            self._stop_if_asked()
            repeats += self._tried_before(due)
            self._apply(due)
            if repeats == MAX_PASSES - 1:
                break
        raise errors.DidNotConverge(
            f"{self.component.name}: changes were still planned after {number + 1} passes "
            f"({'; '.join(map(str, due[:3]))}). Another process keeps changing it: look for a second workflow or tool."
        )

    def _observe(self) -> ActualT:
        try:
            return self.component.observe()
        except (errors.Rejected, errors.KeyUnusable, errors.Unreachable):
            # A table that is not ours, or not readable, refuses every read; the gates report the reason.
            self._call_gates()
            raise

    def _call_gates(self) -> None:
        for gate in self.gates:
            if cleared := gate():
                self.report = evolve(
                    self.report,
                    warnings=_merged(self.report.warnings, cleared.warnings),
                    notes=_merged(self.report.notes, cleared.notes),
                )

    def _tried_before(self, due: list[ChangeT]) -> bool:
        """Whether this run tried a change of the same kind on the same subject before."""
        tries = {(type(change), change.subject) for change in due}
        repeated = not tries.isdisjoint(self.tried)
        self.tried |= tries
        return repeated

    def _apply(self, due: list[ChangeT]) -> None:
        for outcome in self.component.apply(due):
            self.outcomes.append(outcome)
            match outcome:
                case Done() | Failed():
                    self.settled[outcome.change] = outcome
                case Skipped() | Postponed():
                    pass
                case _:
                    assert_never(outcome)

    def _close(self, plan: Plan[ChangeT]) -> None:
        """Correct the outcomes by the last plan: what it still contains is pending or failed."""
        still: set[Change] = set(plan.changes)
        self.outcomes = [_confirmed(outcome, still) for outcome in self.outcomes]
        self.report = evolve(
            self.report, pending=tuple(change for change in plan.changes if isinstance(self.settled[change], Done))
        )

    def _stop_if_asked(self) -> None:
        if not self.run.over():
            return
        left = sum(isinstance(outcome, Postponed) for outcome in self.outcomes)
        rest = f"{left} change{'s are' if left > 1 else ' is'} left" if left else "this was not done"
        kinds = {each.because.kind for each in self.outcomes if isinstance(each, Postponed) and each.because}
        rest += f" ({', '.join(sorted(kinds))})" if kinds else ""
        if self.run.stopped():
            raise errors.Interrupted(f"stopped as asked, {rest}. {self.run.continued}")
        raise errors.DeadlineReached(f"the run's time is over, {rest}. {self.run.continued} {self.run.if_late}")


def _confirmed(outcome: Outcome, still_planned: set[Change]) -> Outcome:
    """Turn a failure that a later read disproved into a skipped change: only the answer was lost."""
    if isinstance(outcome, Failed) and outcome.change not in still_planned:
        return Skipped(outcome.change, f"found done by a later read, after: {outcome.error}")
    return outcome


def _merged(known: tuple[str, ...], new: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*known, *new)))
