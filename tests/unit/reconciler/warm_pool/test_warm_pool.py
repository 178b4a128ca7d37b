"""The component: what it reads, in which order it writes, and what it leaves to the next run."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.desired import Mode
from refresh.dynamodb.metadata_items import MetadataItems
from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names, records, warm_pool_item
from refresh.pool.ec2_instances import described
from refresh.pool.ownership import TEMPLATE_TAG, TemplateIds
from refresh.pool.signals import BOOTED
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import Pending, Unready, WarmState
from refresh.reconciler.garbage_collector.actual import Actual as Collected
from refresh.reconciler.warm_pool import WarmPool
from refresh.reconciler.warm_pool.actual import Template
from refresh.reconciler.warm_pool.changes import Keep, Launch, Promote, Record, WriteState
from tests.fakes import instance_items
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.serial import Serial
from tests.simulation.schedules import FailAlways
from tests.simulation.worlds import build
from tests.unit.provision.pools import At
from tests.unit.reconciler import pools
from tests.unit.reconciler.warm_pool.machines import wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.report import ComponentReport
    from tests.simulation.pool import Pool

FLEET, WRITE, READ = "ec2:CreateFleet", "dynamodb:TransactWriteItems", "dynamodb:BatchGetItem"


def _pool(*idle: float, **item: Any) -> Pool:
    """Give a pool with a ready machine for each number of minutes that it has left, and with an item."""
    pool = build("up to date")
    for minutes in idle:
        _machine(pool, minutes)
    if item:
        _store(pool, WarmState(**{"version": _key(pool), "proven": True, **item}))
    return pool


def _key(pool: Pool) -> str:
    return f"{_template_id(pool)}:1"


def _template_id(pool: Pool) -> str:
    found: str = pool.account.state.templates[TEMPLATE].id
    return found


def _machine(pool: Pool, minutes: float, **changed: Any) -> str:
    made = pool.launch(tags={"InitialRunId": "warm-76-large"})
    threshold = pool.in_time(60 * minutes)
    given = {"freshFor": threshold, "threshold": threshold, "offeredFor": threshold, **changed}
    pool.record(made, artifacts=False, **given)
    pool.table.put(instance_items.report(made.id, pool.account.clock.now(), BOOTED, "warm-76-large"))
    return made.id


def _store(pool: Pool, state: WarmState) -> None:
    now, value = pool.account.clock.now(), warm_pool_item.to_value(state)
    pool.table.put(records.item(records.METADATA, names.WARM_POOL_IDENTIFIER, now, value=value))


def _stored(pool: Pool) -> WarmState:
    return warm_pool_item.from_value(pool.table.of(records.METADATA)[names.WARM_POOL_IDENTIFIER]["value"])


def _component(pool: Pool, over: Callable[[], bool] = lambda: False, **changed: Any) -> WarmPool:
    """Give the component after the others of its run have ended; their calls are forgotten."""
    sender, ids = pools.sender(pool, over), TemplateIds(_template_id(pool))
    metadata = MetadataItems(sender.dynamodb, TABLE, sender.clock, Serial(), others=names.OPTIONAL_IDENTIFIERS)
    instances = described(pool.clients.ec2, {"Name": f"tag:{TEMPLATE_TAG}", "Values": [ids.current]})
    found = tuple(map(records.read_instance, pool.table.of(records.INSTANCE).values()))
    pool.account.calls.clear()
    pool.account.requests.clear()
    seen, template = Collected(instances, found, ids), Template(id=ids.current, version=1)
    return WarmPool(wanted(**changed), pool.clients.ec2, sender, metadata, lambda: seen, lambda: template)


def _run(pool: Pool, over: Callable[[], bool] = lambda: False, **changed: Any) -> ComponentReport:
    run = Run(mode=Mode.APPLY, clock=pool.account.clock)
    return converge(_component(pool, over, **changed), run).report


def test_without_a_minimum_it_waits_for_nothing_and_calls_nothing() -> None:
    pool = _pool()

    def never() -> Any:
        raise AssertionError

    made = _component(pool, min_idle=())
    report = converge(
        WarmPool(made.desired, made.ec2, made.sender, made.metadata, never, never),
        Run(mode=Mode.APPLY, clock=pool.account.clock),
    ).report
    assert (report.status, pool.account.calls) == ("not checked", [])


def test_a_satisfied_minimum_costs_no_call() -> None:
    pool = _pool(50, 50)
    assert _run(pool).status == "as desired"
    assert pool.account.calls == []


def test_the_item_is_written_before_ec2_is_asked_and_with_the_records_afterwards() -> None:
    pool = _pool(50, proven=True)
    report = _run(pool)
    kinds = [type(each.change) for each in report.outcomes]
    assert kinds == [WriteState, Launch, Record, WriteState]
    assert all(isinstance(each, Done) for each in report.outcomes)
    assert pool.account.calls == [READ, WRITE, FLEET, WRITE]
    launched = report.outcomes[2].change.subject
    stored = _stored(pool)
    assert (list(stored.unready), stored.pending, stored.launches) == ([launched], {}, 1)
    item = pool.table.of(records.INSTANCE)[launched]
    shown = {name: item[name]["S"] for name in ("state", "runId", "resourceClass", "usageClass", "templateVersion")}
    assert shown == {
        "state": "created",
        "runId": "",
        "resourceClass": "large",
        "usageClass": "on-demand",
        "templateVersion": "1",
    }
    tags = pool.account.state.instances[launched].tags
    assert (tags["InitialRunId"], tags["AllowSelfTermination"]) == ("warm-77-large", "true")


def test_an_extension_moves_all_thresholds_and_not_the_time_of_the_record() -> None:
    pool = _pool(5, 50)
    identifier = next(iter(pool.table.of(records.INSTANCE)))
    before = pool.table.of(records.INSTANCE)[identifier]
    pool.account.clock.moment += timedelta(seconds=5)
    (outcome,) = _run(pool).outcomes
    assert isinstance(outcome.change, Keep)
    after = pool.table.of(records.INSTANCE)[identifier]
    until = {"S": records.wire_time(outcome.change.threshold)}
    assert after == {**before, "threshold": until, "freshFor": until, "offeredFor": until}


def test_a_machine_that_served_stays_one_that_served() -> None:
    pool = _pool(50)
    identifier = _machine(pool, 5, freshFor="", offeredFor="2026-01-31T09:00:00Z")
    (outcome,) = _run(pool).outcomes
    item = pool.table.of(records.INSTANCE)[identifier]
    assert (item["freshFor"], item["offeredFor"]) == ({"S": ""}, {"S": "2026-01-31T09:00:00Z"})
    assert outcome.change.subject == identifier


def test_a_booted_machine_becomes_idle_and_never_served() -> None:
    pool = _pool(50)
    identifier = _machine(pool, 20, state="created", freshFor=None, offeredFor=None)
    (outcome,) = _run(pool).outcomes
    assert isinstance(outcome.change, Promote)
    item = pool.table.of(records.INSTANCE)[identifier]
    assert (item["state"], item["freshFor"]) == ({"S": "idle"}, item["threshold"])


def test_a_claim_before_the_extension_wins_and_nothing_is_launched_for_it() -> None:
    """The next run sees what has become of it."""
    pool = _pool(5, 50)
    identifier = next(iter(pool.table.of(records.INSTANCE)))

    def claim() -> None:
        item = pool.table.of(records.INSTANCE)[identifier]
        pool.table.put({**item, "state": {"S": "claimed"}, "runId": {"S": "88"}})

    component = _component(pool)
    pool.account.seam = At(WRITE, claim)
    report = converge(component, Run(mode=Mode.APPLY, clock=pool.account.clock)).report
    (outcome,) = report.outcomes
    assert isinstance(outcome, Skipped)
    assert not report.failed
    assert FLEET not in pool.account.calls


def test_another_run_that_announces_first_launches_alone() -> None:
    pool = _pool(proven=True)
    at = pool.account.clock.now().replace(microsecond=0)
    another = Pending(token="t", label="warm-78-large", count=2, usage_class=UsageClass.ON_DEMAND, at=at)
    component = _component(pool)
    announced = WarmState(version=_key(pool), proven=True, launches=1, pending={"large": another})
    pool.account.seam = At(WRITE, lambda: _store(pool, announced))
    report = converge(component, Run(mode=Mode.APPLY, clock=pool.account.clock)).report
    assert [type(each) for each in report.outcomes] == [Skipped, Skipped]
    assert "another run has launched machines" in str(report.outcomes[1])
    assert (report.failed, pool.account.calls.count(FLEET), _stored(pool)) == (False, 0, announced)


def test_without_the_item_nothing_is_launched() -> None:
    pool = _pool(proven=True)
    component = _component(pool)
    pool.account.seam = FailAlways(WRITE, "before", errors.PermissionDenied)
    report = converge(component, Run(mode=Mode.APPLY, clock=pool.account.clock)).report
    assert [type(each) for each in report.outcomes[:2]] == [Failed, Postponed]
    assert report.failed
    assert FLEET not in pool.account.calls


def test_a_run_that_is_over_asks_for_nothing() -> None:
    pool = _pool(proven=True)
    calls = iter([False])
    component = _component(pool, lambda: next(calls, True))
    changes = component.plan(component.observe(), pool.account.clock.now()).changes
    outcomes = list(component.apply(changes))
    assert [type(each) for each in outcomes] == [Done, Postponed]
    assert _stored(pool).pending["large"].count == 2


def test_a_run_that_ends_between_two_requests_leaves_the_rest_to_the_next_one() -> None:
    pool = _pool(proven=True)
    ends: list[bool] = []
    component = _component(pool, lambda: bool(ends), subnet_ids=tuple(f"subnet-{each}" for each in range(1, 6)))
    pool.account.state.market.capacity(1)
    changes = component.plan(component.observe(), pool.account.clock.now()).changes
    pool.account.seam = At(FLEET, lambda: ends.append(True), "after")
    outcomes = list(component.apply(changes))
    assert [type(each) for each in outcomes] == [Done, Done]
    assert component.progress.asked["large"].lost


def test_subnets_of_one_zone_are_asked_for_one_by_one() -> None:
    pool = _pool(proven=True)
    pool.account.state.market.zones = {"subnet-1": "a", "subnet-2": "a"}
    report = _run(pool)
    assert not report.failed
    assert pool.account.calls.count(FLEET) == 2
    assert len(pool.alive) == 2


def test_groups_of_subnets_are_asked_for_in_turn() -> None:
    pool = _pool(proven=True)
    for subnet in range(1, 5):
        pool.account.state.market.capacity(0, subnet=f"subnet-{subnet}")
    report = _run(pool, subnet_ids=tuple(f"subnet-{each}" for each in range(1, 6)))
    assert not report.failed
    assert not report.warnings
    assert len(pool.alive) == 2


def test_no_capacity_is_a_warning_and_the_launch_is_due_again() -> None:
    pool = _pool(proven=True)
    pool.account.state.market.capacity(0)
    report = _run(pool)
    (warning,) = report.warnings
    assert "It has no capacity for them there now" in warning
    assert "the next run tries again" in warning
    assert [type(each) for each in report.outcomes] == [Done, Postponed, Done]
    assert (report.failed, _stored(pool).pending) == (False, {})


def test_a_quota_fails_the_run() -> None:
    pool = _pool(proven=True)
    pool.account.state.market.quota("on-demand", 2)
    report = _run(pool)
    (refusal,) = report.refusals
    assert "A quota of this account is used up" in refusal
    assert "lower min-idle" in refusal
    assert len(pool.alive) == 1
    assert set(_stored(pool).unready) == set(pool.alive)


def test_a_record_that_is_refused_is_tried_again_by_the_next_run() -> None:
    pool = _pool(proven=True)
    component = _component(pool)
    pool.account.seam = At(
        FLEET, lambda: setattr(pool.account, "seam", FailAlways(WRITE, "before", errors.PermissionDenied)), "after"
    )
    report = converge(component, Run(mode=Mode.APPLY, clock=pool.account.clock)).report
    assert report.failed
    assert len(pool.alive) == 2
    assert not pool.table.of(records.INSTANCE)
    pool.account.seam = At("none", lambda: None)
    pool.account.clock.moment += timedelta(minutes=10)
    assert not _run(pool).failed
    assert set(pool.table.of(records.INSTANCE)) == set(pool.alive)
    assert len(pool.alive) == 2


def test_what_became_of_cleaned_up_machines_is_read_in_the_history() -> None:
    """A machine that served and ended between two runs has not failed; one that ended as `created` has."""
    at = build("up to date").account.clock.now() - timedelta(minutes=10)
    unready = {f"i-0000000{number}": Unready(resource_class="large", at=at) for number in range(3)}
    pool = _pool(unready=unready)
    for identifier, state in zip(unready, ("idle", "created", None), strict=True):
        if state:
            ended = records.InstanceRecord(id=identifier, state="terminated", run_id="", threshold="")
            item = records.history_item(ended, pool.account.clock.now())
            pool.table.put({**item, "endedState": {"S": state}})
    report = _run(pool)
    assert not report.failed
    assert set(_stored(pool).unready) == set(pool.alive)
    assert pool.account.calls[:2] == [READ, READ]


def test_without_settings_reports_are_read_where_the_original_action_does() -> None:
    pool = _pool()
    identifier = _machine(pool, 5)
    for item in instance_items.artifacts(identifier, pool.account.clock.now(), state=BOOTED):
        pool.table.put(item)
    pool.table.delete(("TYPE#SETTINGS", f"ID#{names.SETTINGS_IDENTIFIER}"))
    pool.table.delete(next(each for each in pool.table.items if each[0].startswith("TYPE#AGENT")))
    (outcome,) = _run(pool, min_idle=(("large", 1),)).outcomes
    assert isinstance(outcome.change, Keep)


def test_a_plan_lists_launches_and_what_follows() -> None:
    pool = _pool()
    report = converge(_component(pool), Run(mode=Mode.PLAN, clock=pool.account.clock)).report
    assert [str(each) for each in report.planned] == ["write warm pool", "launch warm fleet 2 on-demand large"]
    assert [str(each) for each in report.following] == ["write warm pool"]
    assert pool.account.writes == []
