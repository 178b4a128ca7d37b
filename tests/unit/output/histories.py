"""Summaries of a pool's history, as tests of outputs need them."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from refresh.pool import runs
from refresh.pool.history import Build, Machine, Period
from refresh.pool.history_summary import Summary, summarize
from tests.fakes.serial import NOW

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
PRICES = {"large": Decimal("0.096")}


def build(at: datetime = NOW - HOUR, **changed: Any) -> Build:
    """Give a build that was served warm in four seconds, or as `changed` says."""
    known: dict[str, Any] = {"waited": timedelta(seconds=4), "claimed": 1, "result": runs.PROVIDED, **changed}
    return Build(label="7", resource_class="large", asked_at=at, **known)


def machine(resource_class: str = "large", **changed: Any) -> Machine:
    """Give a machine that lived for two hours, half of them busy, or as `changed` says."""
    known = {"launched_at": NOW - 3 * HOUR, "ended_at": NOW - HOUR, "busy": HOUR, **changed}
    return Machine(id="i-0123456789abcdef0", resource_class=resource_class, **known)


COLD: dict[str, Any] = {"claimed": 0, "launched": 1, "waited": timedelta(seconds=95)}
FAILED: dict[str, Any] = {
    "claimed": 0,
    "waited": timedelta(minutes=5),
    "result": runs.FAILED,
    "failures": {"capacity": 3},
}


def summary(
    *builds: Build, machines: tuple[Machine, ...] = (), since: timedelta = DAY, prices: dict[str, Decimal] | None = None
) -> Summary:
    """Sum up a time that ends now."""
    period = Period(since=NOW - since, until=NOW, builds=builds, machines=machines)
    return summarize(period, PRICES if prices is None else prices)


BUSY = summary(
    build(),
    build(NOW - 15 * HOUR, held=1),
    build(**COLD),
    build(**FAILED),
    build(hosted=True, claimed=0, result=runs.FAILED, failures={"never ready": 1}),
    build(result="", claimed=0, waited=None),
    machines=(machine(), machine("2xlarge", launched_at=None), machine(cut_off=True)),
)
"""Everything at once."""
