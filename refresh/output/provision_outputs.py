"""The outputs of provision: what each means and how it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from refresh.output.step_outputs import Output, as_list, computed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

HELD, CLAIMED, LAUNCHED = "held", "claimed", "launched"
"""Where a machine came from: an earlier attempt of the run, the pool, or EC2."""


class ReadyMachine(Protocol):
    """A machine that is ready for the run."""

    @property
    def id(self) -> str:
        """Its instance id."""

    @property
    def origin(self) -> str:
        """`HELD`, `CLAIMED` or `LAUNCHED`."""


class ProvisionRun(Protocol):
    """What the outputs read of a provision that has ended."""

    @property
    def label(self) -> str:
        """What the jobs ask for: the run's label, or that of the hosted runner in its place."""

    @property
    def ready(self) -> Sequence[ReadyMachine]:
        """The machines that jobs can use; none with a hosted runner in their place."""

    @property
    def ends_at(self) -> datetime | None:
        """When the first of them ends at the latest; None without machines."""

    @property
    def available(self) -> bool:
        """Whether the jobs run on machines of the pool."""


@frozen
class _Ended:
    run: ProvisionRun
    report_path: str

    def number(self, origin: str) -> int:
        return sum(each.origin == origin for each in self.run.ready)


OUTPUTS = (
    Output(
        "label",
        "What the jobs name in `runs-on`: the label of the machines, or that of `if-unavailable`.",
        lambda ended: ended.run.label,
    ),
    Output(
        "labels",
        'The same as a JSON list, `["77-tests"]`, for workflows that give `runs-on` a list with `fromJSON`.',
        lambda ended: as_list((ended.run.label,)),
    ),
    Output(
        "count",
        "Number of machines that are ready, also those of an earlier attempt; 0 with `if-unavailable`.",
        lambda ended: len(ended.run.ready),
        "integer",
    ),
    Output(
        "claimed-count",
        "How many of them were idle in the pool.",
        lambda ended: ended.number(CLAIMED),
        "integer",
    ),
    Output(
        "launched-count",
        "How many of them are new.",
        lambda ended: ended.number(LAUNCHED),
        "integer",
    ),
    Output(
        "instance-ids",
        'Their ids, as a JSON list, `["i-0123456789abcdef0"]`.',
        lambda ended: as_list(each.id for each in ended.run.ready),
    ),
    Output(
        "ends-at",
        "Time at which the first of them ends at the latest, `2026-01-31T10:05:00Z`; empty without machines.",
        lambda ended: ended.run.ends_at,
    ),
    Output(
        "available",
        "`true` if the jobs run on machines of the pool, `false` with the runner of `if-unavailable`.",
        lambda ended: ended.run.available,
        "boolean",
    ),
    Output(
        "report-path",
        "The whole report as a JSON file, relative to the workspace.",
        lambda ended: ended.report_path,
    ),
)
"""In the order of provision/action.yml, which is generated from them."""


def outputs(run: ProvisionRun, report_path: str) -> dict[str, str]:
    """Compute every output, by name."""
    return computed(OUTPUTS, _Ended(run, report_path))
