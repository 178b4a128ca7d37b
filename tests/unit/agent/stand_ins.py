"""What the agent's parts stand on, controlled by a test: the clock, the metadata service and the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from refresh.agent.aws import Unanswered
from refresh.agent.clock import wire

if TYPE_CHECKING:
    from collections.abc import Callable

BOOTED = 1_800_000_000
"""AWS's time at the boot, in seconds since 1970."""
INSTANCE = "i-0123456789abcdef0"


@define
class FakeClock:
    """The seconds since the boot, and AWS's time."""

    uptime_now: float = 70.0
    booted_at: float = BOOTED

    def now(self) -> float:
        """Return AWS's time."""
        return self.booted_at + self.uptime_now

    def uptime(self) -> float:
        """Return the seconds since the boot."""
        return self.uptime_now

    @staticmethod
    def wire(seconds: float) -> str:
        """Write a time in the table's form."""
        return wire(seconds)


@define
class FakeMetadata:
    """Values by path; a value that is not there answers 404."""

    values: dict[str, str] = field(factory=dict)
    silent: bool = False
    asked: list[str] = field(factory=list)

    def get(self, path: str) -> str | None:
        """Answer, or not."""
        self.asked.append(path)
        if self.silent:
            raise Unanswered("IMDS")
        return self.values.get(path)


@define
class FakeAws:
    """The answers of DynamoDB, STS and EC2, and what they were asked."""

    items: dict[tuple[str, str], dict[str, Any]] = field(factory=dict)
    """By partition and sort key."""
    failures: list[Exception] = field(factory=list)
    """Raised by the next calls, one each."""
    refuses: Callable[[str, dict[str, Any]], Exception | None] = lambda *_: None
    """What is raised by a call, by its operation and request."""
    calls: list[tuple[str, dict[str, Any]]] = field(factory=list)
    terminated: list[str] = field(factory=list)

    def dynamodb(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Read or write an item."""
        self._called(operation, request)
        key = request["Item"] if operation == "PutItem" else request["Key"]
        place = key["PK"]["S"], key["SK"]["S"]
        if operation == "PutItem":
            self.items[place] = request["Item"]
            return {}
        return {"Item": self.items[place]} if place in self.items else {}

    def user_id(self) -> str:
        """Return `aws:userid`."""
        self._called("GetCallerIdentity", {})
        return f"AROAROLE:{INSTANCE}"

    def terminate(self, instance_id: str) -> None:
        """End an instance."""
        self._called("TerminateInstances", {})
        self.terminated.append(instance_id)

    def _called(self, operation: str, request: dict[str, Any]) -> None:
        self.calls.append((operation, request))
        if self.failures:
            raise self.failures.pop(0)
        if error := self.refuses(operation, request):
            raise error
