"""The collector on the emulator: who ends, who is left alone, and what remains."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.pool import names, records
from tests.fakes.desired import IMAGE, RUN_URL, TABLE, TEMPLATE
from tests.fakes.github_server import runner
from tests.fakes.world import SleeplessClock, World, in_minutes
from tests.reports import component, told

if TYPE_CHECKING:
    from refresh.ports import Clients

STRANGER = "i-0fffffffffffffff0"


@pytest.mark.parametrize("state", ["created", "idle", "claimed", "running"])
def test_an_expired_instance_ends_and_its_history_stays(refreshed: World, clients: Clients, state: str) -> None:
    """Record, heartbeat and signal go together with the writing of the history item."""
    (instance_id,) = refreshed.launch(clients)
    threshold = in_minutes(-1)
    refreshed.record(clients, instance_id, state=state, runId="4711", threshold=threshold)
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
    assert history == {
        **records.key(records.HISTORY, instance_id),
        "entityType": {"S": "HISTORY"},
        "identifier": {"S": instance_id},
        "endedState": {"S": state},
        "endedRunId": {"S": "4711"},
        "endedThreshold": {"S": threshold},
        "endedReason": {"S": "expired"},
        "endedBy": {"S": RUN_URL},
        "resourceClass": {"S": "large"},
        "instanceType": {"S": "t3.micro"},
        "usageClass": {"S": "on-demand"},
    }


@pytest.mark.parametrize("threshold", ["", None, "soon", "2999-01-31T09:05:00Z"])
@pytest.mark.parametrize("state", ["created", "idle", "claimed", "running"])
def test_an_instance_that_is_not_expired_is_left_alone(
    refreshed: World, clients: Clients, state: str, threshold: str | None
) -> None:
    """Nor one whose threshold is missing or cannot be read."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id, state=state, threshold=threshold)
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "running"}
    assert refreshed.left(clients, instance_id) == ["HEARTBEAT", "INSTANCE", "WS"]


def test_what_an_earlier_run_marked_is_ended(refreshed: World, clients: Clients) -> None:
    """However long ago it died."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id, datetime.now(UTC) - timedelta(days=3), state="terminated", threshold="")
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "terminated"}
    assert refreshed.left(clients, instance_id) == ["HISTORY"]


def test_an_ended_instance_that_ec2_has_forgotten_is_cleaned_once_its_mark_is_ten_minutes_old(
    refreshed: World, clients: Clients
) -> None:
    """Not sooner: EC2 answers late."""
    now = datetime.now(UTC)
    refreshed.record(clients, "i-00000001", now - timedelta(minutes=11), state="terminated")
    refreshed.record(clients, "i-00000002", now - timedelta(minutes=9), state="terminated")
    refreshed.settle()
    assert refreshed.left(clients, "i-00000001") == ["HISTORY"]
    assert refreshed.left(clients, "i-00000002") == ["HEARTBEAT", "INSTANCE", "WS"]


def _launch_stranger(clients: Clients, **tags: str) -> str:
    """Launch an instance that no template of ours made."""
    reservation = clients.ec2.run_instances(
        ImageId=IMAGE,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[
            {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
        ]
        if tags
        else [],
    )
    return reservation["Instances"][0]["InstanceId"]


@pytest.mark.shows("A2")
@pytest.mark.parametrize("state", ["idle", "running", "terminated"])
def test_a_forged_record_ends_nobody_s_instance(refreshed: World, clients: Clients, state: str) -> None:
    """A job on a runner can write records; EC2's own tags it cannot."""
    database = _launch_stranger(clients, Name="database")
    refreshed.record(clients, database, datetime.now(UTC) - timedelta(days=1), state=state)
    report = refreshed.settle()
    assert refreshed.states(clients) == {database: "running"}
    assert refreshed.left(clients, database) == ["HEARTBEAT", "INSTANCE", "WS"]
    (warning,) = component(report, "garbage collector").warnings
    assert database in warning


def test_an_instance_of_the_original_without_a_template_tag_is_proven_by_provision_s_tags(
    refreshed: World, clients: Clients
) -> None:
    """Both of them."""
    ours = _launch_stranger(clients, AllowSelfTermination="true", InitialRunId="42")
    half = _launch_stranger(clients, InitialRunId="42")
    for instance_id in (ours, half):
        refreshed.record(clients, instance_id)
    refreshed.settle()
    assert refreshed.states(clients) == {ours: "terminated", half: "running"}


@pytest.mark.shows("A20")
def test_a_protected_instance_is_kept_and_mentioned_every_run(refreshed: World, clients: Clients) -> None:
    """Its owner wants to look at it; without the tag it ends."""
    tag: Any = {"Key": "refresh-action:protect", "Value": "true"}
    (instance_id,) = refreshed.launch(clients, **{tag["Key"]: tag["Value"]})
    refreshed.record(clients, instance_id)
    for _ in range(2):
        (warning,) = component(refreshed.settle(), "garbage collector").warnings
        assert instance_id in warning
    clients.ec2.delete_tags(Resources=[instance_id], Tags=[tag])
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "terminated"}


@pytest.mark.shows("A3")
def test_a_neighbour_s_pool_in_the_same_account_is_never_touched(refreshed: World, clients: Clients) -> None:
    """Nor read, but by its own run."""
    neighbour = World(refreshed.aws, refreshed.github, names.Repository("octo", "gadgets"))
    neighbour.settle()
    (theirs,) = neighbour.launch(clients)
    neighbour.record(clients, theirs)
    (ours,) = refreshed.launch(clients)
    refreshed.record(clients, ours)
    refreshed.record(clients, theirs, state="idle", threshold=in_minutes(-60))
    report = refreshed.refresh()
    assert refreshed.states(clients) == {ours: "terminated", theirs: "running"}
    assert any(theirs in warning for warning in component(report, "garbage collector").warnings)
    assert neighbour.left(clients, theirs) == ["HEARTBEAT", "INSTANCE", "WS"]
    neighbour.settle()
    assert refreshed.states(clients)[theirs] == "terminated"


def test_instances_of_a_template_that_was_made_anew_still_end(refreshed: World, clients: Clients) -> None:
    """Their template's id is a former one of ours."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    clients.ec2.delete_launch_template(LaunchTemplateName=TEMPLATE)
    refreshed.refresh()
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "terminated"}


@pytest.mark.shows("A7")
def test_a_claim_between_look_and_mark_wins(refreshed: World, clients: Clients) -> None:
    """Its condition held first; the lost mark is no failure, and the runner lives."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    claimed: list[str] = []

    def claim(operation: str) -> None:
        if operation == "dynamodb:TransactWriteItems" and not claimed:
            claimed.append(instance_id)
            refreshed.record(clients, instance_id, state="claimed", runId="99", threshold=in_minutes(5))

    refreshed.aws.before_call = claim
    report = refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    assert claimed == [instance_id]
    assert report.exit_code == 0
    assert refreshed.states(clients) == {instance_id: "running"}
    assert refreshed.item(clients, records.INSTANCE, instance_id)["runId"] == {"S": "99"}


def test_two_runs_at_once_end_an_instance_once(refreshed: World, clients: Clients) -> None:
    """The second finds its mark lost and does no harm."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    other: list[int] = []

    def meanwhile(operation: str) -> None:
        if operation == "dynamodb:TransactWriteItems" and not other:
            other.append(0)
            other[0] = refreshed.refresh().exit_code

    refreshed.aws.before_call = meanwhile
    report = refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    assert (other, report.exit_code) == ([0], 0)
    assert refreshed.aws.counted()["ec2:TerminateInstances"] == 1
    assert refreshed.left(clients, instance_id) == ["HISTORY"]


def test_an_instance_that_vanishes_before_it_is_ended_fails_nobody(refreshed: World, clients: Clients) -> None:
    """One unknown id fails a whole call; the others still end."""
    instance_ids = refreshed.launch(clients, 3)
    for instance_id in instance_ids:
        refreshed.record(clients, instance_id, state="terminated")
    gone = sorted(instance_ids)[1]
    refused: list[str] = []

    def forget(operation: str) -> tuple[int, bytes] | None:
        body = refreshed.aws.bodies[-1].decode()
        if operation == "ec2:TerminateInstances" and gone in body:
            refused.append(body)
            return 400, (
                f"<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code><Message>The instance ID '{gone}' "
                "does not exist</Message></Error></Errors><RequestID>1</RequestID></Response>"
            ).encode()
        return None

    refreshed.aws.before_call = forget
    refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    states = refreshed.states(clients)
    assert len(refused) >= 2
    assert {instance_id for instance_id, state in states.items() if state == "running"} == {gone}


@pytest.mark.shows("A9")
def test_malformed_records_are_mentioned_and_stop_nothing(refreshed: World, clients: Clients) -> None:
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
    warnings = component(report, "garbage collector").warnings
    assert len(warnings) == 4
    assert all("correct or delete the record" in warning for warning in warnings)


def test_an_instance_that_ec2_ended_by_itself_is_cleaned_up(refreshed: World, clients: Clients) -> None:
    """A spot interruption, somebody's console: no need to wait for the threshold."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id, state="running", threshold=in_minutes(30))
    clients.ec2.terminate_instances(InstanceIds=[instance_id])
    report = refreshed.settle()
    assert "ec2:TerminateInstances" not in refreshed.aws.calls
    assert component(report, "garbage collector").status == "changed 2"
    assert refreshed.left(clients, instance_id) == ["HISTORY"]
    assert refreshed.item(clients, records.HISTORY, instance_id)["endedReason"] == {"S": "vanished"}


def _an_hour_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the run's clock and AWS's agree that an hour has passed since every launch."""

    class _Later(SleeplessClock):
        def now(self) -> datetime:
            return super().now() + timedelta(hours=1)

    monkeypatch.setattr("tests.fakes.world.SleeplessClock", _Later)


def test_an_instance_that_nobody_recorded_is_adopted_and_ended(
    refreshed: World, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its provision died before it could record it; not before its grace is over."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.settle()
    assert refreshed.states(clients) == {instance_id: "running"}
    _an_hour_later(monkeypatch)
    report = refreshed.refresh(registration_token_min_ttl="1m")
    assert [change.done for change in component(report, "garbage collector").done] == [
        "adopted",
        "terminated",
        "cleaned",
    ]
    assert refreshed.states(clients) == {instance_id: "terminated"}
    history = refreshed.item(clients, records.HISTORY, instance_id)
    assert (history["endedReason"], history["endedRunId"]) == ({"S": "unrecorded"}, {"S": "42"})


def test_an_emptied_table_ends_nobody(refreshed: World, clients: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run fails and names them."""
    instance_ids = refreshed.launch(clients, 2)
    _an_hour_later(monkeypatch)
    report = refreshed.refresh()
    assert report.exit_code == 1
    assert all(instance_id in told(report) for instance_id in instance_ids)
    assert set(refreshed.states(clients).values()) == {"running"}


def test_registrations_of_ended_instances_are_removed_from_github(refreshed: World, clients: Clients) -> None:
    """In the run that ended them; those of others stay."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id)
    refreshed.github.runners = [runner(1, f"{instance_id}-3"), runner(2, f"{STRANGER}-1"), runner(3, "laptop")]
    report = refreshed.settle()
    assert [each["id"] for each in refreshed.github.runners] == [2, 3]
    assert component(report, "runner registrations").status == "changed 1"


def test_orphaned_artifacts_go_in_a_run_that_cleans(refreshed: World, clients: Clients) -> None:
    """Those of the living and the young ones stay."""
    (ended, living) = refreshed.launch(clients, 2)
    refreshed.record(clients, ended)
    refreshed.record(clients, living, datetime.now(UTC) - timedelta(hours=2), threshold=in_minutes(30))
    for identifier, hours in ((STRANGER, 2), ("i-0eeeeeeeeeeeeeee0", 0)):
        beat = records.item(records.HEARTBEAT, identifier, datetime.now(UTC) - timedelta(hours=hours), value="PING")
        clients.dynamodb.put_item(TableName=TABLE, Item=beat)
    report = refreshed.settle()
    assert component(report, "orphaned artifacts").status == "changed 1"
    assert refreshed.left(clients, STRANGER) == []
    assert refreshed.left(clients, "i-0eeeeeeeeeeeeeee0") == ["HEARTBEAT"]
    assert refreshed.left(clients, living) == ["HEARTBEAT", "INSTANCE", "WS"]
