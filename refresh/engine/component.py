"""The component protocol, and what its parts share: the clock, the run, and how one change is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, ParamSpec, Protocol, TypeVar

from attrs import field, frozen

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import ChangeT, Done, Failed, Postponed, Skipped
from refresh.engine.report import ComponentReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.engine.change import Change, Outcome, Plan
    from refresh.ports import Clock

ActualT = TypeVar("ActualT")


class Component(Protocol[ActualT, ChangeT]):
    """One row of README's "What it keeps": something in AWS that is kept as desired.

    A component is done when its plan is empty. A rerun after a crash is just another pass, and a dry run is observe and
    plan without apply.
    """

    @property
    def name(self) -> str:
        """Name it as the log does."""
        ...

    def observe(self) -> ActualT:
        """Read what is there; never write."""
        ...

    def plan(self, actual: ActualT, now: datetime) -> Plan[ChangeT]:
        """List what differs; pure."""
        ...

    def apply(self, changes: Sequence[ChangeT]) -> Iterator[Outcome]:
        """Make the changes, deciding nothing; each yields one outcome."""
        ...

    def predict(self, actual: ActualT, changes: Sequence[ChangeT], now: datetime) -> ActualT:
        """Tell what will be observed once these changes are made, if nothing else moves; pure."""
        ...


@frozen
class Converged(Generic[ActualT]):
    """How a component ended, and what it observed last (None if it could not observe at all)."""

    report: ComponentReport
    actual: ActualT | None = None


@frozen
class Clearance:
    """Leave to write, and what a person should know about it."""

    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Gate = Callable[[], Clearance | None]
"""Asked before anything is written, and in mode plan where something would be; raises where nothing may be."""


@frozen(kw_only=True)
class Run:
    """What every component of one run shares."""

    mode: Mode
    clock: Clock
    deadline: datetime | None = None
    """When the run's time is over."""
    stopped: Callable[[], bool] = field(default=lambda: False)
    """Whether the run was asked to end."""

    def over(self) -> bool:
        """Whether nothing new may be begun; asked before each pass, before its changes and before each batch."""
        return self.stopped() or (self.deadline is not None and self.clock.now() >= self.deadline)


Arguments = ParamSpec("Arguments")


def attempt(
    change: Change, action: Callable[Arguments, object], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Outcome:
    """Make one change; a lost race is skipped, an error of AWS or GitHub fails this change only."""
    try:
        action(*args, **kwargs)
    except (errors.ConditionFailed, errors.AlreadyExists) as error:
        return Skipped(change, str(error))
    except errors.Interrupted:
        return Postponed(change)
    except errors.CredentialsExpired:
        raise
    except errors.RefreshError as error:
        return Failed(change, error)
    return Done(change)
