"""What was measured of a case, and the table of all."""

from __future__ import annotations

import json
from collections import Counter
from statistics import median
from typing import TYPE_CHECKING, Any

from attrs import frozen

from tests.fakes import operations

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

Call = tuple[str, int]
"""Its name, and the generation of calls in which it was made, from 1."""


@frozen
class Sample:
    """One run of a process."""

    wall: float
    cpu: float | None = None
    """None where it is not this process's, as of `docker run`."""
    peak: float | None = None
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
    code: int = 0
    """With which every run ended."""

    @property
    def wall(self) -> float:
        """Give the median of the seconds."""
        return median(each.wall for each in self.samples)

    @property
    def cpu(self) -> float | None:
        """Give the median of the CPU seconds, where they are known."""
        known = [each.cpu for each in self.samples if each.cpu is not None]
        return median(known) if known else None

    @property
    def peak(self) -> float | None:
        """Give the largest peak of memory."""
        return max((each.peak for each in self.samples if each.peak is not None), default=None)

    @property
    def ratio(self) -> float:
        """Compare with the yardstick."""
        return self.wall / median(each.wall for each in self.yardstick)

    @property
    def writes(self) -> int:
        """Count the calls that are no reads."""
        return sum(not operations.reads(name) for name, _ in self.calls)

    def written(self) -> str:
        """Write it as one JSON object."""
        figures: dict[str, Any] = {
            "case": self.case,
            "backend": self.backend,
            "latency_ms": round(self.latency * 1000),
            "runs": len(self.samples),
            "wall_s": round(self.wall, 3),
            "of_yardstick": round(self.ratio, 2),
            "cpu_s": None if self.cpu is None else round(self.cpu, 3),
            "peak_mb": None if self.peak is None else round(self.peak),
            "calls": len(self.calls),
            "calls_by_name": dict(sorted(Counter(name for name, _ in self.calls).items())),
            "writes": self.writes,
            "chain": chain(self.calls),
            "exit_code": self.code,
        }
        return json.dumps(figures)


def of_yardstick(results: Sequence[Result]) -> Result:
    """Give the yardstick's own figures, of all its runs."""
    samples = tuple(each for result in results for each in result.yardstick)
    return Result(case="yardstick", backend="none", latency=0.0, samples=samples, yardstick=samples)


def chain(calls: Iterable[Call]) -> int:
    """Return the length of the longest sequence of calls in which each waits for the answer of the one before."""
    return max((generation for _, generation in calls), default=0)


START_UP = "no-op"
"""The case whose CPU time a run takes in any case."""
COLUMNS = ("case", "0 ms", "20 ms", "of the yardstick", "CPU", "CPU an instance", "peak", "calls", "writes", "chain")


def table(results: Sequence[Result]) -> str:
    """Write one row a case, in Markdown."""
    cases: dict[str, dict[float, Result]] = {}
    for each in results:
        cases.setdefault(each.case, {})[each.latency] = each
    rows = [_row(by_latency, cases.get(START_UP, {})) for by_latency in cases.values()]
    lines = [COLUMNS, ["---", *["---:"] * (len(COLUMNS) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _row(by_latency: Mapping[float, Result], start_up: Mapping[float, Result]) -> list[str]:
    latency, last = max(by_latency.items())
    first = start_up[latency].cpu if latency in start_up else None
    # Of fewer instances the start-up is the most.
    many = last.instances >= 1000 and last.cpu is not None and first is not None  # noqa: PLR2004 - see above
    each = f"{1000 * (last.cpu - first) / last.instances:.2f} ms" if many else ""  # type: ignore[operator] # as `many` says
    walls = [f"{by_latency[at].wall:.2f} s" if at in by_latency else "" for at in (0.0, 0.02)]
    counted = [str(len(last.calls)), str(last.writes), str(chain(last.calls))] if last.calls else ["0", "0", "0"]
    return [
        last.case,
        *walls,
        f"{last.ratio:.2f}",
        "" if last.cpu is None else f"{last.cpu:.2f} s",
        each,
        "" if last.peak is None else f"{last.peak:.0f} MB",
        *counted,
    ]
