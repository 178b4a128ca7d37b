"""The collector on the emulator: who ends, who is left alone, and what remains."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.pool import names, records
from tests.fakes.desired import IMAGE, RUN_URL, TABLE
from tests.fakes.github_server import runner
from tests.fakes.world import SleeplessClock, World, in_minutes
from tests.reports import component

if TYPE_CHECKING:
    from refresh.ports import Clients

STRANGER, YOUNG = "i-0fffffffffffffff0", "i-0eeeeeeeeeeeeeee0"
ALL = ["HEARTBEAT", "INSTANCE", "WS"]


def _warnings(report: Any) -> tuple[str, ...]:
    return component(report, "garbage collector").warnings


def test_an_expired_instance_ends_and_its_history_stays(refreshed: World, clients: Clients) -> None:
    """Record, heartbeat and signal go together with the writing of the history item."""
    (instance_id,) = refreshed.launch(clients)
    threshold = in_minutes(-1)
    refreshed.record(clients, instance_id, state="running", runId="4711", threshold=threshold)
    report = refreshed.settle()
    assert component(report, "garbage collector").status == "changed 3"
    assert refreshed.states(clients) == {instance_id: "terminated"}
    assert refreshed.left(clients, instance_id) == ["HISTORY"]
    history = refreshed.item(clients, records.HISTORY, instance_id)
    expires_in = int(history.pop("expiresAt")["N"]) - datetime.now(UTC).timestamp()
    ended_at = history.pop("endedAt")["S"]
    assert abs(expires_in - 30 * 24 * 3600) < 60
    assert in_minutes(-1) < ended_at <= in_minutes(0)
    assert history.pop("updatedAt")["S"] >= ended_at
    assert in_minutes(-5) < history.pop("launchedAt")["S"] <= ended_at
    assert history == {
        **records.key(records.HISTORY, instance_id),
        "entityType": {"S": "HISTORY"},
        "identifier": {"S": instance_id},
        "endedState": {"S": "running"},
        "endedRunId": {"S": "4711"},
        "endedThreshold": {"S": threshold},
        "endedReason": {"S": "expired"},
        "endedBy": {"S": RUN_URL},
        "resourceClass": {"S": "large"},
        "instanceType": {"S": "t3.micro"},
        "usageClass": {"S": "on-demand"},
        "busySeconds": {"N": "0"},
    }


def _launch_stranger(clients: Clients, **tags: str) -> str:
    """Launch an instance without a template."""
    listed: Any = [{"Key": key, "Value": value} for key, value in tags.items()]
    specifications: Any = [{"ResourceType": "instance", "Tags": listed}]
    launched = clients.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1, TagSpecifications=specifications)
    return launched["Instances"][0]["InstanceId"]


@pytest.mark.shows("A2")
@pytest.mark.parametrize("state", ["running", "terminated"])
def test_a_forged_record_does_not_end_another_owners_instance(refreshed: World, clients: Clients, state: str) -> None:
    """A job on a runner can write records, but not EC2's tags."""
    database = _launch_stranger(clients, Name="database")
    refreshed.record(clients, database, datetime.now(UTC) - timedelta(days=1), state=state)
    (warning,) = _warnings(refreshed.settle())
    assert database in warning
    assert refreshed.states(clients) == {database: "running"}
    assert refreshed.left(clients, database) == ALL


@pytest.mark.shows("A20")
def test_a_protected_instance_is_kept_with_a_warning_in_every_run(refreshed: World, clients: Clients) -> None:
    tag: Any = {"Key": "refresh-action:protect", "Value": "true"}
    (instance_id,) = refreshed.launch(clients, **{tag["Key"]: tag["Value"]})
    refreshed.record(clients, instance_id)
    for _ in range(2):
        (warning,) = _warnings(refreshed.settle())
        assert instance_id in warning
    clients.ec2.delete_tags(Resources=[instance_id], Tags=[tag])
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "terminated"}


@pytest.mark.shows("A3")
def test_another_pool_of_the_account_is_touched_by_its_own_run_only(refreshed: World, clients: Clients) -> None:
    neighbour = World(refreshed.aws, refreshed.github, names.Repository("octo", "gadgets"))
    neighbour.settle()
    (theirs,) = neighbour.launch(clients)
    neighbour.record(clients, theirs)
    (ours,) = refreshed.launch(clients)
    refreshed.record(clients, ours)
    refreshed.record(clients, theirs, state="idle", threshold=in_minutes(-60))
    report = refreshed.refresh()
    assert refreshed.states(clients) == {ours: "terminated", theirs: "running"}
    assert any(theirs in warning for warning in _warnings(report))
    assert neighbour.left(clients, theirs) == ALL
    neighbour.settle()
    assert refreshed.states(clients)[theirs] == "terminated"


@pytest.mark.shows("A7")
def test_a_claim_before_the_mark_wins(refreshed: World, clients: Clients) -> None:
    """The lost mark is no failure, and the runner lives."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    claimed: list[str] = []

    def claim(operation: str) -> None:
        if operation == "dynamodb:TransactWriteItems" and not claimed:
            claimed.append(instance_id)
            refreshed.record(clients, instance_id, state="claimed", runId="99", threshold=in_minutes(5))

    refreshed.aws.before_call = claim
    assert refreshed.refresh().exit_code == 0
    assert claimed == [instance_id]
    assert refreshed.states(clients) == {instance_id: "running"}
    assert refreshed.item(clients, records.INSTANCE, instance_id)["runId"] == {"S": "99"}


@pytest.mark.shows("A9")
def test_malformed_records_are_warnings_and_stop_nothing(refreshed: World, clients: Clients) -> None:
    """Instances write to this table too."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    for broken in (
        {**records.key(records.INSTANCE, "nonsense"), "state": {"S": "idle"}},
        {**records.key(records.INSTANCE, "i-00000001")},
        {**records.key(records.INSTANCE, "i-00000002"), "state": {"S": "idle"}, "threshold": {"N": "1"}},
        {**records.key(records.INSTANCE, "i-00000003"), "state": {"S": "::error::boo"}},
    ):
        clients.dynamodb.put_item(TableName=TABLE, Item=broken)
    report = refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "terminated"}
    assert len(_warnings(report)) == 4


@pytest.fixture
def an_hour_later(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function after which the run's clock and AWS's agree that an hour has passed since every launch."""

    class _Later(SleeplessClock):
        def now(self) -> datetime:
            return super().now() + timedelta(hours=1)

    return lambda: monkeypatch.setattr("tests.fakes.world.SleeplessClock", _Later)


def test_an_instance_without_a_record_is_adopted_after_its_grace(
    refreshed: World, clients: Clients, an_hour_later: Any
) -> None:
    """Its provision died before it could record it."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "running"}
    an_hour_later()
    done = component(refreshed.refresh(registration_token_min_ttl="1m"), "garbage collector").done
    assert [change.done for change in done] == ["adopted", "terminated", "cleaned"]
    assert refreshed.states(clients) == {instance_id: "terminated"}
    history = refreshed.item(clients, records.HISTORY, instance_id)
    assert (history["endedReason"], history["endedRunId"]) == ({"S": "unrecorded"}, {"S": "42"})


def test_what_ended_instances_left_elsewhere_is_removed_in_the_same_run(refreshed: World, clients: Clients) -> None:
    """Registrations on GitHub and orphaned artifacts; those of the living, of others and the young ones stay."""
    (ended, living) = refreshed.launch(clients, 2)
    refreshed.record(clients, ended)
    refreshed.record(clients, living, datetime.now(UTC) - timedelta(hours=2), threshold=in_minutes(30))
    for identifier, hours in ((STRANGER, 2), (YOUNG, 0)):
        beat = records.item(records.HEARTBEAT, identifier, datetime.now(UTC) - timedelta(hours=hours), value="PING")
        clients.dynamodb.put_item(TableName=TABLE, Item=beat)
    refreshed.github.runners = [runner(1, f"{ended}-3"), runner(2, f"{STRANGER}-1"), runner(3, "laptop")]
    report = refreshed.settle()
    assert [each["id"] for each in refreshed.github.runners] == [2, 3]
    assert component(report, "runner registrations").status == "changed 1"
    assert component(report, "orphaned artifacts").status == "changed 1"
    left = [refreshed.left(clients, identifier) for identifier in (STRANGER, YOUNG, living)]
    assert left == [[], ["HEARTBEAT"], ALL]
