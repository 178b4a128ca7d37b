"""The metrics of a run: what it did, and the pool as it left it, with names that cannot multiply."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.desired import Mode, ResourceClass
from refresh.engine.change import Done
from refresh.engine.report import ComponentReport, Report
from refresh.output.metrics import MOST, OTHER, STATES, metric_data
from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot
from tests import pages
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.desired import desired
from tests.fakes.serial import NOW


def _instance(number: int = 1, **given: Any) -> InstanceSnapshot:
    known: dict[str, Any] = {"state": "idle", "ec2_state": "running", "resource_class": "large", **given}
    return InstanceSnapshot(id=f"i-{number:017x}", **known)


def _report(*instances: InstanceSnapshot, **given: Any) -> Report:
    return Report((), desired=desired(**given), pool=PoolSnapshot(instances=instances))


def _sent(report: Report) -> dict[tuple[str, ...], float]:
    """Return the values by name and dimensions, the pool's left out."""
    found = {}
    for each in metric_data(report):
        dimensions = {one["Name"]: one["Value"] for one in each["Dimensions"]}
        assert dimensions.pop("Pool") == "octo/widgets"
        found[each["MetricName"], *dimensions.values()] = each["Value"]
    return found


def test_a_run_that_changed_nothing_sends_what_alarms_watch() -> None:
    report = Report((), desired=desired(), started_at=NOW, finished_at=NOW + timedelta(seconds=1.23456))
    assert _sent(report) == {
        ("Runs",): 1,
        ("Failed",): 0,
        ("DurationSeconds",): 1.235,
        ("Changes",): 0,
        ("Ended",): 0,
        ("CutOff",): 0,
    }


def test_a_failed_run_counts_as_one_failure_and_what_it_did_is_counted() -> None:
    ended = Ended(id="i-1", reason="expired", state="idle")
    failed = ComponentReport(name="a", error=REFUSAL, outcomes=(Done(Paint("wall")),))
    report = Report((failed, failed), desired=desired(), ended=(ended, evolve(ended, id="i-2", state="running")))
    sent = _sent(report)
    assert (sent["Failed",], sent["Changes",], sent["Ended",], sent["CutOff",]) == (1, 2, 2, 1)


@pytest.mark.parametrize(("left", "sent"), [(timedelta(minutes=50), 3000), (timedelta(minutes=-5), 0)])
def test_the_time_that_the_registration_token_has_left_is_never_negative(left: timedelta, sent: float) -> None:
    report = evolve(_report(), finished_at=NOW, pool=PoolSnapshot(token_expires_at=NOW + left))
    assert _sent(report)["TokenLifeSeconds",] == sent


def test_instances_are_counted_by_class_and_state_and_classes_in_use_have_zeros() -> None:
    seen = [_instance(), _instance(), _instance(state="running"), _instance(state="terminated")]
    sent = _sent(_report(*seen))
    assert {key[1:]: value for key, value in sent.items() if key[0] == "Instances"} == {
        (): 3,
        ("large", "created"): 0,
        ("large", "idle"): 2,
        ("large", "claimed"): 0,
        ("large", "running"): 1,
        ("large", "terminated"): 1,
    }


def test_without_a_look_at_the_instances_none_are_counted() -> None:
    assert not any(name == "Instances" for name, *_ in _sent(Report((), desired=desired())))


def test_classes_and_states_that_an_instance_has_made_up_are_one_metric() -> None:
    """Each name costs money, and instances can write to the table."""
    made_up = [_instance(state=f"s{number}", resource_class=f"c{number}") for number in range(5)]
    unrecorded = InstanceSnapshot(id="i-0", state="unrecorded", ec2_state="running")
    sent = _sent(_report(*made_up, unrecorded))
    assert sent["Instances", OTHER, OTHER] == 5
    assert sent["Instances", OTHER, "unrecorded"] == 1
    assert {key[1] for key in sent if len(key) > 1} == {OTHER}


def test_what_is_missing_of_the_minimum_are_machines_that_could_not_serve_now() -> None:
    booting = [_instance(state="created"), _instance(ec2_state="stopped"), _instance(protected=True)]
    sent = _sent(_report(_instance(), *booting, min_idle=(("large", 3), ("xlarge", 1), ("12xlarge", 0))))
    missing = {key[1]: value for key, value in sent.items() if key[0] == "WarmMissing"}
    assert missing == {"large": 2, "xlarge": 1}
    assert sent["Instances", "xlarge", "idle"] == 0
    assert _sent(_report(_instance(), _instance(), min_idle=(("large", 1),)))["WarmMissing", "large"] == 0


def test_the_largest_pool_fits_in_one_call() -> None:
    """As many classes as can be configured, each with instances of every state."""
    classes = tuple(ResourceClass(f"c{number}", number + 1, 1024 * (number + 1)) for number in range(50))
    seen = [_instance(resource_class=name, state=state) for name in names_of(classes) for state in (*STATES, "odd")]
    seen += [_instance(resource_class="gone", state=state) for state in (*STATES, "odd")]
    minimum = tuple((name, 1000) for name in names_of(classes))
    report = _report(*seen, resource_classes=classes, min_idle=minimum)
    report = evolve(report, started_at=NOW, finished_at=NOW, pool=evolve(report.pool, token_expires_at=NOW))
    values = metric_data(report)
    assert len(values) == 7 + 1 + 50 + 51 * (len(STATES) + 1) <= MOST
    assert len({str((each["MetricName"], each["Dimensions"])) for each in values}) == len(values)
    documented = re.findall(r"^\| `(\w+)` \| ([A-Z]\w+) \|", pages.page("docs/monitoring.md"), re.MULTILINE)
    assert {(each["MetricName"], each["Unit"]) for each in values} == set(documented)
    page = " ".join(pages.page("docs/monitoring.md").split())
    assert all(f"`{state}`" in page for state in STATES)


def names_of(classes: tuple[ResourceClass, ...]) -> list[str]:
    """Name them."""
    return [each.name for each in classes]


def test_a_plan_that_found_drift_has_not_failed_unless_that_was_asked_for() -> None:
    """Plans send nothing; a caller who asks for the values all the same gets the run's own exit code."""
    plan = ComponentReport(name="a", mode=Mode.PLAN, planned=(Paint("wall"),))
    assert _sent(Report((plan,), desired=desired()))["Failed",] == 0
    assert _sent(Report((plan,), desired=desired(fail_on_drift=True)))["Failed",] == 1


def test_before_the_inputs_are_known_there_is_nothing_to_send() -> None:
    assert metric_data(Report(())) == []
