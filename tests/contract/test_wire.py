"""The items as `provision`, `release` and the instances read them, to the letter.

Each reader here is written as theirs is: what it refuses, they refuse.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from boto3.dynamodb.types import TypeDeserializer

from refresh.dynamodb.transactions import Sender
from refresh.engine.change import Done
from refresh.pool import lifecycle, names, records, runs
from refresh.provision import apply
from refresh.provision.changes import Claim, Record, Renew, Start
from tests.fakes.desired import IMAGE, TABLE, TEMPLATE
from tests.fakes.serial import Serial
from tests.fakes.world import World, in_minutes
from tests.simulation.doors import clients_of
from tests.simulation.original_calls import OriginalCalls
from tests.unit.provision import pools

if TYPE_CHECKING:
    from refresh.ports import Clients

TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
DEFAULT_CLASSES = {
    "large": (2, 4096),
    "xlarge": (4, 8192),
    "2xlarge": (8, 16384),
    "4xlarge": (16, 32768),
    "8xlarge": (32, 65536),
    "12xlarge": (48, 98304),
    "16xlarge": (64, 131072),
}


@pytest.fixture
def items(refreshed: World, clients: Clients) -> dict[str, records.Item]:
    """Give every METADATA item after a run, by identifier."""
    found = refreshed.items(clients).values()
    return {item["identifier"]["S"]: item for item in found if item["PK"] == {"S": "TYPE#METADATA"}}


def test_every_item_has_the_contract_s_frame(items: dict[str, records.Item]) -> None:
    """Keys, entity, identifier and time; the payload is in `value`, and nothing else is there but the pool's server."""
    assert set(items) == set(names.METADATA_IDENTIFIERS)
    for identifier, item in items.items():
        value = item.pop("value")
        updated_at = item.pop("updatedAt")["S"]
        server = {"server": {"S": "github.com"}} if identifier == "pool" else {}
        assert item == {
            **server,
            "PK": {"S": "TYPE#METADATA"},
            "SK": {"S": f"ID#{identifier}"},
            "entityType": {"S": "METADATA"},
            "identifier": {"S": identifier},
        }
        assert TIME.fullmatch(updated_at)
        assert len(value) == 1


def test_what_the_original_never_reads_is_in_a_partition_of_its_own(refreshed: World, clients: Clients) -> None:
    """The original reads METADATA by key and whole partitions of others, so it meets no item of another form."""
    found = [item for item in refreshed.items(clients).values() if item["PK"] != {"S": "TYPE#METADATA"}]
    frames = [{name: item[name]["S"] for name in ("PK", "SK", "entityType", "identifier")} for item in found]
    assert frames == [
        {"PK": "TYPE#SETTINGS", "SK": "ID#doors", "entityType": "SETTINGS", "identifier": "doors"},
    ]


def test_nothing_that_the_original_reads_depends_on_its_modes(
    items: dict[str, records.Item], refreshed: World, clients: Clients
) -> None:
    refreshed.refresh(original_modes="false")
    settings = refreshed.item(clients, records.SETTINGS, names.SETTINGS_IDENTIFIER)
    assert settings["value"]["M"]["originalModes"] == {"BOOL": False}
    after = {identifier: refreshed.item(clients, records.METADATA, identifier) for identifier in items}
    for each in (items, after):
        # The instances write less then, so the template has another version; the original reads the name alone.
        del each[names.LAUNCH_TEMPLATE_IDENTIFIER]["updatedAt"]
        for member in ("version", "userDataHash"):
            del each[names.LAUNCH_TEMPLATE_IDENTIFIER]["value"]["M"][member]
    assert after == items


def test_a_record_of_our_release_has_all_that_the_original_reads_in_its_form(
    refreshed: World, clients: Clients
) -> None:
    """It reads six texts; what is added are other attributes."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id, state="running", runId="4711", threshold=in_minutes(10))
    before = refreshed.item(clients, records.INSTANCE, instance_id)
    record = records.read_instance(before)
    assert isinstance(record, records.InstanceRecord)
    doors = dict.fromkeys(records.DOOR_ATTRIBUTES, in_minutes(7))
    written = {"state": lifecycle.IDLE, "runId": "", "threshold": in_minutes(7), **doors}
    update = lifecycle.update(refreshed.table, record, written, lifecycle.Threshold.AHEAD, datetime.now(UTC))
    clients.dynamodb.update_item(**update)
    after = refreshed.item(clients, records.INSTANCE, instance_id)
    assert after.keys() - before.keys() == {*records.DOOR_ATTRIBUTES}
    assert {name: after[name].keys() for name in before} == {name: before[name].keys() for name in before}
    assert after["state"] == {"S": "idle"}
    assert after["runId"] == {"S": ""}
    assert TIME.fullmatch(after["threshold"]["S"])
    assert (after["resourceClass"], after["usageClass"]) == (before["resourceClass"], before["usageClass"])


def test_a_record_of_our_provision_has_what_the_original_writes_and_its_own_attributes() -> None:
    """The original reads it by these names and types; what it does not know is in `DOOR_ATTRIBUTES`."""
    theirs, ours = "i-00000001", "i-00000002"
    pool = pools.world().pool
    original = OriginalCalls(pool)
    size = {"resourceClass": "large", "instanceType": "c7i.large", "usageClass": "on-demand"}
    assert original.create(theirs, pools.RUN, **size)
    now = pool.account.clock.now()
    made = pools.launched(2)
    change = Record(pools.RUN, "large", made, now + lifecycle.CREATED_FOR, now)
    sender = Sender(clients_of(pool).dynamodb, pool.account.clock, Serial())
    assert [type(each) for each in apply.write(TABLE, "3", sender, [change])] == [Done]
    found = pool.table.of(records.INSTANCE)
    known, written = found[theirs], found[ours]
    assert written.keys() - known.keys() == {"templateVersion", "launchedAt"} <= {*records.DOOR_ATTRIBUTES}
    own = {"SK", "identifier", "updatedAt", "threshold", *records.DOOR_ATTRIBUTES}
    assert {name: value for name, value in written.items() if name not in own} == {
        name: value for name, value in known.items() if name not in own
    }
    assert [TIME.fullmatch(written[name]["S"]) is None for name in ("updatedAt", "threshold")] == [False] * 2


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        (Claim, "idle", "claimed"),
        (Claim, "created", "claimed"),
        (Start, "claimed", "running"),
        (Renew, "running", "running"),
    ],
)
def test_a_write_of_our_provision_sets_what_the_original_s_sets(kind: Any, before: str, after: str) -> None:
    pool = pools.world().pool
    identifier = pools.warm(pool, state=before)
    record = records.read_instance(pool.table.of(records.INSTANCE)[identifier])
    assert isinstance(record, records.InstanceRecord)
    now = pool.account.clock.now()
    change = kind(pools.RUN, record, now + timedelta(minutes=5), now)
    sender = Sender(clients_of(pool).dynamodb, pool.account.clock, Serial())
    write = apply.claim(TABLE, sender, [change]) if kind is Claim else apply.write(TABLE, "", sender, [change])
    known = dict(pool.table.of(records.INSTANCE)[identifier])
    assert [type(each) for each in write] == [Done]
    written = pool.table.of(records.INSTANCE)[identifier]
    added = written.keys() - known.keys()
    assert added <= {*records.DOOR_ATTRIBUTES}
    assert {name: value for name, value in written.items() if name not in added} == {
        **known,
        "state": {"S": after},
        "runId": {"S": pools.RUN},
        "threshold": {"S": records.wire_time(now + timedelta(minutes=5))},
        "updatedAt": {"S": records.wire_time(now)},
    }


def test_the_item_of_a_run_is_in_a_partition_that_the_original_never_reads() -> None:
    stage = pools.world(1)
    assert pools.provide(stage).available
    (item,) = stage.pool.table.of(records.RUN).values()
    value = item.pop("value")["M"]
    assert {name: next(iter(each)) for name, each in value.items()} == {
        name: shape.partition(" ")[0] for name, shape in runs.VALUE.items()
    }
    assert {name: next(iter(each)) for name, each in item.items()} == {
        **dict.fromkeys(("PK", "SK", "entityType", "identifier", "updatedAt"), "S"),
        "expiresAt": "N",
    }
    assert (item["PK"], item["SK"]) == ({"S": "TYPE#RUN"}, {"S": f"ID#{pools.RUN}"})


def test_the_parameters_are_numbers_and_a_list(items: dict[str, records.Item], refreshed: World) -> None:
    """A string set passes provision's check and then breaks CreateFleet."""
    assert items["idle_time_sec"]["value"] == {"N": "420"}
    assert items["max_runtime_min"]["value"] == {"N": "30"}
    subnets = refreshed.inputs["subnet-ids"].split(", ")
    assert items["subnet_ids"]["value"] == {"L": [{"S": subnet} for subnet in subnets]}


def test_a_runtime_is_stored_in_whole_minutes_rounded_up(world: World, clients: Clients) -> None:
    """Never shorter than asked for."""
    world.refresh(max_runtime="61s", max_idle_time="61")
    assert world.metadata(clients, "max_runtime_min") == {"N": "2"}
    assert world.metadata(clients, "idle_time_sec") == {"N": "61"}


def test_the_registration_token_is_where_the_boot_script_reads_it(items: dict[str, records.Item]) -> None:
    """`Item.value.M.token.S`, and an expiry that compares as a string."""
    value = items["gh_registration_token"]["value"]["M"]
    assert set(value) == {"token", "timestamp", "expires_at"}
    assert value["token"] == {"S": "REG-CANARY-1"}
    now = datetime.now(UTC)
    assert TIME.fullmatch(value["timestamp"]["S"])
    assert records.wire_time(now + timedelta(minutes=55)) < value["expires_at"]["S"]
    assert value["expires_at"]["S"] <= records.wire_time(now + timedelta(hours=1))


def test_every_class_has_its_size_and_a_queue_that_exists(items: dict[str, records.Item], clients: Clients) -> None:
    """As AWS returned the URL; `cpu` and `mmem` are numbers."""
    config = items["resource_class_config"]["value"]["M"]
    assert set(config) == set(DEFAULT_CLASSES)
    for name, (cpu, memory) in DEFAULT_CLASSES.items():
        url = clients.sqs.get_queue_url(QueueName=f"octo-widgets-{name}-ci-pool")["QueueUrl"]
        assert config[name] == {"M": {"cpu": {"N": str(cpu)}, "mmem": {"N": str(memory)}, "queueUrl": {"S": url}}}


def test_the_template_s_record_has_what_provision_and_the_original_s_refresh_read(
    items: dict[str, records.Item], refreshed: World, clients: Clients
) -> None:
    """User data itself is never stored."""
    version = refreshed.default_version(clients)
    value = TypeDeserializer().deserialize(items["launch_template"]["value"])
    digest = value.pop("userDataHash")
    assert value == {
        "name": TEMPLATE,
        "ami": IMAGE,
        "iamInstanceProfile": "runner-profile",
        "securityGroupIds": [refreshed.inputs["security-group-ids"]],
        "userData": "",
        "userDataBase64": "",
        "id": version["LaunchTemplateId"],
        "version": 1,
        "formerIds": [],
    }
    assert re.fullmatch(r"[0-9a-f]{64}", digest)
    assert len(digest) == hashlib.sha256().digest_size * 2


def test_items_of_refresh_name_the_owner_of_the_table_and_the_accepted_runner(items: dict[str, records.Item]) -> None:
    """The others never ask for them."""
    assert items["pool"]["value"] == {"S": "octo/widgets"}
    release = TypeDeserializer().deserialize(items["runner_release"]["value"])
    asked_at = release.pop("asked_at")
    assert TIME.fullmatch(asked_at)
    # The plan's clock is read a moment before that of the write.
    assert release["firstSeen"]["2.335.1"] <= asked_at
    assert TIME.fullmatch(release.pop("firstSeen")["2.335.1"])
    url = "https://github.com/actions/runner/releases/download/v2.335.1/actions-runner-linux-{}-2.335.1.tar.gz"
    assert release == {
        "version": "2.335.1",
        "x64": {"url": url.format("x64"), "sha256": "a" * 64},
        "arm64": {"url": url.format("arm64"), "sha256": "b" * 64},
    }


def test_provision_s_own_checks_pass(items: dict[str, records.Item]) -> None:
    """What each reader refuses, as docs/table.md has it."""
    values: dict[str, Any] = {
        identifier: TypeDeserializer().deserialize(item["value"]) for identifier, item in items.items()
    }
    assert values["idle_time_sec"] > 0
    assert values["max_runtime_min"] > 0
    assert isinstance(values["subnet_ids"], list)
    assert values["subnet_ids"]
    assert values["gh_registration_token"]["token"]
    assert values["gh_registration_token"]["expires_at"] > records.wire_time(datetime.now(UTC))
    assert all(each["queueUrl"] for each in values["resource_class_config"].values())
    assert values["launch_template"]["name"]


def test_a_marked_record_is_what_the_instance_s_own_loop_understands(refreshed: World, clients: Clients) -> None:
    """An empty run id deregisters its runner, a threshold in the past ends it: the net under a run that dies."""
    (instance_id,) = refreshed.launch(clients)
    refreshed.record(clients, instance_id, state="running", runId="4711")

    def die(operation: str) -> tuple[int, bytes] | None:
        return (400, b"") if operation == "ec2:TerminateInstances" else None

    refreshed.aws.before_call = die
    refreshed.refresh()
    refreshed.aws.before_call = lambda _: None
    record = refreshed.item(clients, records.INSTANCE, instance_id)
    assert record["state"] == {"S": "terminated"}
    assert record["runId"] == {"S": ""}
    assert TIME.fullmatch(record["threshold"]["S"])
    assert record["threshold"]["S"] <= records.wire_time(datetime.now(UTC))
    assert record["PK"] == {"S": "TYPE#INSTANCE"}
    assert record["resourceClass"] == {"S": "large"}


def test_the_names_are_those_that_the_others_derive_or_read() -> None:
    """The table's name is derived by all, so it never changes."""
    assert (TABLE, TEMPLATE) == ("octo-widgets-ci-table", "octo-widgets-ci-launch-template")
    assert names.partition_key("WS") == "TYPE#WS"
