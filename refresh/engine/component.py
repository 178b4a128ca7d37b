"""The protocol of components, and what they share: the run, gates, and how one change is made."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, ParamSpec, Protocol, TypeVar

from attrs import field, frozen

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import ChangeT, Done, Failed, Postponed, Skipped
from refresh.engine.report import ComponentReport
from refresh.workflow import unforeseen

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.engine.change import Change, Outcome, Plan
    from refresh.ports import Clock

ActualT = TypeVar("ActualT")


class Component(Protocol[ActualT, ChangeT]):
    """A row of "What it keeps" in docs/how-it-works.md: resources in AWS or GitHub that are kept as desired.

    A component is done when its plan is empty. A rerun after a crash is another pass; a dry run is observe and plan
    without apply.
    """

    @property
    def name(self) -> str:
        """The name in the log."""
        ...

    def observe(self) -> ActualT:
        """Read the actual state; never write."""
        ...

    def plan(self, actual: ActualT, now: datetime) -> Plan[ChangeT]:
        """List the differences; pure."""
        ...

    def apply(self, changes: Sequence[ChangeT]) -> Iterator[Outcome]:
        """Make the changes without deciding anything; yield an outcome for each."""
        ...

    def predict(self, actual: ActualT, changes: Sequence[ChangeT], now: datetime) -> ActualT:
        """Return what will be observed after these changes, if nothing else changes; pure."""
        ...


@frozen
class Converged(Generic[ActualT]):
    """How a component ended, and its last observation (None if it never could observe)."""

    report: ComponentReport
    actual: ActualT | None = None


@frozen
class Clearance:
    """Permission to write, and what people should know."""

    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


Gate = Callable[[], Clearance | None]
"""Called before the first write, in mode plan if there are changes; raises if nothing may be written."""


@frozen(kw_only=True)
class Run:
    """What all components of a run share."""

    mode: Mode
    clock: Clock
    deadline: datetime | None = None
    """When the time of the run is over."""
    stopped: Callable[[], bool] = field(default=lambda: False)
    """Whether the run was asked to stop."""
    continued: str = "Nothing is lost: the next run continues."
    """What becomes of the changes that are left."""
    if_late: str = (
        "If it happens often, raise the input timeout (and the job's timeout-minutes), or schedule runs more often."
    )
    """What helps a run whose time is over."""

    def over(self) -> bool:
        """Whether nothing new may begin; checked before each pass, before its changes and before each batch."""
        return self.stopped() or (self.deadline is not None and self.clock.now() >= self.deadline)


def defect(error: Exception) -> errors.RefreshError:
    """Return the error of a component that has a defect: it ends that component only."""
    return errors.RefreshError(unforeseen.defect(error))


Arguments = ParamSpec("Arguments")


def attempt(
    change: Change, action: Callable[Arguments, object], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Outcome:
    """Make one change: a lost race skips it, and an error of AWS or GitHub fails this change only."""
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
