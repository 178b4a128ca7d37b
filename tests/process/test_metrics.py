"""The metrics of a run as CloudWatch gets them, from the entrypoint as a child process."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

from refresh.output.metrics import MOST, NAMESPACE
from tests.fakes.world import refusal
from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.fakes.world import World

CALL = "cloudwatch:PutMetricData"


def _values(world: World) -> Mapping[str, float]:
    """Return the values of the whole pool that the one call had."""
    (body,) = [body for call, body in zip(world.aws.calls, world.aws.bodies, strict=True) if call == CALL]
    sent = json.loads(body)
    assert sent["Namespace"] == NAMESPACE
    pool = [{"Name": "Pool", "Value": str(world.repository)}]
    return {each["MetricName"]: each["Value"] for each in sent["MetricData"] if each["Dimensions"] == pool}


def test_a_run_with_metrics_makes_exactly_one_call_more(refreshed: World) -> None:
    assert refreshed.run()[0] == 0
    before = refreshed.aws.counted()
    refreshed.forget_calls()
    code, printed = refreshed.run(metrics="true")
    assert code == 0, printed
    assert refreshed.aws.counted() - before == {CALL: 1}
    assert before - refreshed.aws.counted() == {}
    values = _values(refreshed)
    assert (values["Runs"], values["Failed"], values["Instances"]) == (1, 0, 0)
    assert values["TokenLifeSeconds"] > 0
    assert "metrics.sent" in printed
    listed = policies.client(refreshed.aws, "cloudwatch").list_metrics(Namespace=NAMESPACE)["Metrics"]
    assert {each["MetricName"] for each in listed} == {*values}


def test_a_plan_sends_no_metrics(refreshed: World) -> None:
    assert refreshed.run(metrics="true", mode="plan")[0] == 0
    assert CALL not in refreshed.aws.calls


def test_a_failed_run_sends_that_it_failed(refreshed: World) -> None:
    refreshed.aws.before_call = lambda call: refusal(call, "AccessDenied") if call == "sqs:GetQueueAttributes" else None
    code, printed = refreshed.run(metrics="true")
    assert code == 1, printed
    assert _values(refreshed)["Failed"] == 1


@pytest.mark.shows("F28a")
@pytest.mark.parametrize(
    ("code", "status", "words"),
    [
        pytest.param("AccessDenied", 403, ("Allow cloudwatch:PutMetricData in the IAM policy",), id="F28a-denied"),
        pytest.param("InternalServiceFault", 500, ("Unavailable: cloudwatch:PutMetricData",), id="F28a-down"),
    ],
)
def test_metrics_that_are_not_taken_are_a_warning_and_change_no_exit_code(
    refreshed: World, code: str, status: int, words: tuple[str, ...]
) -> None:
    refreshed.aws.before_call = lambda call: refusal(call, code, status) if call == CALL else None
    ended, printed = refreshed.run({"GITHUB_ACTIONS": "true"}, metrics="true")
    assert ended == 0, printed
    assert "::warning title=metrics::the metrics of this run were not sent: " in printed
    assert policies.missing(printed, words) == [], printed
    assert "Traceback" not in printed
    assert refreshed.aws.calls.count(CALL) <= 3


def test_a_cancelled_run_sends_that_it_failed_and_no_other_call(world: World, tmp_path: Path) -> None:
    child = world.start({"GITHUB_WORKSPACE": str(tmp_path)}, metrics="true")

    def cancel(operation: str) -> None:
        if operation == "dynamodb:CreateTable":
            child.send_signal(signal.SIGTERM)

    world.aws.before_call = cancel
    printed, _ = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "stopped as asked" in printed
    assert "sqs:CreateQueue" not in world.aws.calls
    assert _values(world)["Failed"] == 1, printed


def test_the_largest_call_is_compressed_and_understood(world: World) -> None:
    """Above ten kilobytes botocore compresses it."""
    values = [{"MetricName": f"m{number}", "Value": number, "Unit": "Count"} for number in range(MOST)]
    world.clients().on_demand.cloudwatch().put_metric_data(Namespace=NAMESPACE, MetricData=values)
    assert world.aws.calls == [CALL]
    assert json.loads(world.aws.bodies[0])["MetricData"] == values
