"""What runs cost, counted in calls: counts are exact where seconds are noisy."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from refresh.output.job_summary import markdown
from refresh.pool import records
from tests.fakes.desired import OTHER_IMAGE
from tests.fakes.world import World, in_minutes

if TYPE_CHECKING:
    from refresh.ports import Clients


def test_the_first_run_writes_everything_once(world: World) -> None:
    """One write a resource and one an item; with its looks it makes 40 calls, three of them to GitHub."""
    world.refresh()
    assert len(world.aws.calls) + len(world.github.calls) <= 40, Counter(world.aws.calls)
    assert Counter(world.aws.writes) == {
        "dynamodb:CreateTable": 1,
        "dynamodb:UpdateTimeToLive": 1,
        "dynamodb:PutItem": 8,
        "ec2:CreateLaunchTemplate": 1,
        "sqs:CreateQueue": 7,
    }
    repository = "/repos/octo/widgets/actions/runners"
    assert sorted(world.github.calls) == [
        f"GET {repository}/downloads",
        f"GET {repository}?page=1&per_page=100",
        f"POST {repository}/registration-token",
    ]


def test_a_run_that_changes_nothing_costs_the_same_with_living_instances_and_history(
    refreshed: World, clients: Clients
) -> None:
    """Twenty runners at work and fifty ended ones in the history add no call and no write."""
    refreshed.refresh()
    empty = refreshed.aws.counted()
    for instance_id in refreshed.launch(clients, 20):
        refreshed.record(clients, instance_id, state="running", runId="4711", threshold=in_minutes(10))
    for number in range(50):
        ended = records.InstanceRecord(id=f"i-{number:017x}", state="idle", run_id="", threshold="")
        clients.dynamodb.put_item(TableName=refreshed.table, Item=records.history_item(ended, datetime.now(UTC)))
    refreshed.forget_calls()
    refreshed.refresh()
    assert refreshed.aws.counted() == empty
    assert len(refreshed.aws.calls) == 13
    assert refreshed.aws.writes == []


def test_a_changed_parameter_costs_one_write(refreshed: World) -> None:
    """An idle time that leaves the queues' retention as it is writes its own item only."""
    refreshed.refresh(max_idle_time="8m")
    assert refreshed.aws.writes == ["dynamodb:PutItem"]


def test_a_new_image_costs_three_writes_in_the_safe_order(refreshed: World) -> None:
    """The version exists before the default moves, and the default moves before it is recorded."""
    refreshed.refresh(ami=OTHER_IMAGE)
    assert refreshed.aws.writes == [
        "ec2:CreateLaunchTemplateVersion",
        "ec2:ModifyLaunchTemplate",
        "dynamodb:PutItem",
    ]


def test_30_expired_instances_end_in_one_run_in_batches(refreshed: World, clients: Clients) -> None:
    """One transaction marks them, one call ends them, two transactions clean up; all in the same run."""
    # Not more: moto copies the whole table for each action of a transaction.
    for instance_id in refreshed.launch(clients, 30):
        refreshed.record(clients, instance_id)
    refreshed.forget_calls()
    report = refreshed.refresh()
    assert report.exit_code == 0, markdown(report)
    assert Counter(refreshed.aws.writes) == {"dynamodb:TransactWriteItems": 1 + 2, "ec2:TerminateInstances": 1}
    assert set(refreshed.states(clients).values()) == {"terminated"}
    assert {key.partition(" ")[0] for key in refreshed.items(clients)} == {"TYPE#METADATA", "TYPE#HISTORY"}
