"""Some of EC2's instance types with prices, and which of them fit attributes.

The relations of the on-demand prices are those of us-east-1; spot prices are made up, so that the cheapest differ.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Mapping

ON_DEMAND, SPOT = "on-demand", "spot"
_DEFAULT_PERCENT = {ON_DEMAND: 20, SPOT: 100}
"""By how many percent a type may cost more than the cheapest, unless the request says otherwise."""
_PERCENT = {ON_DEMAND: "OnDemandMaxPricePercentageOverLowestPrice", SPOT: "SpotMaxPricePercentageOverLowestPrice"}
_KNOWN = {"VCpuCount", "MemoryMiB", "AllowedInstanceTypes", "BurstablePerformance", *_PERCENT.values()}
_SIZES = {"large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16, "8xlarge": 32, "12xlarge": 48, "16xlarge": 64}


@frozen
class InstanceType:
    """A type of instance; prices are dollars an hour."""

    name: str
    cpu: int
    memory_mib: int
    on_demand: float
    spot: float
    architecture: str = "x86_64"
    burstable: bool = False

    def price(self, usage: str) -> float:
        """Give the price of a usage class."""
        return self.spot if usage == SPOT else self.on_demand


def _family(name: str, gib: int, price: float, spot: float, architecture: str = "x86_64") -> list[InstanceType]:
    """Give the types of a family: GiB and price are of one vCPU, the spot price is a share of that."""
    return [
        InstanceType(
            f"{name}.{size}", cpu, cpu * gib * 1024, round(cpu * price, 5), round(cpu * price * spot, 5), architecture
        )
        for size, cpu in _SIZES.items()
    ]


def _burstable(name: str, price: float, architecture: str) -> list[InstanceType]:
    sizes = {"medium": (2, 4), "large": (2, 8), "xlarge": (4, 16), "2xlarge": (8, 32)}
    return [
        InstanceType(f"{name}.{size}", cpu, gib * 1024, gib * price, gib * price / 3, architecture, burstable=True)
        for size, (cpu, gib) in sizes.items()
    ]


TYPES: Mapping[str, InstanceType] = {
    each.name: each
    for each in (
        *_family("c6a", 2, 0.03825, 0.50),
        *_family("c7i", 2, 0.04463, 0.38),
        *_family("c7i-flex", 2, 0.0424, 0.45),
        *_family("m6a", 4, 0.0432, 0.41),
        *_family("m7i", 4, 0.0504, 0.40),
        *_family("m7i-flex", 4, 0.04788, 0.36),
        *_family("r6a", 8, 0.0567, 0.35),
        *_family("r7i", 8, 0.06615, 0.60),
        *_family("c7g", 2, 0.03625, 0.45, "arm64"),
        *_family("m7g", 4, 0.0408, 0.42, "arm64"),
        *_family("r7g", 8, 0.05355, 0.40, "arm64"),
        *_burstable("t3", 0.0104, "x86_64"),
        *_burstable("t4g", 0.0084, "arm64"),
    )
}


def matching(requirements: Mapping[str, Any], usage: str, architecture: str) -> list[InstanceType]:
    """Give the types that have the attributes and are not much dearer than the cheapest, the cheapest first.

    https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-fleet-attribute-based-instance-type-selection.html
    """
    if unknown := {*requirements} - _KNOWN:
        # A requirement that is not modelled must not pass unnoticed.
        raise NotImplementedError(f"instance requirements {', '.join(sorted(unknown))}")
    found = [each for each in TYPES.values() if each.architecture == architecture and _fits(each, requirements)]
    found.sort(key=lambda each: each.price(usage))
    if not found:
        return []
    # The price that others are compared with is that of a c, m or r, if one of them fits.
    cheapest = next((each for each in found if not each.burstable), found[0]).price(usage)
    percent = int(requirements.get(_PERCENT[usage], _DEFAULT_PERCENT[usage]))
    return [each for each in found if each.price(usage) <= cheapest * (1 + percent / 100)]


def _fits(type_: InstanceType, requirements: Mapping[str, Any]) -> bool:
    patterns = requirements.get("AllowedInstanceTypes", ["*"])
    burstable = requirements.get("BurstablePerformance", "excluded")
    return (
        _within(type_.cpu, requirements["VCpuCount"])
        and _within(type_.memory_mib, requirements["MemoryMiB"])
        and any(fnmatch.fnmatchcase(type_.name, pattern) for pattern in patterns)
        and burstable in ("included", "required" if type_.burstable else "excluded")
    )


def _within(value: int, limits: Mapping[str, Any]) -> bool:
    return int(limits["Min"]) <= value <= int(limits.get("Max", value))
