"""What was measured of a case, and the table of all."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import frozen

from tests.fakes.aws_server import READS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Call = tuple[str, float, float]
"""Its name, and when it began and ended, in seconds."""


@frozen
class Sample:
    """One run of a process."""

    wall: float
    cpu: float
    peak: float
    """In MiB."""


@frozen(kw_only=True)
class Result:
    """One case at one latency; `calls` are those of one run."""

    case: str
    backend: str
    latency: float
    samples: tuple[Sample, ...]
    yardstick: tuple[Sample, ...]
    """Its runs between those of the case."""
    calls: tuple[Call, ...] = ()
    instances: int = 0
    """How many the case ends or finds."""

    @property
    def wall(self) -> float:
        """Give the median of the seconds."""
        return median(each.wall for each in self.samples)

    @property
    def cpu(self) -> float:
        """Give the median of the CPU seconds."""
        return median(each.cpu for each in self.samples)

    @property
    def ratio(self) -> float:
        """Compare with the yardstick."""
        return self.wall / median(each.wall for each in self.yardstick)

    @property
    def writes(self) -> int:
        """Count the calls that are no reads; GitHub's are told by their method."""
        operations = [name.partition(":")[2] for name, _, _ in self.calls]
        return sum(not each.startswith((*READS, "GET ")) for each in operations)

    def written(self) -> str:
        """Write it as one JSON object."""
        figures: dict[str, Any] = {
            "case": self.case,
            "backend": self.backend,
            "latency_ms": round(self.latency * 1000),
            "runs": len(self.samples),
            "wall_s": round(self.wall, 3),
            "of_yardstick": round(self.ratio, 2),
            "cpu_s": round(self.cpu, 3),
            "peak_mb": round(max(each.peak for each in self.samples)),
            "calls": len(self.calls),
            "calls_by_name": dict(sorted(Counter(name for name, _, _ in self.calls).items())),
            "writes": self.writes,
            "chain": chain(self.calls),
        }
        return json.dumps(figures)


def chain(calls: Iterable[Call]) -> int:
    """Give the length of the longest sequence in which each call began after the one before it had ended."""
    ends: list[float] = []
    """The earliest end of a sequence of each length."""
    for _, began, ended in sorted(calls, key=lambda call: call[2]):
        length = bisect_right(ends, began)
        if length == len(ends):
            ends.append(ended)
    return len(ends)


COLUMNS = ("case", "0 ms", "20 ms", "of the yardstick", "CPU", "CPU an instance", "peak", "calls", "writes", "chain")


def table(results: Sequence[Result]) -> str:
    """Write one row a case, in Markdown."""
    cases: dict[str, dict[float, Result]] = {}
    for each in results:
        cases.setdefault(each.case, {})[each.latency] = each
    no_op = next((each.cpu for each in results if each.case == "no-op"), 0.0)
    rows = [_row(by_latency, no_op) for by_latency in cases.values()]
    lines = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(by_latency: Mapping[float, Result], no_op: float) -> list[str]:
    last = by_latency[max(by_latency)]
    each = 1000 * (last.cpu - no_op) / last.instances if last.instances else 0
    walls = [f"{by_latency[at].wall:.2f} s" if at in by_latency else "" for at in (0.0, 0.02)]
    counted = [str(len(last.calls)), str(last.writes), str(chain(last.calls))] if last.calls else ["0", "0", "0"]
    return [
        last.case,
        *walls,
        f"{last.ratio:.2f}",
        f"{last.cpu:.2f} s" if last.cpu else "",
        f"{each:.2f} ms" if last.instances >= 1000 else "",  # noqa: PLR2004 - of fewer the start-up is the most
        f"{max(sample.peak for sample in last.samples):.0f} MB" if last.cpu else "",
        *counted,
    ]
