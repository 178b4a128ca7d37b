"""The report of a run and of each component; nothing here does I/O."""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import field, frozen

from refresh.desired import DesiredState, Mode
from refresh.engine import status
from refresh.engine.change import Change, Done, Failed, Outcome, Postponed, Unchecked
from refresh.errors import Blocked, RefreshError
from refresh.pool.snapshot import Ended, PoolSnapshot


@frozen(kw_only=True)
class ComponentReport:
    """What one component found and did."""

    name: str
    mode: Mode = Mode.APPLY
    planned: tuple[Change, ...] = ()
    """What the first look found due: in mode plan what would be done."""
    following: tuple[Change, ...] = ()
    """In mode plan: what later passes and runs would add because of that."""
    outcomes: tuple[Outcome, ...] = ()
    pending: tuple[Change, ...] = ()
    """Acknowledged by AWS in this run but not yet read back; the next run looks again."""
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """What could not be looked at, and stopped nothing."""
    refusals: tuple[str, ...] = ()
    """What the last look found due and must not be done."""
    error: RefreshError | None = None
    """Why the component stopped before it was done."""
    unchecked: Unchecked | None = None
    """What the last look did not see; what an error hid is in that error."""
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
        """Whether something is not as desired and this run could not help it."""
        return self.error is not None or bool(self.failures or self.refusals)

    @property
    def planning(self) -> bool:
        """Whether this was a dry run."""
        return self.mode is Mode.PLAN

    @property
    def status(self) -> str:
        """Sum it up in the words of the log and the summary."""
        return status.of_component(self)

    @property
    def reason(self) -> str:
        """Say why it was skipped or not checked; "" where neither is so, or an error says it."""
        return str(self.error) if isinstance(self.error, Blocked) else self.unchecked.reason if self.unchecked else ""


@frozen
class Report:
    """What a run found and did, component by component in the order of their tuple."""

    components: tuple[ComponentReport, ...]
    desired: DesiredState | None = field(default=None, kw_only=True)
    started_at: datetime | None = field(default=None, kw_only=True)
    finished_at: datetime | None = field(default=None, kw_only=True)
    pool: PoolSnapshot = field(factory=PoolSnapshot, kw_only=True)
    ended: tuple[Ended, ...] = field(default=(), kw_only=True)
    """Instances that this run ended, or found ended before their time."""
    touched: tuple[Ended, ...] = field(default=(), kw_only=True)
    """Every instance that the collector's changes concern, also those that it only marked or cleaned up."""

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
        """What the first look found due."""
        return tuple(change for component in self.components for change in component.planned)

    @property
    def planning(self) -> bool:
        """Whether this was a dry run."""
        return any(component.planning for component in self.components)

    @property
    def exit_code(self) -> int:
        """0: as desired, 1: some component failed or did not converge (2, bad input, never gets here).

        A dry run that is asked to fail on drift gives 1 for it, too.
        """
        drift = self.planning and bool(self.planned) and self.desired is not None and self.desired.fail_on_drift
        return 1 if self.failed or drift else 0

    @property
    def status(self) -> str:
        """Sum it up in a few words."""
        return status.of_run(self)
