"""The outputs of release: what each means and how it is computed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh.output.step_outputs import Output, as_list, computed

if TYPE_CHECKING:
    from refresh.output.release_run import ReleaseRun


@frozen
class _Ended:
    run: ReleaseRun
    report_path: str


OUTPUTS = (
    Output(
        "released-count",
        "Number of machines that went back to the pool.",
        lambda ended: len(ended.run.released),
        "integer",
    ),
    Output(
        "ended-count",
        "Number of machines that were ended instead.",
        lambda ended: len(ended.run.ended),
        "integer",
    ),
    Output(
        "instance-ids",
        'Ids of both, as a JSON list, `["i-0123456789abcdef0"]`. Cut at 16 KiB, some 700; the report file lists all.',
        lambda ended: as_list(each.id for each in (*ended.run.released, *ended.run.ended)),
    ),
    Output(
        "minutes",
        "Minutes that the run had these machines, all together, rounded up.",
        lambda ended: ended.run.minutes,
        "integer",
    ),
    Output(
        "report-path",
        "The whole report as a JSON file, relative to the workspace.",
        lambda ended: ended.report_path,
    ),
)
"""In the order of release/action.yml, which is generated from them."""


def outputs(run: ReleaseRun, report_path: str) -> dict[str, str]:
    """Compute every output, by name."""
    return computed(OUTPUTS, _Ended(run, report_path))
