"""How many calls a release makes, in memory: exactly, by the number of machines that the run has."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh.desired import DesiredRelease, Mode
from refresh.ports import DoorClients
from refresh.release import component
from tests.fakes.desired import REGION, REPOSITORY
from tests.fakes.memory.github import GitHub
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.serial import Serial
from tests.simulation.pool import Pool

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport

RUN = "77"
LOOK = {"dynamodb:BatchGetItem": 1, "dynamodb:Query": 1, "ec2:DescribeInstances": 1, "github:ListJobs": 1}
"""What every release reads."""
_REPORTS_A_CALL = 100
ASK_AGAIN = {"ec2:DescribeInstances": 2}
"""EC2 is asked for machines that may have to end and were not launched for the run."""


def _pool(number: int, **changed: Any) -> Pool:
    """Give a pool with machines that run for the run, or are `changed`."""
    pool = Pool()
    pool.run()
    for _ in range(number):
        record = {"state": "running", "runId": RUN, "threshold": pool.in_time(900), **changed}
        pool.record(pool.launch(), written=-60, **record)
    pool.account.calls.clear()
    return pool


def _look(machines: int) -> dict[str, int]:
    """Give what a release reads if the label has so many machines: the reports of their agents as well."""
    return {**LOOK, "dynamodb:BatchGetItem": 1 + math.ceil(machines / _REPORTS_A_CALL)}


def _released(pool: Pool, **changed: Any) -> tuple[Counter[str], ComponentReport]:
    account = pool.account
    account.calls.clear()
    dynamodb, ec2, sqs = (cast("Any", each) for each in (pool.dynamodb, pool.ec2, pool.sqs))
    clients = DoorClients(dynamodb, ec2, sqs, GitHub(account), OnDemand(account))
    given: dict[str, Any] = {"run_id": RUN, "workflow_repository": REPOSITORY, **changed}
    desired = DesiredRelease(repository=REPOSITORY, region=REGION, **given)
    report = component.begin(desired, clients, account.clock, Serial()).converge().report
    assert not report.failed
    return Counter(account.calls), report


@pytest.mark.parametrize(
    ("machines", "transactions", "messages"),
    [(1, 1, 1), (10, 1, 1), (11, 1, 2), (20, 1, 2), (100, 1, 10), (101, 2, 11), (200, 2, 20)],
)
def test_machines_go_back_in_the_fewest_calls(machines: int, transactions: int, messages: int) -> None:
    """A transaction has a hundred records, a call to SQS ten messages; each record is written twice."""
    calls, report = _released(_pool(machines))
    writes = {"dynamodb:TransactWriteItems": 2 * transactions, "sqs:SendMessageBatch": messages}
    assert calls == {**_look(machines), **writes}
    assert len(report.outcomes) == 2 * machines


def test_a_second_release_only_reads() -> None:
    pool = _pool(20)
    _released(pool)
    calls, _ = _released(pool)
    assert calls == LOOK


def test_without_the_original_s_modes_a_record_is_written_once() -> None:
    pool = _pool(20)
    pool.run(original_modes=False)
    calls, _ = _released(pool)
    assert calls == {**_look(20), "dynamodb:TransactWriteItems": 1}


@pytest.mark.parametrize(
    ("changed", "wanted"), [({}, {"reuse": False}), ({"state": "created"}, {}), ({"state": "claimed"}, {})]
)
def test_machines_end_in_the_fewest_calls(changed: dict[str, Any], wanted: dict[str, Any]) -> None:
    """EC2 is asked whether they are the pool's, and ends them in one call."""
    calls, _ = _released(_pool(20, **changed), **wanted)
    assert calls == {**_look(20), **ASK_AGAIN, "dynamodb:TransactWriteItems": 1, "ec2:TerminateInstances": 1}


@pytest.mark.parametrize("others", [0, 20])
def test_without_machines_of_the_run_it_only_reads(others: int) -> None:
    """EC2 is asked for machines that were launched for the run and never recorded."""
    calls, _ = _released(_pool(others, runId="88"))
    assert calls == LOOK


@pytest.mark.parametrize(("wanted", "more"), [({}, {}), ({"reuse": False}, ASK_AGAIN)])
def test_a_plan_only_reads(wanted: dict[str, Any], more: dict[str, int]) -> None:
    calls, report = _released(_pool(20), mode=Mode.PLAN, **wanted)
    assert calls == {**_look(20), **more}
    assert len(report.planned) == 20
