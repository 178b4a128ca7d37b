"""Sending the metrics of a run: one call, and never another result of the run."""

from __future__ import annotations

import io
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field, frozen

from refresh import errors
from refresh.actions import metrics
from refresh.desired import Mode
from refresh.engine.report import ComponentReport, Report
from refresh.output.metrics import NAMESPACE, metric_data
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from refresh.workflow.shutdown import Shutdown
from tests.fakes.desired import desired

if TYPE_CHECKING:
    from collections.abc import Callable

REPORT = Report((), desired=desired(metrics=True))
REFUSED = errors.PermissionDenied("cloudwatch:PutMetricData", "AccessDenied", "no.", remedy="Allow it.")


@define
class _CloudWatch:
    """A client that keeps what it is given, or refuses it."""

    refusal: errors.RefreshError | None = None
    made: list[dict[str, Any]] = field(factory=list)

    def cloudwatch(self) -> _CloudWatch:
        """Give itself."""
        return self

    def put_metric_data(self, **request: Any) -> None:
        """Keep it, or refuse it."""
        self.made.append(request)
        if self.refusal:
            raise self.refusal


@frozen
class _Stopped(Shutdown):
    """A run that was asked to stop, and whether it still waits."""

    impatient: Callable[[], bool]

    def out_of_patience(self) -> bool:
        """Tell."""
        return self.impatient()


class _Busy(ThreadPoolExecutor):
    """Threads that are all taken: nothing that they are given begins."""

    def submit(self, *_: Any, **__: Any) -> Future[Any]:
        """Keep it waiting."""
        return Future()


def _sent(
    client: _CloudWatch,
    report: Report = REPORT,
    shutdown: Shutdown | None = None,
    threads: type[ThreadPoolExecutor] = ThreadPoolExecutor,
) -> str:
    raw = io.StringIO()
    with threads(1) as executor:
        made: Any = client
        metrics.send(report, made, executor, Commands({}, RedactingStream(raw)), shutdown or Shutdown())
    return raw.getvalue()


def test_all_values_are_sent_in_one_call(capfd: pytest.CaptureFixture[str]) -> None:
    client = _CloudWatch()
    assert _sent(client) == ""
    assert client.made == [{"Namespace": NAMESPACE, "MetricData": metric_data(REPORT)}]
    assert f"number: {len(metric_data(REPORT))}" in capfd.readouterr().out


@pytest.mark.parametrize(
    "report",
    [
        Report((), desired=desired()),
        Report((ComponentReport(name="a", mode=Mode.PLAN),), desired=desired(metrics=True)),
        Report(()),
    ],
    ids=["not asked for", "plan", "no inputs"],
)
def test_nothing_is_sent_unless_asked_for_or_by_a_plan(report: Report) -> None:
    client = _CloudWatch()
    assert (_sent(client, report), client.made) == ("", [])


def test_a_refusal_is_a_warning_with_its_remedy() -> None:
    printed = _sent(_CloudWatch(REFUSED))
    assert printed.startswith(
        "warning: metrics: the metrics of this run were not sent: PermissionDenied: cloudwatch:Put"
    )
    assert "Allow it." in printed


def test_a_stopped_run_sends_them_while_it_has_patience() -> None:
    client = _CloudWatch()
    assert _sent(client, shutdown=_Stopped(lambda: False)) == ""
    assert len(client.made) == 1


def test_a_stopped_run_without_patience_sends_nothing() -> None:
    client = _CloudWatch()
    assert "in the time that a stopped run has" in _sent(client, shutdown=_Stopped(lambda: True))
    assert client.made == []


def test_a_stopped_run_does_not_wait_for_an_answer_that_does_not_come() -> None:
    looks = iter([False, False, True])
    printed = _sent(_CloudWatch(), shutdown=_Stopped(lambda: next(looks)), threads=_Busy)
    assert "in the time that a stopped run has" in printed
