"""The items that the agent reads and writes, as refresh and the doors read and write them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from attrs import define, field

from refresh.agent.aws import Refused, Unanswered
from refresh.agent.table import Record, Table, insist
from refresh.agent.user_data import StoredScript
from refresh.pool import names, records, signals
from refresh.pool.signals import Report, Signal
from tests.fakes import instance_items
from tests.unit.agent.stand_ins import INSTANCE, FakeAws, FakeClock

NAME = "octo-widgets-ci-table"
ROLE = "AROAROLE"
NOW = datetime.fromtimestamp(FakeClock().now(), UTC)
DENIED = Refused("dynamodb PutItem: AccessDeniedException", "AccessDeniedException")


@define
class Machine:
    """A machine's table."""

    aws: FakeAws = field(factory=FakeAws)
    clock: FakeClock = field(factory=FakeClock)

    def table(self, *, shared: bool = False) -> Table:
        """Return it as a started agent makes it."""
        return Table(self.aws, self.clock, NAME, INSTANCE, shared=shared)  # type: ignore[arg-type]

    def hold(self, item: dict[str, Any]) -> None:
        """Have the table hold an item."""
        self.aws.items[item["PK"]["S"], item["SK"]["S"]] = item

    def held(self, entity: str) -> dict[str, Any] | None:
        """Return an item of this machine."""
        return self.aws.items.get((names.partition_key(entity), names.sort_key(INSTANCE)))

    @property
    def report(self) -> Report:
        """What our doors read."""
        keys = list(signals.keys(ROLE, [INSTANCE]))
        found = {key: item for key in keys if (item := self.held(key[0]))}
        return signals.read_reports(found)[INSTANCE]

    def written(self) -> list[str]:
        """List the partition keys of all writes, in order."""
        return [request["Item"]["PK"]["S"] for call, request in self.aws.calls if call == "PutItem"]


@pytest.fixture
def machine() -> Machine:
    """Give a machine whose table is empty."""
    return Machine()


def test_the_record_is_read_consistently_as_provision_writes_it(machine: Machine) -> None:
    machine.hold(instance_items.record(INSTANCE, NOW, state="running", runId="42", threshold="2027-01-15T08:00:00Z"))
    record = machine.table().record()
    assert (record.found, record.run, record.threshold) == (True, "42", "2027-01-15T08:00:00Z")
    assert record.read_at == machine.clock.uptime()
    assert machine.aws.calls[-1][1] == {
        "TableName": NAME,
        "Key": records.key(records.INSTANCE, INSTANCE),
        "ConsistentRead": True,
    }


def test_no_record_and_values_of_other_types_are_no_run_and_no_threshold(machine: Machine) -> None:
    assert not machine.table().record().found
    odd = Record({"runId": {"N": "7"}, "threshold": {"S": ["x"]}}, 0)
    assert (odd.found, odd.run, odd.threshold) == (True, "", "")


def test_our_doors_read_what_the_agent_reports(machine: Machine) -> None:
    table = machine.table()
    table.beat()
    assert machine.report == Report(beat=NOW)
    table.signal(signals.REGISTERED, "42")
    machine.clock.uptime_now += 100
    table.report["reclaimedAt"] = "2027-01-15T08:00:00Z"
    table.report["cutOff"] = "42"
    table.beat()
    assert machine.report == Report(
        signal=Signal(signals.REGISTERED, "42"),
        beat=datetime.fromtimestamp(machine.clock.now(), UTC),
        reclaimed_at=datetime(2027, 1, 15, 8, tzinfo=UTC),
        cut_off="42",
    )
    assert machine.report.signal
    assert machine.report.signal.at == NOW
    item = machine.held(signals.agent_entity(ROLE, INSTANCE))
    assert item
    assert (item["entityType"], item["identifier"]) == ({"S": "AGENT"}, {"S": INSTANCE})
    assert int(item["expiresAt"]["N"]) == int(machine.clock.now()) + 86400


def test_the_items_of_the_original_are_written_only_while_its_modes_are_on(machine: Machine) -> None:
    machine.table().beat()
    machine.table().signal(signals.BOOTED, "42")
    own = names.partition_key(signals.agent_entity(ROLE, INSTANCE))
    assert machine.written() == [own, own]
    table = machine.table(shared=True)
    table.beat()
    table.signal(signals.BOOTED, "42")
    shared = records.item(records.HEARTBEAT, INSTANCE, NOW, value="PING", expiresAt=records.expiry(NOW) + 86400)
    assert machine.held(records.HEARTBEAT) == shared
    value = {"state": "UD_OK", "runId": "42"}
    assert machine.held(records.SIGNAL) == records.item(
        records.SIGNAL, INSTANCE, NOW, value=value, expiresAt=records.expiry(NOW) + 86400
    )


def test_a_heartbeat_of_the_original_does_not_depend_on_the_own_item(machine: Machine) -> None:
    def refuses(_: str, request: dict[str, Any]) -> Exception | None:
        return Unanswered("x") if "AGENT" in str(request.get("Item")) else None

    machine.aws.refuses = refuses
    with pytest.raises(Unanswered):
        machine.table(shared=True).beat()
    assert machine.held(records.HEARTBEAT)


@pytest.mark.parametrize("entity", [records.HEARTBEAT, records.SIGNAL])
def test_a_role_that_may_not_write_for_the_original_any_more_does_not_silence_an_older_machine(
    machine: Machine, entity: str
) -> None:
    """Its template was written before `original-modes` ended, and the statement left the policy."""
    machine.aws.refuses = lambda _, request: DENIED if f"TYPE#{entity}" in str(request.get("Item")) else None
    table = machine.table(shared=True)
    table.signal(signals.REGISTERED, "42")
    table.beat()
    assert machine.report.signal == Signal(signals.REGISTERED, "42")
    assert machine.report.beat is not None


def test_a_role_that_may_write_neither_item_is_refused(machine: Machine) -> None:
    machine.aws.refuses = lambda _, request: DENIED if request.get("Item") else None
    table = machine.table(shared=True)
    for _ in range(2):
        with pytest.raises(Refused):
            table.beat()


def test_a_role_that_may_not_write_the_own_item_is_named_once_a_minute_and_stops_nothing(
    machine: Machine, capfd: pytest.CaptureFixture[str]
) -> None:
    """The original's provision can still use the machine."""
    machine.aws.refuses = lambda _, request: DENIED if "AGENT" in str(request.get("Item")) else None
    table = machine.table(shared=True)
    table.signal(signals.REGISTERED, "42")
    table.beat()
    assert machine.held(records.SIGNAL)
    assert machine.held(records.HEARTBEAT)
    log = capfd.readouterr().err
    assert log.count(f"report.refused key=TYPE#AGENT#{ROLE}:{INSTANCE}") == 1
    assert "docs/instance.md" in log
    machine.clock.uptime_now += 60
    table.beat()
    assert "report.refused" in capfd.readouterr().err


def test_another_refusal_of_the_own_item_is_repeated(machine: Machine) -> None:
    machine.aws.failures = [Refused("x", "ResourceNotFoundException")]
    with pytest.raises(Refused):
        machine.table().beat()


@pytest.mark.parametrize("shared", [True, False])
def test_an_unknown_user_id_stops_only_a_pool_without_the_original(
    machine: Machine, capfd: pytest.CaptureFixture[str], *, shared: bool
) -> None:
    """Nothing else would report that machine."""
    machine.aws.refuses = lambda call, _: Unanswered("sts") if call == "GetCallerIdentity" else None
    table = machine.table(shared=shared)
    if not shared:
        with pytest.raises(Unanswered):
            table.signal(signals.BOOTED, "42")
        return
    table.signal(signals.BOOTED, "42")
    table.beat()
    assert [call for call, _ in machine.aws.calls].count("GetCallerIdentity") == 1
    assert "report.refused key=TYPE# sts" in capfd.readouterr().err
    machine.aws.refuses = lambda *_: None
    machine.clock.uptime_now += 60
    table.beat()
    assert machine.report.signal == Signal(signals.BOOTED, "42")


def test_the_token_is_read_again_only_when_it_is_too_old(machine: Machine) -> None:
    table = machine.table()
    assert table.token(60) == ""
    value = {"token": "REG-1", "expires_at": "2027-01-15T08:00:00Z"}
    machine.hold(records.item(records.METADATA, names.REGISTRATION_TOKEN_IDENTIFIER, NOW, value=value))
    assert table.token(60) == "REG-1"
    machine.hold(records.item(records.METADATA, names.REGISTRATION_TOKEN_IDENTIFIER, NOW, value={"token": "REG-2"}))
    assert table.token(60) == "REG-1"
    machine.clock.uptime_now += 61
    assert table.token(120) == "REG-1"
    assert table.token(60) == "REG-2"
    assert [call for call, _ in machine.aws.calls] == ["GetItem"] * 3


def test_a_script_is_read_consistently_by_its_sum_as_refresh_stores_it(machine: Machine) -> None:
    stored = StoredScript("echo large\n")
    assert machine.table().script(stored.sha256) == ""
    machine.hold(records.item(records.METADATA, stored.identifier, NOW, value=stored.text))
    assert machine.table().script(stored.sha256) == stored.text
    assert machine.aws.calls[-1][1]["ConsistentRead"]


def test_what_must_succeed_is_repeated_for_as_long_as_it_takes(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    failures: list[Exception] = [Unanswered("silent"), DENIED, Unanswered("silent")]
    pauses: list[float] = []
    monkeypatch.setattr("refresh.agent.table.time.sleep", pauses.append)

    def attempt() -> str:
        if failures:
            raise failures.pop()
        return "done"

    assert insist("signal UD_OK", attempt) == "done"
    assert pauses == [2, 2, 2]
    assert capfd.readouterr().err.count("retried: signal UD_OK: ") == 3
