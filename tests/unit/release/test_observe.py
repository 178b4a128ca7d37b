"""What release reads: all of it at once and whole, and what it does without an answer."""

from __future__ import annotations

from concurrent.futures import Future
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
from attrs import evolve

from refresh import errors
from refresh.pool import names, records
from refresh.pool.ec2_instances import Ec2State
from refresh.pool.signals import Report
from refresh.ports import WorkflowJob
from refresh.release import observe
from tests.fakes.desired import TABLE
from tests.fakes.memory.account import Watch, refused
from tests.fakes.memory.dynamodb import Table
from tests.fakes.serial import NOW, Serial
from tests.unit.reconciler.pools import TEMPLATE_ID
from tests.unit.release import pools
from tests.unit.release.pools import IDS, ROLE, RUN, SETTINGS

if TYPE_CHECKING:
    from refresh.release.actual import Actual
    from tests.fakes.memory.account import Phase
    from tests.simulation.pool import Pool

READS = ["dynamodb:BatchGetItem", "dynamodb:Query", "ec2:DescribeInstances", "github:ListJobs"]


def _observed(pool: Pool, *, skew: timedelta = timedelta(), **wanted: Any) -> Actual:
    desired, clients, clock = pools.desired(**wanted), pools.clients(pool, skew), pool.account.clock
    return observe.read(desired, clients, clock, Serial(), observe.start(desired, clients, clock, Serial()))


def _found(actual: Actual) -> dict[str, str]:
    return {each.record.id: each.label for each in actual.machines}


class _Down(Watch):
    """Refuses an operation."""

    def __init__(self, name: str, error: Exception) -> None:
        self.name = name
        self.error = error

    def at(self, _number: int, operation: str, phase: Phase) -> None:
        """Refuse it before its effect."""
        if (operation, phase) == (self.name, "before"):
            raise self.error


def test_four_reads_show_all_that_is_needed_of_a_pool_without_machines() -> None:
    pool = pools.made()
    actual = _observed(pool, skew=timedelta(seconds=3))
    assert pool.account.calls == READS
    assert (actual.settings, actual.skew) == (SETTINGS, timedelta(seconds=3))
    assert (actual.machines, actual.instances, actual.jobs_error, actual.ec2_error) == ((), {}, None, None)


@pytest.mark.parametrize(
    ("name", "labels"),
    [("", [RUN]), ("gpu", ["77-gpu"]), ("*", [RUN, "77-gpu"]), ("other", [])],
)
def test_machines_are_found_by_the_label_that_they_have_or_had_last(name: str, labels: list[str]) -> None:
    pool = pools.made()
    written = {
        label: [
            pools.runs(pool, runId=label),
            pools.runs(pool, runId=label, state="no such state"),
            pools.runs(pool, state="idle", runId="", lastRunId=label),
            pools.runs(pool, state="idle", runId=None, lastRunId=label),
        ]
        for label in (RUN, "77-gpu", "78", "177")
    }
    pools.runs(pool, runId="78", lastRunId=RUN)
    pools.runs(pool, runId="", state="idle")
    pools.runs(pool, state="terminated")
    actual = _observed(pool, name=name)
    assert _found(actual) == {identifier: label for label in labels for identifier in written[label]}
    assert len(actual.recorded) == 19
    problems = [each for each in actual.machines if isinstance(each.record, records.Unreadable)]
    assert len(problems) == len(labels)


def test_every_record_is_found_also_beyond_the_first_megabyte() -> None:
    """The original's release misses what is on later pages."""
    pool = pools.made()
    for number in range(60):
        pool.record(f"i-{number:08x}", artifacts=False, state="running", runId=RUN, threshold=pool.in_time(900),
                    instanceType="x" * 30_000)  # fmt: skip
    assert len(_observed(pool).machines) == 60
    assert pool.account.calls.count("dynamodb:Query") == 2


def test_records_that_refresh_has_marked_are_found_by_the_label_that_they_had() -> None:
    pool = pools.made()
    marked = pools.runs(pool, state="terminated", runId="", endedRunId=RUN, endedReason="expired")
    pools.runs(pool, state="terminated", runId="", endedRunId="78")
    actual = _observed(pool)
    assert ([each.id for each in actual.ended], actual.machines) == ([marked], ())


@pytest.mark.parametrize("name", ["", "gpu", "*"])
def test_labels_that_no_other_run_may_use_are_known_from_what_provision_was_asked_for(name: str) -> None:
    pool = pools.made()
    for label in (RUN, "77-gpu", "77-cpu"):
        pools.runs(pool, runId=label)
        pools.told(pool, label, reuse=label == "77-cpu")
    pools.told(pool, "78", reuse=False)
    actual = _observed(pool, name=name)
    assert actual.single_use == {"": {RUN}, "gpu": {"77-gpu"}, "*": {RUN, "77-gpu"}}[name]
    assert pool.account.calls == [*READS, *(["dynamodb:BatchGetItem"] if name == "*" else [])]


def test_a_record_with_an_endless_label_stops_no_other() -> None:
    """DynamoDB refuses a whole call if one of its keys is too long."""
    pool = pools.made()
    longest, endless = f"77-{'x' * 61}", f"77-{'x' * 62}"
    for label in (longest, endless):
        pools.runs(pool, runId=label)
        pools.told(pool, label, reuse=False)
    actual = _observed(pool, name="*")
    assert {each.label for each in actual.machines} == {longest, endless}
    assert actual.single_use == {longest}


@pytest.mark.parametrize("value", [{}, {"reuse": "no"}, {"reuse": True}])
def test_machines_may_serve_other_runs_unless_provision_was_told_otherwise(value: dict[str, Any]) -> None:
    pool = pools.made()
    pools.runs(pool)
    pools.told(pool, **value)
    assert _observed(pool).single_use == frozenset()


@pytest.mark.parametrize("wanted", [{"reuse": True}, {"reuse": False}])
def test_what_provision_was_asked_for_is_not_read_where_the_input_decides(wanted: dict[str, Any]) -> None:
    pool = pools.made()
    pools.runs(pool)
    _observed(pool, name="*", **wanted)
    assert pool.account.calls == READS


@pytest.mark.parametrize(("name", "calls"), [("", 1), ("*", 2)])
def test_what_the_agents_of_machines_with_the_label_report_is_read_in_one_call(name: str, calls: int) -> None:
    pool = pools.made(runner_role_id=ROLE)
    held, silent = pools.runs(pool), pools.runs(pool)
    gone, other = pools.runs(pool, state="idle", runId="", lastRunId=RUN), pools.runs(pool, runId="78")
    for each in (held, gone, other):
        pools.reported(pool, each, reclaimedAt=pools.AHEAD, cutOff=RUN)
    actual = _observed(pool, name=name)
    assert actual.reports.keys() == {held}
    assert (actual.report(held).reclaimed_at, actual.report(held).cut_off) == (records.read_time(pools.AHEAD), RUN)
    assert (actual.report(silent), actual.reports_error) == (Report(), None)
    assert pool.account.calls == [*READS, *["dynamodb:BatchGetItem"] * calls]


@pytest.mark.parametrize(("role_id", "machines"), [("", [{}]), (ROLE, []), (ROLE, [{"state": "idle", "runId": ""}])])
def test_reports_are_not_read_without_a_machine_or_an_agent_that_writes_them(
    role_id: str, machines: list[dict[str, Any]]
) -> None:
    pool = pools.made(runner_role_id=role_id)
    for each in machines:
        pools.runs(pool, lastRunId=RUN, **each)
    assert _observed(pool).reports == {}
    assert pool.account.calls == READS


class _Second(Watch):
    """Refuses the second call for items, which is that for reports."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.met = 0

    def at(self, _number: int, operation: str, phase: Phase) -> None:
        """Refuse it before its effect."""
        self.met += (operation, phase) == ("dynamodb:BatchGetItem", "before")
        if self.met == 2:
            raise self.error


def test_without_the_reports_machines_are_found_all_the_same() -> None:
    """As with a policy of before there were such items."""
    pool = pools.made(runner_role_id=ROLE)
    machine = pools.runs(pool)
    denied = errors.PermissionDenied("dynamodb:BatchGetItem", "AccessDeniedException", "no.")
    pool.account.seam = _Second(denied)
    actual = _observed(pool)
    assert (set(_found(actual)), actual.reports, actual.reports_error) == ({machine}, {}, denied)
    pool.account.seam = _Second(errors.CredentialsExpired("dynamodb:BatchGetItem", "ExpiredToken"))
    with pytest.raises(errors.CredentialsExpired):
        _observed(pool)


def test_only_jobs_that_are_not_completed_are_open() -> None:
    pool = pools.made()
    pool.account.state.jobs[RUN] = [pools.job("done", completed=True), pools.job("open")]
    pool.account.state.jobs["78"] = [pools.job("other")]
    assert _observed(pool).open_jobs == (pools.job("open"),)


def test_jobs_are_asked_of_the_repository_of_the_run() -> None:
    pool, asked = pools.made(), []

    class Jobs:
        def jobs(self, repository: names.Repository, run_id: str) -> list[WorkflowJob]:
            """Note what is asked."""
            asked.append((str(repository), run_id))
            return []

    clients = evolve(pools.clients(pool), runs=Jobs())
    observe.start(
        pools.desired(workflow_repository=names.Repository("other", "repo")), clients, pool.account.clock, Serial()
    )
    assert asked == [("other/repo", RUN)]


@pytest.mark.parametrize("machines", [0, 1])
def test_github_s_refusal_is_kept_and_stops_nothing(machines: int) -> None:
    pool = pools.made()
    for _ in range(machines):
        pools.runs(pool)
    error = errors.PermissionDenied("GitHub GET jobs", "403", "no.")
    pool.account.seam = _Down("github:ListJobs", error)
    actual = _observed(pool)
    assert (actual.jobs_error, len(actual.machines), actual.open_jobs) == (error, machines, ())


def test_github_is_not_waited_for_longer_than_it_is_worth(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = pools.made()
    pools.runs(pool)
    monkeypatch.setattr(observe, "JOBS_SECONDS", 0)
    clients, clock = pools.clients(pool), pool.account.clock
    reads = evolve(observe.start(pools.desired(), clients, clock, Serial()), jobs=Future())
    actual = observe.read(pools.desired(), clients, clock, Serial(), reads)
    assert isinstance(actual.jobs_error, errors.Unavailable)
    assert len(actual.machines) == 1


def test_without_a_table_the_release_is_refused_with_its_name_and_region() -> None:
    pool = pools.made()
    del pool.account.state.tables[TABLE]
    with pytest.raises(errors.Refused) as caught:
        _observed(pool)
    assert [word in str(caught.value) for word in (TABLE, "eu-west-1", "aws-region")] == [True] * 3


@pytest.mark.parametrize("value", [None, {}, {"idleTimeSec": 420}])
def test_without_settings_the_release_is_refused(value: dict[str, Any] | None) -> None:
    pool = pools.made()
    pool.account.state.tables[TABLE] = Table(NOW - timedelta(days=1), [], [])
    if value is not None:
        pool.table.put(records.item(records.SETTINGS, names.SETTINGS_IDENTIFIER, NOW, value=value))
    with pytest.raises(errors.Refused) as caught:
        _observed(pool)
    assert [word in str(caught.value) for word in (TABLE, "refresh workflow")] == [True, True]


@pytest.mark.parametrize("operation", READS[:2])
def test_an_error_of_the_table_ends_the_release(operation: str) -> None:
    pool = pools.made()
    pool.account.seam = _Down(operation, refused(operation, "InternalServerError", status=500))
    with pytest.raises(errors.Unavailable):
        _observed(pool)


@pytest.mark.parametrize(
    ("name", "found"),
    [("", [RUN]), ("gpu", ["77-gpu"]), ("*", [RUN, "77-gpu"]), ("other", [])],
)
def test_instances_launched_for_a_label_are_found_whether_recorded_or_not(name: str, found: list[str]) -> None:
    pool = pools.made()
    launched = {label: pool.launch(tags={"InitialRunId": label}).id for label in (RUN, "77-gpu", "777", "78")}
    actual = _observed(pool, name=name)
    assert set(actual.instances) == {launched[label] for label in found}
    assert actual.asked == frozenset()
    assert all(each.tags.template_id == TEMPLATE_ID for each in actual.instances.values())


def test_ec2_is_asked_for_more_by_id_and_what_it_does_not_know_is_gone() -> None:
    pool = pools.made()
    ours, foreign, other = pool.launch(), pool.ec2.launch()[0], pool.ec2.launch()[0]
    known = pools.actual(instances=[pools.instance(3)])
    actual = observe.with_instances(pools.clients(pool), known, [ours.id, foreign.id, IDS[0]])
    assert set(actual.instances) == {IDS[3], ours.id, foreign.id}
    assert other.id not in actual.instances
    assert actual.instances[ours.id].state is Ec2State.RUNNING
    assert actual.asked == {ours.id, foreign.id, IDS[0]}
    assert pool.account.calls == ["ec2:DescribeInstances"]


REFUSALS = (
    refused("ec2:DescribeInstances", "InternalError", status=500),
    refused("ec2:DescribeInstances", "UnauthorizedOperation", status=403),
)


@pytest.mark.parametrize("error", REFUSALS)
def test_ec2_s_refusal_is_kept_and_nothing_is_known_of_any_instance(error: errors.ApiError) -> None:
    pool = pools.made()
    pool.account.seam = _Down("ec2:DescribeInstances", error)
    for actual in (_observed(pool), observe.with_instances(pools.clients(pool), pools.actual(), [IDS[0]])):
        assert (actual.ec2_error, actual.instances, actual.asked) == (error, {}, frozenset())


def test_expired_credentials_end_the_release() -> None:
    pool = pools.made()
    expired = errors.CredentialsExpired("ec2:DescribeInstances", "ExpiredToken")
    pool.account.seam = _Down("ec2:DescribeInstances", expired)
    with pytest.raises(errors.CredentialsExpired):
        _observed(pool)
    with pytest.raises(errors.CredentialsExpired):
        observe.with_instances(pools.clients(pool), pools.actual(), [IDS[0]])


def test_a_defect_in_a_read_is_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> NoReturn:
        raise ZeroDivisionError

    pool = pools.made()
    monkeypatch.setattr("tests.fakes.memory.github.GitHub.jobs", broken)
    with pytest.raises(ZeroDivisionError):
        _observed(pool)


@pytest.mark.parametrize("owner", [{"repository": "octo-widgets/x"}, {"server": "ghe.example"}])
def test_the_table_of_another_repository_or_server_is_refused(owner: dict[str, Any]) -> None:
    """`a-b/c` and `a/b-c` have tables of the same name."""
    with pytest.raises(errors.Refused) as caught:
        _observed(pools.made(**owner))
    assert all(each in str(caught.value) for each in (TABLE, *owner.values()))
