"""The writes of provision, as they are sent; and a launch after one that was never recorded."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.dynamodb.transactions import Sender
from refresh.engine.change import Done, Failed, Skipped
from refresh.pool import records
from refresh.pool.runs import PROVIDED
from refresh.provision import apply
from refresh.provision.changes import Claim, Conclude, Record, Renew, Start
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.serial import Serial
from tests.simulation.doors import clients_of
from tests.unit.provision import pools
from tests.unit.provision.pools import RUN, At, attributes, fleet, launched, raising, warm, world

if TYPE_CHECKING:
    from refresh.pool.launch import FleetAnswer
    from refresh.pool.records import InstanceRecord
    from tests.simulation.pool import Pool


def _sender(pool: Pool) -> Sender:
    return Sender(clients_of(pool).dynamodb, pool.account.clock, Serial())


def _read(pool: Pool, identifier: str) -> InstanceRecord:
    found = records.read_instance(pool.table.of(records.INSTANCE)[identifier])
    assert isinstance(found, records.InstanceRecord)
    return found


def test_claims_are_single_updates_and_a_machine_that_is_taken_is_skipped() -> None:
    pool = world().pool
    now = pool.account.clock.now()
    claims = [Claim(RUN, _read(pool, warm(pool)), now + timedelta(minutes=5), now) for _ in range(2)]
    pool.record(claims[1].subject, state="claimed", runId="88", threshold=pool.in_time(300))
    pool.account.requests.clear()
    outcomes = list(apply.claim(TABLE, _sender(pool), claims))
    assert [type(each) for each in outcomes] == [Done, Skipped]
    assert pool.account.writes == ["dynamodb:UpdateItem"]
    written = attributes(pool, claims[0].subject)
    assert (written["state"], written["runId"], written["threshold"]) == ("claimed", RUN, pool.in_time(300))


@pytest.mark.parametrize("kind", [Claim, Start, Renew])
def test_a_write_needs_a_threshold_ahead_and_everything_as_read(kind: Any) -> None:
    pool = world().pool
    found = _read(pool, warm(pool, threshold=pool.in_time(-1)))
    now = pool.account.clock.now()
    update = apply._update(TABLE, kind(RUN, found, now, now))
    assert "#threshold > :now" in update["ConditionExpression"]
    for name in ("state", "runId", "threshold"):
        assert f"#{name} = :judged_{name}" in update["ConditionExpression"]


@pytest.mark.parametrize(("version", "written"), [("", "3"), ("7", "7")])
@pytest.mark.parametrize("ago", [None, 90])
def test_the_first_record_has_what_the_original_reads_and_the_version_and_time_of_the_launch(
    version: str, written: str, ago: float | None
) -> None:
    pool = world().pool
    now = pool.account.clock.now()
    at = now - timedelta(seconds=ago or 0)
    found_again = {} if ago is None else {"launched_at": at}
    change = Record(
        RUN, "large", launched(0, template_version=version, **found_again), now + timedelta(minutes=10), now
    )
    assert [type(each) for each in apply.write(TABLE, "3", _sender(pool), [change])] == [Done]
    found = attributes(pool, change.subject)
    assert found == {
        "PK": "TYPE#INSTANCE",
        "SK": f"ID#{change.subject}",
        "entityType": "INSTANCE",
        "identifier": change.subject,
        "state": "created",
        "runId": RUN,
        "threshold": records.wire_time(now + timedelta(minutes=10)),
        "resourceClass": "large",
        "instanceType": "c7i.large",
        "usageClass": "on-demand",
        "templateVersion": written,
        "launchedAt": records.wire_time(at),
        "updatedAt": records.wire_time(now),
    }
    assert [type(each) for each in apply.write(TABLE, "3", _sender(pool), [change])] == [Skipped]


def test_starts_and_the_result_are_one_transaction_that_drops_what_is_lost() -> None:
    pool = world().pool
    now = pool.account.clock.now()
    found = [_read(pool, warm(pool, state="claimed", runId=RUN)) for _ in range(2)]
    pool.table.put(records.item(records.RUN, RUN, now, value={"holder": "holder"}))
    pool.record(found[1].id, state="idle", threshold=pool.in_time(300))
    pool.account.requests.clear()
    changes: list[Start | Conclude] = [
        *(Start(RUN, each, now, now) for each in found),
        Conclude(pools.request(), PROVIDED, now),
    ]
    outcomes = {each.change.subject: type(each) for each in apply.write(TABLE, "", _sender(pool), changes)}
    assert outcomes == {found[0].id: Done, found[1].id: Skipped, RUN: Done}
    assert (pool.account.writes, pools.result(pool)) == (["dynamodb:TransactWriteItems"], PROVIDED)


def test_another_process_s_result_is_not_overwritten() -> None:
    pool = world().pool
    now = pool.account.clock.now()
    pool.table.put(records.item(records.RUN, RUN, now, value={"holder": "another"}))
    (outcome,) = apply.write(TABLE, "", _sender(pool), [Conclude(pools.request(), PROVIDED, now)])
    assert (type(outcome), pools.result(pool)) == (Skipped, None)


def test_a_claim_that_aws_refuses_fails_alone() -> None:
    pool = world().pool
    now = pool.account.clock.now()
    claims = [Claim(RUN, _read(pool, warm(pool)), now + timedelta(minutes=5), now) for _ in range(2)]
    pool.account.seam = At("dynamodb:UpdateItem", raising(errors.Throttled("dynamodb:UpdateItem", "Throttling")))
    assert [type(each) for each in apply.claim(TABLE, _sender(pool), claims)] == [Failed, Done]


def _launched(pool: Pool, recorded: set[str] | None, seconds: float = 60) -> FleetAnswer:
    pool.account.calls.clear()
    asked = fleet(template_id=pool.account.state.templates[TEMPLATE].id)
    before = pool.account.clock.now() + timedelta(seconds=seconds)
    return apply.launched(clients_of(pool), asked, recorded, before)


def _found(pool: Pool, **tags: str) -> str:
    return pool.launch(tags={"InitialRunId": RUN, **tags}).id


def test_machines_that_an_earlier_provision_did_not_record_are_taken_before_others_are_launched() -> None:
    pool = world().pool
    machine = _found(pool)
    answer = _launched(pool, set())
    assert [each.id for each in answer.launched] == [machine]
    assert (answer.shortfalls, pool.account.calls) == ((), ["ec2:DescribeInstances"])


@pytest.mark.parametrize("hindrance", ["recorded", "new", "ended", "protected", "foreign", "another label"])
def test_others_are_not_taken(hindrance: str) -> None:
    pool = world().pool
    machine = _found(pool, **({"refresh-action:protect": "true"} if hindrance == "protected" else {}))
    instance = pool.account.state.instances[machine]
    if hindrance == "ended":
        instance.ended_at = pool.account.clock.now() - timedelta(minutes=1)
    if hindrance == "foreign":
        del instance.tags["AllowSelfTermination"]
        instance.tags["aws:ec2launchtemplate:id"] = "lt-another"
    if hindrance == "another label":
        instance.tags["InitialRunId"] = "88"
    recorded = {machine} if hindrance == "recorded" else set()
    answer = _launched(pool, recorded, -60 if hindrance == "new" else 60)
    assert len(answer.launched) == 1
    assert answer.launched[0].id != machine


def test_after_the_first_answer_nothing_is_looked_for() -> None:
    pool = world().pool
    _found(pool)
    assert len(_launched(pool, None).launched) == 1
    assert pool.account.calls == ["ec2:CreateFleet"]


def test_a_search_that_ec2_refuses_is_left_out_unless_the_credentials_are_over() -> None:
    pool = world().pool
    pool.account.seam = At("ec2:DescribeInstances", raising(errors.Throttled("ec2:DescribeInstances", "Throttling")))
    assert len(_launched(pool, set()).launched) == 1
    expired = errors.CredentialsExpired("ec2:DescribeInstances", "RequestExpired")
    pool.account.seam = At("ec2:DescribeInstances", raising(expired))
    with pytest.raises(errors.CredentialsExpired):
        _launched(pool, set())
