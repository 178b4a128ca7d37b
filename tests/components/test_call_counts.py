"""How many calls runs make."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from refresh.output.job_summary import markdown
from refresh.pool import names, records
from tests.fakes.desired import OTHER_IMAGE
from tests.fakes.world import World, in_minutes

if TYPE_CHECKING:
    from refresh.ports import Clients


def test_the_first_run_writes_everything_once(world: World) -> None:
    """It writes each resource and item once, and makes 41 calls, three of them to GitHub."""
    world.refresh()
    assert len(world.aws.calls) + len(world.github.calls) <= 41, Counter(world.aws.calls)
    assert Counter(world.aws.writes) == {
        "dynamodb:CreateTable": 1,
        "dynamodb:UpdateTimeToLive": 1,
        "dynamodb:PutItem": len(names.METADATA_IDENTIFIERS) + 1,
        "ec2:CreateLaunchTemplate": 1,
        "sqs:CreateQueue": 7,
    }
    repository = "/repos/octo/widgets/actions/runners"
    assert sorted(world.github.calls) == [
        f"GET {repository}/downloads",
        f"GET {repository}?page=1&per_page=100",
        f"POST {repository}/registration-token",
    ]


def test_living_instances_and_history_add_no_call_to_a_run_that_changes_nothing(
    refreshed: World, clients: Clients
) -> None:
    before = refreshed.items(clients)
    refreshed.forget_calls()
    assert refreshed.refresh().exit_code == 0
    empty = refreshed.aws.counted()
    assert (refreshed.aws.writes, refreshed.github.calls) == ([], [])
    assert refreshed.items(clients) == before
    for instance_id in refreshed.launch(clients, 20):
        refreshed.record(clients, instance_id, state="running", runId="4711", threshold=in_minutes(10))
    for number in range(50):
        ended = records.InstanceRecord(id=f"i-{number:017x}", state="idle", run_id="", threshold="")
        clients.dynamodb.put_item(TableName=refreshed.table, Item=records.history_item(ended, datetime.now(UTC)))
    refreshed.forget_calls()
    refreshed.refresh()
    assert refreshed.aws.counted() == empty
    assert len(refreshed.aws.calls) == 14
    assert refreshed.aws.writes == []


@pytest.mark.parametrize(
    ("changed", "writes"),
    [
        ({"max_idle_time": "8m"}, ["dynamodb:PutItem", "dynamodb:PutItem"]),
        (
            {"ami": OTHER_IMAGE},
            ["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate", "dynamodb:PutItem", "dynamodb:PutItem"],
        ),
    ],
)
def test_a_changed_input_costs_the_fewest_writes_in_the_safe_order(
    refreshed: World, changed: dict[str, str], writes: list[str]
) -> None:
    """A version exists before it becomes the default, and is the default before it is recorded; SETTINGS come last."""
    refreshed.refresh(**changed)
    assert refreshed.aws.writes == writes


def test_30_expired_instances_end_in_one_run_in_batches(refreshed: World, clients: Clients) -> None:
    """One transaction marks them, one call terminates them, and two transactions clean up."""
    # Not more: moto copies the whole table for each action of a transaction.
    for instance_id in refreshed.launch(clients, 30):
        refreshed.record(clients, instance_id)
    refreshed.forget_calls()
    report = refreshed.refresh()
    assert report.exit_code == 0, markdown(report)
    assert Counter(refreshed.aws.writes) == {"dynamodb:TransactWriteItems": 1 + 2, "ec2:TerminateInstances": 1}
    assert set(refreshed.states(clients).values()) == {"terminated"}
    assert {key.partition(" ")[0] for key in refreshed.items(clients)} == {
        "TYPE#METADATA",
        "TYPE#SETTINGS",
        "TYPE#HISTORY",
    }
