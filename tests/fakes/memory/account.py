"""One AWS account in one region: its state, its clock, and the seam through which every call passes."""

from __future__ import annotations

import functools
import pickle
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from attrs import define, field

from refresh import errors
from refresh.clients import aws_errors
from tests.fakes import operations, outgoing
from tests.fakes.memory.market import Market

if TYPE_CHECKING:
    from collections.abc import Callable

Phase = Literal["before", "after"]
START = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)
LATENCY = timedelta(milliseconds=20)
"""How long a call takes."""


class Crash(BaseException):
    """The process dies here: no handler sees it, as none sees a SIGKILL."""


@define
class Clock:
    """Simulated time: calls take a little of it, and sleeping is free."""

    moment: datetime = START

    def now(self) -> datetime:
        """Give the moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.moment += timedelta(seconds=seconds)


@define
class State:
    """All that outlives a process: what AWS and GitHub keep."""

    tables: dict[str, Any] = field(factory=dict)
    templates: dict[str, Any] = field(factory=dict)
    instances: dict[str, Any] = field(factory=dict)
    queues: dict[str, Any] = field(factory=dict)
    images: dict[str, dict[str, Any]] = field(factory=dict)
    """What is to be said of an image, by id; every other one is there and available."""
    disrupted: set[str] = field(factory=set)
    """Zones of which EC2 has no answer."""
    faults: dict[str, str] = field(factory=dict)
    """What EC2 warns of as a template or a version with an image is made, by the image."""
    vpcs: dict[str, str] = field(factory=dict)
    """The VPC of a subnet or security group, by id; "" for one that is not there, and all others share one."""
    profiles: dict[str, dict[str, Any]] = field(factory=dict)
    """What is to be said of an instance profile, by name; every other one is there."""
    deleted_queues: dict[str, datetime] = field(factory=dict)
    terminations: Any = None
    """EC2's bucket of instances that may be terminated."""
    market: Market = field(factory=Market)
    """What the launches of fleets meet."""
    runners: dict[int, Any] = field(factory=dict)
    runs: dict[str, Any] = field(factory=dict)
    """GitHub's workflow runs, by their ids; one that is not here is unknown to GitHub."""
    metrics: list[Any] = field(factory=list)
    """What was sent to CloudWatch, one entry a call."""
    jobs: dict[str, list[Any]] = field(factory=dict)
    """The jobs of workflow runs, by the run's id."""
    false_empty: int = 0
    """How many more receives from a queue find nothing, although there is a message: short polls miss some."""
    serial: int = 0
    tokens: int = 0


class Seam(Protocol):
    """Looks on at every call, and may raise: `Crash`, or an error of AWS or GitHub."""

    def before(self, number: int, operation: str) -> None:
        """See a call that has had no effect yet."""
        ...

    def after(self, number: int, operation: str) -> None:
        """See a call that has had its effect and was not answered yet."""
        ...


class Watch:
    """A seam that does nothing; others override one of its methods."""

    def before(self, number: int, operation: str) -> None:
        """See a call before its effect."""
        self.at(number, operation, "before")

    def after(self, number: int, operation: str) -> None:
        """See a call after its effect."""
        self.at(number, operation, "after")

    def at(self, number: int, operation: str, phase: Phase) -> None:
        """See a call before or after its effect."""


@define
class Account:
    """The account that the fakes of all services share."""

    state: State = field(factory=State)
    clock: Clock = field(factory=Clock)
    seam: Seam = field(factory=Watch)
    calls: list[str] = field(factory=list)
    """Operations in their order, `service:Operation`."""
    requests: list[tuple[str, dict[str, Any]]] = field(factory=list)
    """Mutating calls that had their effect, with what was sent."""
    look: Callable[[str, Any], None] = lambda *_: None
    """Shown what every read returned."""
    refuse_message: Callable[[str], str] = lambda _: ""
    """Given the body of each message of a batch; returns the code with which SQS refuses it, or ""."""

    def snapshot(self) -> bytes:
        """Freeze what outlives a process, and the time."""
        return pickle.dumps((self.state, self.clock))

    @classmethod
    def restore(cls, snapshot: bytes) -> Account:
        """Give an account as it was."""
        state, clock = pickle.loads(snapshot)  # noqa: S301 - our own bytes
        return cls(state, clock)

    def next_id(self, prefix: str) -> str:
        """Give a new id of a kind."""
        self.state.serial += 1
        return f"{prefix}-{self.state.serial:017x}"

    @property
    def writes(self) -> list[str]:
        """The mutating calls that had their effect."""
        return [operation for operation, _ in self.requests]


MethodT = TypeVar("MethodT", bound="Callable[..., Any]")


def operation(name: str, *, writes: bool = False, foreign: bool = False) -> Callable[[MethodT], MethodT]:
    """Make a method an API operation: it takes time, and the seam sees it before and after its effect.

    A `foreign` one is called by other programs only, so no part of this one has to declare it.
    """

    def decorate(method: MethodT) -> MethodT:
        @functools.wraps(method)
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            account: Account = self.account
            number = len(account.calls)
            account.calls.append(name)
            if not foreign:
                operations.record(name)
            account.clock.moment += LATENCY
            account.seam.before(number, name)
            try:
                result = method(self, *args, **kwargs)
            except errors.ApiError:
                account.seam.after(number, name)
                raise
            if writes:
                account.requests.append((name, kwargs))
                outgoing.memory_request(name, kwargs)
            else:
                account.look(name, result)
            account.seam.after(number, name)
            return result

        return cast("MethodT", call)

    return decorate


def refused(name: str, code: str, message: str = "", status: int = 400, **more: Any) -> errors.ApiError:
    """Give AWS's refusal as the clients raise it."""
    return aws_errors.from_aws(name, status, {"Error": {"Code": code, "Message": message}, **more})
