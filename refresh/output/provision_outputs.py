"""The outputs of provision: what each means and how it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh.output.step_outputs import Output, as_list, computed
from refresh.pool.runs import CLAIMED, LAUNCHED

if TYPE_CHECKING:
    from refresh.output.provision_run import ProvisionRun


@frozen
class _Ended:
    run: ProvisionRun
    report_path: str


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
        lambda ended: ended.run.numbers[CLAIMED],
        "integer",
    ),
    Output(
        "launched-count",
        "How many of them are new.",
        lambda ended: ended.run.numbers[LAUNCHED],
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
