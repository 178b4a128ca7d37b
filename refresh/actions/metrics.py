"""Sends the metrics of a run to CloudWatch, in one call; whatever happens to it, the run's result stays as it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.actions import surroundings
from refresh.output.metrics import NAMESPACE, metric_data
from refresh.workflow import log

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Executor

    from refresh.engine.report import Report
    from refresh.output.metrics import Value
    from refresh.ports import OnDemand
    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown

_UNANSWERED = (
    "CloudWatch has not answered in the time that a stopped run has. Nothing else is lost: the next run sends its own."
)


def send(report: Report, on_demand: OnDemand, executor: Executor, commands: Commands, shutdown: Shutdown) -> None:
    """Send the values of a run that changed AWS, or was to; warn if CloudWatch does not take them.

    A run that was asked to stop sends them too, but waits only as long as for its other calls.
    """
    if report.desired is None or not report.desired.metrics or report.planning:
        return
    values = metric_data(report)
    problem = _UNANSWERED
    if not shutdown.out_of_patience():
        sending = executor.submit(_problem, on_demand, values)
        problem = surroundings.result_of(sending, shutdown, lambda: _UNANSWERED)
    if problem:
        commands.annotate("warning", "metrics", f"the metrics of this run were not sent: {problem}")
    else:
        log.info("metrics.sent", number=len(values))


def _problem(on_demand: OnDemand, values: Sequence[Value]) -> str:
    """Send the values; return why that failed, or ""."""
    try:
        on_demand.cloudwatch().put_metric_data(Namespace=NAMESPACE, MetricData=values)
    except errors.RefreshError as error:
        return str(error)
    return ""
