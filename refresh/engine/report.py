"""Changes, their outcomes and the report of a run: one list that is the plan, the log and the summary.

A component subclasses `Change` once for each thing it can do. Nothing here does I/O.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Generic, TypeVar

from attrs import field, frozen

from refresh.desired import DesiredState, Mode
from refresh.engine import status
from refresh.errors import Blocked, RefreshError
from refresh.pool.snapshot import Ended, PoolNow


@frozen
class Difference:
    """One field of a resource: what it is and what it should be; None where there is nothing."""

    name: str
    before: str | None
    after: str | None
    diff: tuple[str, ...] = ()
    """Of a long text: the lines of its unified diff."""

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.after)}"


@frozen
class Change(ABC):
    """One difference between the desired and the actual state, and what removes it.

    Changes are compared by value: one that is planned again after it was made is recognised.
    """

    noun: ClassVar[str] = "change"
    """What is changed; with `done` it names the log event, `queue.created`."""
    verb: ClassVar[str] = "make"
    done: ClassVar[str] = "made"
    sign: ClassVar[str] = "~"
    """`+` creates, `-` ends or deletes, `~` changes."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """Name the resource or item."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """List the fields that change; empty where the subject says it all."""
        return ()

    @property
    def note(self) -> str:
        """Say why, in a few words, where subject and differences do not."""
        return ""

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Give what a program wants to know of it besides."""
        return {}

    def __str__(self) -> str:
        """Say what is to be done, `create queue o-r-large-ci-pool`."""
        return f"{self.action()} {self.subject}".rstrip()

    @classmethod
    def action(cls) -> str:
        """Say what changes of this kind do, `create queue`."""
        return f"{cls.verb} {cls.noun.replace('_', ' ')}"


@frozen
class Done:
    """The change was made and acknowledged."""

    change: Change


@frozen
class Skipped:
    """The change was not made because the world moved first: a lost race is no error."""

    change: Change
    reason: str


@frozen
class Failed:
    """The change was refused or not answered."""

    change: Change
    error: RefreshError


@frozen
class Postponed:
    """The change was not begun before the run's end; the next run plans it again."""

    change: Change
    because: RefreshError | None = None
    """What kept it from being made until then."""


Outcome = Done | Skipped | Failed | Postponed


@frozen
class Unchecked:
    """What was not looked at, and why."""

    reason: str
    due: bool = True
    """False where this run had no reason to look."""
    wholly: bool = True
    """False where the rest was looked at."""


ChangeT = TypeVar("ChangeT", bound=Change)


@frozen
class Plan(Generic[ChangeT]):
    """What a component would do now, and what a person should know."""

    changes: tuple[ChangeT, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """What must not be done although it may be due; the run fails for it."""
    unchecked: Unchecked | None = None
    """What the look on which this stands did not see."""


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
    pool: PoolNow = field(factory=PoolNow, kw_only=True)
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


def _shown(value: str | None) -> str:
    return "(none)" if value is None else value
