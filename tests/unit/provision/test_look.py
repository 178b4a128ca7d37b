"""DynamoDB: what is read of the pool, and the label of the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.pool import lifecycle, names, records
from refresh.pool.usage import UsageClass
from refresh.provision import look
from tests.fakes.desired import TABLE
from tests.fakes.serial import Serial
from tests.simulation.doors import clients_of
from tests.unit.provision import pools
from tests.unit.provision.pools import ROLE, At, raising, warm, world

if TYPE_CHECKING:
    from tests.simulation.pool import Pool


def _first(pool: Pool, **wanted: Any) -> look.First:
    pool.account.calls.clear()
    return look.first(pools.desired(**wanted), clients_of(pool), pool.account.clock, Serial())


def test_the_first_calls_are_three_and_one_of_them_takes_the_label() -> None:
    stage = world()
    pool, machine = stage.pool, warm(stage.pool)
    known = _first(pool)
    assert pool.account.calls == ["dynamodb:GetItem", "dynamodb:Query", "dynamodb:PutItem"]
    settings, found = look.read(pools.desired(), known.reads)
    assert (machine in found, settings.classes["large"].cpu) == (True, 2)
    assert pool.table.of(records.RUN).keys() == {"77"}


@pytest.mark.parametrize("wanted", [{"mode": Mode.PLAN}, {"allowed_account_ids": ("123456789012",)}])
def test_a_dry_run_and_one_that_checks_its_account_do_not_take_the_label_at_once(wanted: dict[str, Any]) -> None:
    pool = world().pool
    known = _first(pool, **wanted)
    assert (known.lease, pool.account.writes) == (None, [])
    look.require_lease(pools.desired(**wanted), clients_of(pool), pool.account.clock, known)
    assert bool(pool.account.writes) is ("mode" not in wanted)


@pytest.mark.parametrize(
    ("usage", "name"),
    [
        ((UsageClass.SPOT,), "spot"),
        ((UsageClass.ON_DEMAND,), "on-demand"),
        ((UsageClass.ON_DEMAND, UsageClass.SPOT), "any"),
    ],
)
def test_the_request_says_what_is_asked_for_and_until_when(usage: tuple[UsageClass, ...], name: str) -> None:
    pool = world().pool
    now = pool.account.clock.now()
    first, second = (_first(pool, usage_classes=usage, name=each, count=3).request for each in "ab")
    assert (first.label, first.usage_class, first.count) == ("77-a", name, 3)
    assert first.holder != second.holder
    longest = pools.desired().timeout + lifecycle.BOOTS_WITHIN
    assert first.deadline > now + longest


def test_without_a_table_or_settings_it_is_refused() -> None:
    pool = world().pool
    del pool.table.items[f"TYPE#{records.SETTINGS}", f"ID#{names.SETTINGS_IDENTIFIER}"]
    with pytest.raises(errors.Refused, match=r"has no settings for provision"):
        look.read(pools.desired(), _first(pool).reads)
    del pool.account.state.tables[TABLE]
    with pytest.raises(errors.Refused, match=r"there is no table"):
        look.read(pools.desired(), _first(pool).reads)


def test_an_error_of_the_lease_is_the_run_s() -> None:
    pool = world().pool
    denied = errors.PermissionDenied("dynamodb:PutItem", "AccessDeniedException", "no.")
    pool.account.seam = At("dynamodb:PutItem", raising(denied))
    with pytest.raises(errors.PermissionDenied):
        look.require_lease(pools.desired(), clients_of(pool), pool.account.clock, _first(pool))


def test_a_label_whose_item_is_gone_again_is_still_that_of_another() -> None:
    pool = world().pool
    _first(pool)
    known = _first(pool)
    del pool.table.items[f"TYPE#{records.RUN}", "ID#77"]
    with pytest.raises(errors.Refused, match=r"another job of this run provides machines for the label 77 already\. "):
        look.require_lease(pools.desired(), clients_of(pool), pool.account.clock, known)


def test_a_label_for_which_a_refresh_provides_at_this_moment_is_refused_with_what_to_do_then() -> None:
    pool = world().pool
    _first(pool)
    item = pool.table.items[f"TYPE#{records.RUN}", "ID#77"]
    item["value"]["M"]["rescues"] = {"N": "1"}
    with pytest.raises(errors.Taken, match=r"a refresh provides .* If they get none, run this job again\."):
        look.require_label(pools.desired(), clients_of(pool), "this job")


def test_single_machines_are_read_as_they_are_now() -> None:
    pool = world().pool
    machine, silent = warm(pool), warm(pool)
    pool.table.put(records.item(records.HEARTBEAT, silent, pool.account.clock.now()) | {"updatedAt": {"S": "soon"}})
    pool.account.calls.clear()
    ids = [machine, silent, pools.IDS[9]]
    found = look.machines(pools.desired(), clients_of(pool), pool.account.clock, "", ids)
    assert pool.account.calls == ["dynamodb:BatchGetItem"]
    assert found.records.keys() == found.reports.keys() == {machine, silent}
    assert [found.reports[each].beat is None for each in (machine, silent)] == [False, True]
    own = look.machines(pools.desired(), clients_of(pool), pool.account.clock, ROLE, ids)
    assert (own.records, own.reports) == (found.records, {})
