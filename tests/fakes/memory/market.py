"""What an account's launches meet: capacity, quotas, addresses, permissions.

Tests set it; untouched, everything is launched.
"""

from __future__ import annotations

import fnmatch
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from tests.fakes.memory import refusals

if TYPE_CHECKING:
    from tests.fakes.memory.instance_types import InstanceType

ANY = "*"
_UNLIMITED = 1_000_000
POOLS_TRIED = 3
"""How many pools an instant fleet tries, as others have measured on EC2; the rest is `UnfulfillableCapacity`."""


@define
class Limit:
    """How many more instances, or their vCPUs, may be launched in pools; `code` is EC2's for the others."""

    free: int
    code: str
    message: str = ""
    usage: str = ANY
    type: str = ANY
    """A pattern of instance types."""
    subnet: str = ANY
    counts_vcpus: bool = False

    def concerns(self, usage: str, type_name: str, subnet: str) -> bool:
        """Whether a pool is limited by it."""
        pairs = ((usage, self.usage), (type_name, self.type), (subnet, self.subnet))
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in pairs)

    def room(self, type_: InstanceType) -> int:
        """How many instances of a type may still be launched."""
        return self.free // type_.cpu if self.counts_vcpus else self.free

    def take(self, type_: InstanceType, number: int) -> None:
        """Launch some."""
        self.free -= number * (type_.cpu if self.counts_vcpus else 1)


@define
class Refusal:
    """An error for whole calls; `times` is how many more calls get it."""

    code: str
    message: str
    times: int


@define
class Market:
    """Limits and refusals, and which fleet each client token has made."""

    limits: list[Limit] = field(factory=list)
    refusals: list[Refusal] = field(factory=list)
    zones: dict[str, str] = field(factory=dict)
    """The zone of a subnet; others have one each, and on the server the one of moto."""
    pools_tried: int = POOLS_TRIED
    shown_after: timedelta = timedelta()
    """How long no description shows new instances; in memory only."""
    fleets: dict[str, tuple[dict[str, Any], dict[str, Any]]] = field(factory=dict)
    """(request, answer) by client token."""

    def limit(self, free: int, code: str, message: str = "", **pools: Any) -> None:
        """Launch so many more in pools (`usage`, `type`, `subnet`: patterns); EC2 then gives the code in `Errors`."""
        self.limits.append(Limit(free, code, message, **pools))

    def capacity(self, free: int, **pools: Any) -> None:
        """Have so many more instances in pools."""
        self.limit(free, refusals.NO_CAPACITY, **pools)

    def addresses(self, subnet: str, free: int) -> None:
        """Have so many more addresses in a subnet."""
        self.limit(free, refusals.NO_ADDRESSES, subnet=subnet)

    def quota(self, usage: str, vcpus: int) -> None:
        """Allow so many more vCPUs of a usage class."""
        code = refusals.SPOT_QUOTA if usage == "spot" else refusals.VCPU_QUOTA
        self.limit(vcpus, code, usage=usage, counts_vcpus=True)

    def without_spot_role(self) -> None:
        """Miss the service-linked role of spot instances, which the caller may not create."""
        self.limit(0, refusals.NO_SPOT_ROLE, usage="spot")

    def deny(self, message: str = "") -> None:
        """Forbid the caller what a launch needs besides the call, such as iam:PassRole: EC2 says that in `Errors`."""
        self.limit(0, refusals.UNAUTHORIZED, message)

    def refuse(self, code: str, message: str = "", times: int | None = 1) -> None:
        """Refuse whole calls; None for all of them."""
        self.refusals.append(Refusal(code, message or code, _UNLIMITED if times is None else times))

    def reset(self) -> None:
        """Launch everything again."""
        self.limits.clear()
        self.refusals.clear()
        self.zones.clear()
        self.pools_tried, self.shown_after = POOLS_TRIED, timedelta()

    def require_accepted(self) -> None:
        """Raise the refusal of a call, if there is one."""
        for each in self.refusals:
            if each.times > 0:
                each.times -= 1
                raise refusals.of_call(each.code, each.message)

    def take(self, usage: str, type_: InstanceType, subnet: str, wanted: int) -> tuple[int, Limit | None]:
        """Launch in a pool: how many, and what limits it if that is fewer than wanted."""
        limits = [each for each in self.limits if each.concerns(usage, type_.name, subnet)]
        tightest = min(limits, key=lambda each: each.room(type_), default=None)
        number = min(wanted, tightest.room(type_)) if tightest else wanted
        for each in limits:
            each.take(type_, number)
        return number, tightest if number < wanted else None
