"""The report of a run and of each component; nothing here does I/O."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import field, frozen

from refresh.desired import DesiredState, Mode
from refresh.engine import status
from refresh.engine.change import Change, Done, Failed, Outcome, Postponed, Unchecked
from refresh.errors import Blocked, RefreshError
from refresh.pool.snapshot import Ended, PoolSnapshot

if TYPE_CHECKING:
    from refresh.pool.history_summary import Summary


@frozen(kw_only=True)
class ComponentReport:
    """What one component found and did."""

    name: str
    mode: Mode = Mode.APPLY
    planned: tuple[Change, ...] = ()
    """What the first plan contained; in mode plan, what would be done."""
    following: tuple[Change, ...] = ()
    """In mode plan: the changes that these would lead to in later passes and runs."""
    outcomes: tuple[Outcome, ...] = ()
    pending: tuple[Change, ...] = ()
    """Acknowledged by AWS in this run but not yet read back; the next run checks again."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be checked, and stopped nothing."""
    refusals: tuple[str, ...] = ()
    """What is due by the last plan and must not be done."""
    error: RefreshError | None = None
    """Why the component stopped before it was done."""
    unchecked: Unchecked | None = None
    """What the last read did not see, other than because of `error`."""
    duration: timedelta = timedelta()

    @property
    def done(self) -> tuple[Change, ...]:
        """The changes that were made."""
        return tuple(outcome.change for outcome in self.outcomes if isinstance(outcome, Done))

    @property
    def failures(self) -> tuple[Failed, ...]:
        """The changes that failed and are still due."""
        return tuple(outcome for outcome in self.outcomes if isinstance(outcome, Failed))

    @property
    def postponed(self) -> tuple[Change, ...]:
        """The changes that the run had no time for."""
        return tuple(outcome.change for outcome in self.outcomes if isinstance(outcome, Postponed))

    @property
    def failed(self) -> bool:
        """Whether something is not as desired after this run."""
        return self.error is not None or bool(self.failures or self.refusals)

    @property
    def planning(self) -> bool:
        """Whether this was a dry run."""
        return self.mode is Mode.PLAN

    @property
    def status(self) -> str:
        """Summarize it as the log and the summary do."""
        return status.of_component(self)

    @property
    def reason(self) -> str:
        """Say why it was skipped or not checked; "" if it was not, or an error says it."""
        return str(self.error) if isinstance(self.error, Blocked) else self.unchecked.reason if self.unchecked else ""


@frozen
class Report:
    """What a run found and did, by component in the order in which they are registered."""

    components: tuple[ComponentReport, ...]
    desired: DesiredState | None = field(default=None, kw_only=True)
    started_at: datetime | None = field(default=None, kw_only=True)
    finished_at: datetime | None = field(default=None, kw_only=True)
    pool: PoolSnapshot = field(factory=PoolSnapshot, kw_only=True)
    ended: tuple[Ended, ...] = field(default=(), kw_only=True)
    """Instances that this run ended, or found ended too early."""
    touched: tuple[Ended, ...] = field(default=(), kw_only=True)
    """Every instance with a change by the collector, including those only marked or cleaned up."""
    history: Summary | None = field(default=None, kw_only=True)
    """What the pool did in the last 24 hours, in the run that shows it."""

    @property
    def failed(self) -> tuple[ComponentReport, ...]:
        """The components that are not as desired."""
        return tuple(component for component in self.components if component.failed)

    @property
    def done(self) -> tuple[Change, ...]:
        """The changes that were made."""
        return tuple(change for component in self.components for change in component.done)

    @property
    def planned(self) -> tuple[Change, ...]:
        """The changes of the first plans."""
        return tuple(change for component in self.components for change in component.planned)

    @property
    def planning(self) -> bool:
        """Whether this was a dry run."""
        return any(component.planning for component in self.components)

    @property
    def exit_code(self) -> int:
        """0: as desired; 1: a component failed or did not converge (2, bad input, is returned before).

        A dry run that is asked to fail on drift returns 1 for planned changes.
        """
        drift = self.planning and bool(self.planned) and self.desired is not None and self.desired.fail_on_drift
        return 1 if self.failed or drift else 0

    @property
    def status(self) -> str:
        """Summarize it in a few words."""
        return status.of_run(self)
