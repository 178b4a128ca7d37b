"""What the collector reads: every page of it, and of no other pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import errors
from refresh.pool import records
from refresh.pool.ec2_instances import launched_from
from refresh.pool.ownership import TemplateIds
from refresh.reconciler.garbage_collector import observe
from refresh.reconciler.garbage_collector.actual import Actual
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.memory import dynamodb
from tests.fakes.memory.ec2 import Template
from tests.simulation.schedules import FailAlways
from tests.unit.reconciler import pools

if TYPE_CHECKING:
    from tests.simulation.pool import Pool

FORMER = Template("lt-former", "octo-widgets-former", {1: {}})
TEMPLATE_IDS = TemplateIds(pools.TEMPLATE_ID, (FORMER.id, "lt-unused"))


def _observe(pool: Pool, template_ids: TemplateIds = TEMPLATE_IDS) -> Actual:
    clients = pool.clients
    return observe.observe(clients.ec2, clients.dynamodb, TABLE, TEMPLATE, launched_from(clients.ec2, template_ids))


@pytest.mark.shows("A4")
@pytest.mark.parametrize(
    ("name", "denied", "kept"),
    [(None, False, True), (TEMPLATE, False, True), ("another pool's", False, False), ("another pool's", True, True)],
)
def test_a_living_template_of_another_pool_is_no_former_one(name: str | None, *, denied: bool, kept: bool) -> None:
    """Only the table lists the former ones, and jobs may write to it."""
    pool = pools.made()
    if name:
        pool.account.state.templates["former"] = Template(FORMER.id, name, {1: {}})
    if denied:
        pool.account.seam = FailAlways("ec2:DescribeLaunchTemplateVersions", "before", errors.PermissionDenied)
    pool.ec2.launch(tags={"aws:ec2launchtemplate:id": FORMER.id})
    assert _observe(pool).template_ids.former == ((FORMER.id, "lt-unused") if kept else ("lt-unused",))


def test_every_page_of_instances_and_records_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recorded ids are asked for as many at a time as a filter takes."""
    monkeypatch.setattr(dynamodb, "PAGE_BYTES", 1)
    pool = pools.made()
    launched = pool.ec2.launch(TEMPLATE, 1001)
    for number in range(401):
        pool.record(f"i-{number:08x}", artifacts=False)
    pool.table.put({**records.key(records.INSTANCE, "nonsense")})
    actual = _observe(pool)
    assert set(actual.instances) == {each.id for each in launched}
    assert [type(record) for record in actual.records] == [records.InstanceRecord] * 401 + [records.Unreadable]


def test_only_instances_of_the_pool_and_recorded_ones_are_read() -> None:
    pool = pools.made()
    pool.account.state.templates[FORMER.name] = FORMER
    ours, former = pool.launch(), pool.ec2.launch(FORMER.name)[0]
    _, recorded = pool.ec2.launch(number=2)
    pool.record(recorded)
    assert set(_observe(pool).instances) == {ours.id, former.id, recorded.id}


def test_ec2_is_not_asked_without_a_template_and_a_table() -> None:
    """An unfiltered listing would show the whole account."""
    pool = pools.made()
    del pool.account.state.tables[TABLE]
    assert _observe(pool, TemplateIds()) == Actual()
    assert pool.account.calls == ["dynamodb:Query"]


def test_recorded_instances_are_asked_for_by_id_while_ec2_lists_none() -> None:
    pool = pools.made()
    pool.account.state.disrupted = {"b"}
    answered, down = pool.launch(), pool.launch(zone="b")
    with pytest.raises(errors.Unavailable):
        _observe(pool)
    pool.record(down)
    with pytest.raises(errors.Unavailable):
        _observe(pool)
    pool.record(answered)
    actual = _observe(pool)
    assert (set(actual.instances), set(actual.unanswered)) == ({answered.id}, {down.id})
    assert actual.unlisted
