"""What is provided for stranded jobs, and what is said of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from attrs import evolve

from refresh import errors
from refresh.engine.change import Done, Postponed, Skipped
from refresh.engine.report import ComponentReport
from refresh.pool import names, runs
from refresh.pool.usage import UsageClass
from refresh.provision import component
from refresh.provision.result import Machine, Patience, Provided
from refresh.reconciler.stranded_jobs import apply
from refresh.reconciler.stranded_jobs.apply import Means, Rescued
from tests.fakes.desired import desired
from tests.fakes.serial import NOW, Serial, StillClock
from tests.simulation.pool import Pool
from tests.unit.reconciler.stranded_jobs.cases import REQUEST, record, rescue

LINK = REQUEST.link
BOTH = (UsageClass.SPOT, UsageClass.ON_DEMAND)


def _means(seconds: float = 480, **changed: Any) -> Means:
    """Give what a rescue is made with, so many seconds before the end of the run."""
    means = Means(
        desired=desired(),
        clients=Pool().clients,
        clock=StillClock(),
        executor=Serial(),
        deadline=NOW + timedelta(seconds=seconds),
        over=lambda: False,
        write_anyway=lambda: None,
    )
    return evolve(means, **changed)


def _provided(error: errors.RefreshError | None = None, *machines: Machine, **report: Any) -> Provided:
    found = ComponentReport(name="provision", error=error, **report)
    return Provided(report=found, ready=machines, available=bool(machines))


def _rescued(provided: Provided, means: Means | None = None) -> tuple[Rescued, Any]:
    """Rescue with a provision that comes to this; return what it was built with, too."""
    with mock.patch.object(component, "Provisioning") as built:
        built.return_value.run.return_value = provided
        return apply.rescue(means or _means(), rescue()), built


def test_what_was_asked_for_is_provided_in_the_latest_attempt() -> None:
    pool = desired()
    wanted = apply.wanted(pool, rescue(rescues=2), timedelta(minutes=2))
    assert (wanted.repository, wanted.region, wanted.github_server) == (pool.repository, pool.region, "github.com")
    assert (wanted.run_id, wanted.name, wanted.label, wanted.run_url) == ("77", "", "77", LINK)
    assert (wanted.attempt, wanted.rescues, wanted.count, wanted.fewest) == (2, 2, 1, 1)
    assert (wanted.resource_class, wanted.instance_types, wanted.reuse) == ("large", ("c*",), True)
    assert (wanted.max_runtime, wanted.timeout) == (timedelta(hours=1), timedelta(minutes=2))
    assert wanted.allowed_account_ids == ()


@pytest.mark.parametrize(
    ("usage", "classes", "fallback"),
    [
        ("on-demand", (UsageClass.ON_DEMAND,), False),
        ("spot", (UsageClass.SPOT,), False),
        (runs.ANY_USAGE, BOTH, True),
    ],
)
def test_usage_class_and_fallback_are_those_of_the_input(
    usage: str, classes: tuple[UsageClass, ...], *, fallback: bool
) -> None:
    wanted = apply.wanted(desired(), rescue(asked=evolve(REQUEST, usage_class=usage)), timedelta())
    assert (wanted.usage_classes, wanted.fallback) == (classes, fallback)


def test_a_named_label_and_other_wishes_are_kept() -> None:
    asked = evolve(REQUEST, label="77-a.b", count=4, max_runtime=timedelta(), reuse=False)
    wanted = apply.wanted(desired(), rescue("77-a.b", asked=asked), timedelta())
    assert (wanted.name, wanted.label, names.label("77", wanted.name)) == ("a.b", "77-a.b", "77-a.b")
    assert (wanted.count, wanted.fewest, wanted.max_runtime, wanted.reuse) == (4, 4, None, False)


@pytest.mark.parametrize(("seconds", "timeout"), [(480, 120), (390, 120), (389, 119), (300, 30)])
def test_a_machine_launched_at_last_is_ready_before_the_run_ends(seconds: float, timeout: float) -> None:
    _, built = _rescued(_provided(), _means(seconds))
    assert built.call_args.args[0].timeout == timedelta(seconds=timeout)


def test_what_the_run_has_no_time_for_is_not_begun() -> None:
    rescued, built = _rescued(_provided(), _means(299))
    assert not built.called
    assert isinstance(rescued.outcome, Skipped)
    assert "the run has less than 5 min left" in rescued.warnings[0]


def test_once_the_run_is_over_records_of_launched_machines_are_written_nonetheless() -> None:
    means = _means()
    _, built = _rescued(_provided(), means)
    patience: Patience = built.call_args.kwargs["patience"]
    assert (patience.stopped, patience.write_anyway) == (means.over, means.write_anyway)
    assert not patience.out()


def test_ready_machines_are_in_the_change_that_was_made() -> None:
    machines = [Machine(record=record("running"), origin=each) for each in ("launched", "claimed", "launched")]
    rescued, _ = _rescued(_provided(None, *machines, warnings=("slow",)))
    assert isinstance(rescued.outcome, Done)
    change: Any = rescued.outcome.change
    assert change == rescue()
    assert change.machines == ("i-0123456789abcdef0",) * 3
    assert change.note.endswith("(1 claimed, 2 launched)")
    assert change.facts["instances"] == " ".join(change.machines)
    assert rescued.warnings == ("77: slow",)


def test_too_few_machines_are_a_warning_with_provision_s_words() -> None:
    rescued, _ = _rescued(_provided(refusals=("no machine is ready.", "Raise the quota."), warnings=("throttled",)))
    assert rescued == Rescued(
        Skipped(rescue(), "no machine is ready. Raise the quota."),
        ("stranded jobs of 77 got no machines: no machine is ready. Raise the quota.", "77: throttled"),
    )


def test_an_error_is_a_warning() -> None:
    rescued, _ = _rescued(_provided(errors.Refused("no settings")))
    assert rescued.warnings == ("stranded jobs of 77 got no machines: no settings",)


def test_a_label_that_another_process_provides_for_is_skipped_without_a_warning() -> None:
    rescued, _ = _rescued(_provided(errors.Taken("another job")))
    assert rescued == Rescued(Skipped(rescue(), "another job"))


def test_a_rescue_that_was_stopped_is_left_to_the_next_run() -> None:
    assert _rescued(_provided(errors.Interrupted("stopped")))[0] == Rescued(Postponed(rescue()))


def test_expired_credentials_end_the_component() -> None:
    with pytest.raises(errors.CredentialsExpired):
        _rescued(_provided(errors.CredentialsExpired("x", "ExpiredToken")))


@pytest.mark.parametrize(("count", "words"), [(1, "a machine of the class"), (3, "3 machines of the class")])
def test_a_planned_rescue_says_what_it_would_provide(count: int, words: str) -> None:
    change = rescue(asked=evolve(REQUEST, count=count))
    assert str(change) == "rescue stranded jobs 77"
    assert words in change.note
    assert "instances" not in change.facts
