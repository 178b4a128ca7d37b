"""The warm pool on the emulator: what a run launches, keeps and leaves, and how many calls that takes."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.output.job_summary import markdown
from refresh.pool import names, records, warm_pool_item
from refresh.pool.signals import BOOTED, SCRIPT_FAILED
from refresh.pool.warm_pool_item import Unready, WarmState
from tests.fakes import instance_items
from tests.fakes.desired import OTHER_IMAGE
from tests.fakes.provisioning import ProvisionWorld
from tests.fakes.world import in_minutes
from tests.reports import component

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport, Report
    from refresh.ports import Clients

TWO: dict[str, Any] = {"min_idle": '{"large": 2}'}
FLEET = "ec2:CreateFleet"


def _warm(report: Report) -> ComponentReport:
    return component(report, "warm pool")


def _of_refresh(world: ProvisionWorld, clients: Clients) -> dict[str, records.InstanceRecord]:
    """Give the records of machines that no run has."""
    return {each.id: each for each in world.records(clients).values() if each.run_id == ""}


def _boot(world: ProvisionWorld, clients: Clients, *identifiers: str) -> None:
    """Let the agents of new machines report that they wait for a run."""
    _report(world, clients, BOOTED, *identifiers)


def _report(world: ProvisionWorld, clients: Clients, signal: str, *identifiers: str) -> None:
    role, now = world.role_id(), datetime.now(UTC)
    world.write(
        clients, [instance_items.report(each, now, signal, "warm-77-large", role_id=role) for each in identifiers]
    )


def _state(world: ProvisionWorld, clients: Clients) -> WarmState:
    return warm_pool_item.from_value(world.metadata(clients, names.WARM_POOL_IDENTIFIER))


def _store(world: ProvisionWorld, clients: Clients, *unready: str, proven: bool) -> None:
    """Write the item by hand: these machines of the current version have not become ready for half an hour."""
    (template,) = {each["LaunchTemplateId"] for each in world.versions(clients)}
    version = world.default_version(clients)["VersionNumber"]
    at = datetime.now(UTC) - timedelta(minutes=30)
    launched = {each: Unready(resource_class="large", at=at) for each in unready}
    state = WarmState(version=f"{template}:{version}", proven=proven, unready=launched)
    world.put_metadata(clients, names.WARM_POOL_IDENTIFIER, warm_pool_item.to_wire(state))


def test_the_first_run_in_an_empty_account_launches_the_minimum(world: ProvisionWorld, clients: Clients) -> None:
    report = world.refresh(**TWO)
    assert report.exit_code == 0, markdown(report)
    assert world.aws.writes.count(FLEET) == 1
    found = _of_refresh(world, clients)
    assert {each.state for each in found.values()} == {"created"}
    assert set(found) == set(world.states(clients)) == set(_state(world, clients).unready)
    assert len(found) == 2
    for each in found.values():
        assert (each.resource_class, each.usage_class, each.template_version) == ("large", "on-demand", "1")
        assert in_minutes(28) < (each.threshold or "") < in_minutes(31)
        assert each.launched_at <= each.updated_at


def test_a_booted_machine_is_promoted_and_the_next_run_finds_nothing_to_do(
    world: ProvisionWorld, clients: Clients
) -> None:
    world.refresh(**TWO)
    _boot(world, clients, *world.states(clients))
    world.forget_calls()
    report = world.refresh(**TWO)
    assert [each.done for each in _warm(report).done] == ["readied", "readied", "written"]
    assert world.aws.writes == ["dynamodb:TransactWriteItems"]
    found = _of_refresh(world, clients).values()
    assert {(each.state, each.fresh_for == each.threshold) for each in found} == {("idle", True)}
    world.forget_calls()
    assert world.refresh(**TWO).status == "as desired"
    assert (world.aws.writes, _state(world, clients).unready) == ([], {})


def test_a_satisfied_minimum_adds_no_call_to_a_run_that_changes_nothing(
    refreshed: ProvisionWorld, clients: Clients
) -> None:
    refreshed.ready(clients, 3, threshold=in_minutes(50))
    refreshed.forget_calls()
    report = refreshed.refresh(**TWO)
    assert (report.exit_code, report.status) == (0, "as desired")
    assert len(refreshed.aws.calls) == 14
    assert (refreshed.aws.writes, refreshed.github.calls) == ([], [])


def test_machines_whose_time_runs_out_are_kept_in_one_call(refreshed: ProvisionWorld, clients: Clients) -> None:
    """Their reports are read in another one; what else of the record there is stays."""
    ids = refreshed.ready(clients, 2, threshold=in_minutes(20))
    before = {each: refreshed.item(clients, records.INSTANCE, each) for each in ids}
    refreshed.forget_calls()
    assert refreshed.refresh(**TWO).exit_code == 0
    assert len(refreshed.aws.calls) == 14 + 2
    assert refreshed.aws.writes == ["dynamodb:TransactWriteItems"]
    for each in ids:
        after = refreshed.item(clients, records.INSTANCE, each)
        assert in_minutes(57) < after["threshold"]["S"] < in_minutes(60)
        assert after | {"threshold": before[each]["threshold"]} == before[each]


def test_a_script_that_never_comes_up_stops_the_launches_and_fails_the_run(
    refreshed: ProvisionWorld, clients: Clients
) -> None:
    ids = refreshed.launch(clients, 3, InitialRunId="warm-70-large")
    for each in ids:
        refreshed.record(clients, each, state="created", threshold=in_minutes(5))
    _report(refreshed, clients, SCRIPT_FAILED, *ids)
    _store(refreshed, clients, *ids, proven=True)
    refreshed.forget_calls()
    report = refreshed.refresh(**TWO)
    (refusal,) = _warm(report).refusals
    assert all(each in refusal for each in ids)
    assert "version 1 of the launch template" in refusal
    assert (report.exit_code, refreshed.aws.writes) == (1, [])
    # Another version is tried anew, without a proof by three machines at most.
    assert refreshed.refresh(**{**TWO, "ami": OTHER_IMAGE}).exit_code == 0
    assert refreshed.aws.writes.count(FLEET) == 1


@pytest.mark.shows("F35v")
@pytest.mark.parametrize("short", ["capacity", "quota"], ids=["F35v-capacity", "F35v-quota"])
def test_missing_capacity_is_a_warning_and_a_quota_fails_the_run(refreshed: ProvisionWorld, short: str) -> None:
    if short == "capacity":
        refreshed.aws.market.capacity(0)
    else:
        refreshed.aws.market.quota("on-demand", 2)
    report = refreshed.refresh(**TWO)
    warm = _warm(report)
    (said,) = warm.warnings if short == "capacity" else warm.refusals
    assert short in said
    assert report.exit_code == (short == "quota")


def test_a_rollout_keeps_old_machines_until_new_ones_are_ready(refreshed: ProvisionWorld, clients: Clients) -> None:
    old = refreshed.ready(clients, 2, threshold=in_minutes(20))
    _store(refreshed, clients, proven=True)
    changed = {**TWO, "ami": OTHER_IMAGE}
    report = refreshed.refresh(**changed)
    assert report.exit_code == 0, markdown(report)
    assert sorted(each.subject for each in _warm(report).done if each.done == "kept") == sorted(old)
    new = set(_of_refresh(refreshed, clients)) - set(old)
    assert len(new) == 2
    _boot(refreshed, clients, *new)
    kept = {each: refreshed.item(clients, records.INSTANCE, each) for each in old}
    done = _warm(refreshed.refresh(**changed)).done
    assert {each.subject for each in done if each.done == "readied"} == new
    assert {each: refreshed.item(clients, records.INSTANCE, each) for each in old} == kept
    assert set(refreshed.states(clients).values()) == {"running"}


def test_a_plan_lists_launches_with_their_price(world: ProvisionWorld, clients: Clients) -> None:
    prices = json.dumps({"large": 0.096})
    report = world.refresh(mode="plan", prices=prices, **TWO)
    assert report.exit_code == 0
    text = markdown(report)
    assert "launch warm fleet 2 on-demand large (0.192 per hour)" in text
    assert world.states(clients) == {}


@pytest.mark.parametrize("inputs", [{}, {"min_idle": '{"large": 0}'}])
def test_without_a_minimum_nothing_is_launched_or_kept(
    refreshed: ProvisionWorld, clients: Clients, inputs: dict[str, str]
) -> None:
    (waiting,) = refreshed.ready(clients, 1, threshold=in_minutes(20))
    before = refreshed.item(clients, records.INSTANCE, waiting)
    refreshed.forget_calls()
    assert refreshed.refresh(**inputs).status == "as desired"
    assert len(refreshed.aws.calls) == 14
    assert refreshed.item(clients, records.INSTANCE, waiting) == before
