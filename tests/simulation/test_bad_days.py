"""A hundred instances and something wrong with one of them, or with everything."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from attrs import define

from refresh import errors
from refresh.engine.change import Failed
from refresh.pool import names, records
from tests.fakes.desired import OTHER_IMAGE, TEMPLATE, desired
from tests.fakes.memory.account import Watch
from tests.fakes.memory.ec2 import ALIVE
from tests.faults.faults import Refuse
from tests.reports import failed, reported
from tests.simulation.invariants import STRANGER, settle, watched
from tests.simulation.pool import Pool
from tests.simulation.scenes import disrupted, put_ahead, restored
from tests.simulation.worlds import LATER, build

if TYPE_CHECKING:
    from tests.fakes.memory.ec2 import Instance


def _hundred() -> tuple[Pool, list[Instance]]:
    pool = build("up to date")
    instances = pool.ec2.launch(TEMPLATE, 100)
    for instance in instances:
        pool.record(instance)
    return pool, instances


def test_in_an_account_that_is_not_allowed_no_instance_is_ended() -> None:
    """A hundred are due there, and it has a table of the same name."""
    pool, _ = _hundred()
    report = watched(pool, Watch(), allowed_account_ids=("999999999999",))
    assert (report.exit_code, pool.account.writes) == (1, [])
    assert len(pool.alive) == 100
    assert all(each in reported(report) for each in ("123456789012", "allowed-account-ids has 999999999999"))
    settle(pool)
    assert pool.alive == []


def test_unusable_images_profiles_and_subnets_do_not_stop_the_collection() -> None:
    """The template and the parameters wait for the owner; expired instances end."""
    pool, _ = _hundred()
    state = pool.account.state
    state.images[OTHER_IMAGE] = {"State": "deregistered"}
    state.profiles["nobody"] = {"absent": True}
    state.vpcs["subnet-9"] = ""
    report = watched(pool, Watch(), image=OTHER_IMAGE, instance_profile="nobody", subnet_ids=("subnet-9",))
    assert failed(report) == ["launch template", "parameters"]
    assert pool.alive == []
    words = reported(report)
    assert f"ami: {OTHER_IMAGE} is deregistered, not available" in words
    assert "iam-instance-profile: NotFound: iam:GetInstanceProfile: NoSuchEntity" in words
    assert "subnet-ids: subnet-9 " in words
    assert not [each for each in pool.account.writes if each.startswith("ec2:") and "Template" in each]


def test_thirty_failed_runs_of_terminate_instances_lose_no_instance() -> None:
    """Every run reports it and deletes nothing; the first successful call ends them all."""
    pool, _ = _hundred()
    down = Refuse("ec2:TerminateInstances", errors.Unavailable("ec2:TerminateInstances", "InternalError"), times=30)
    for _ in range(30):
        assert down.times
        report = watched(pool, down)
        assert report.exit_code == 1
        assert "ec2:TerminateInstances: InternalError" in reported(report)
        assert len(pool.alive) == 100
        assert len(pool.table.of(records.HEARTBEAT)) == 100
        pool.account.clock.moment += timedelta(minutes=1)
    assert not down.times
    settle(pool)
    assert pool.alive == []


@pytest.mark.shows("A3")
def test_instances_of_other_pools_or_of_no_pool_are_never_touched() -> None:
    """Not even those with forged records in our table, in every state."""
    pool, instances = _hundred()
    neighbour = Pool(pool.account, desired(repository=names.Repository("octo", "gadgets")))
    neighbour.run()
    theirs = pool.ec2.launch("octo-gadgets-ci-launch-template", 20)
    nobodys = pool.ec2.launch(None, 20, tags={STRANGER: "yes"})
    for number, instance in enumerate([*theirs, *nobodys]):
        instance.tags[STRANGER] = "yes"
        del instance.tags["AllowSelfTermination"]
        pool.record(instance, state=("idle", "running", "created", "claimed", records.TERMINATED)[number % 5])
    settle(pool)
    assert sorted(pool.alive) == sorted(each.id for each in [*theirs, *nobodys])
    assert all(pool.ec2.state(each.id) is None or pool.ec2.state(each.id) not in ALIVE for each in instances)
    assert len(pool.table.of(records.INSTANCE)) == 40


def test_the_termination_rate_limit_of_ec2_delays_and_fails_nothing() -> None:
    """EC2 allows 1,000 at once and 20 a second, so 1,500 take a few throttled calls besides the 15 that end them."""
    pool = build("up to date")
    for instance in pool.ec2.launch(TEMPLATE, 1500):
        pool.record(instance, artifacts=False)
    report = watched(pool, Watch())
    assert report.exit_code == 0, reported(report)
    assert pool.alive == []
    assert pool.account.writes.count("ec2:TerminateInstances") == 15
    assert pool.account.calls.count("ec2:TerminateInstances") < 20
    pool.account.clock.moment += LATER
    assert watched(pool, Watch()).exit_code == 0


@pytest.mark.shows("F1")
def test_instances_not_ended_within_a_run_are_left_to_the_next_run() -> None:
    """No change fails; the run reports what is left and why, and cleans up nothing of it."""
    pool = build("up to date")
    for instance in pool.ec2.launch(TEMPLATE, 1500):
        pool.record(instance, artifacts=False)
    report = watched(pool, Watch(), timeout=timedelta(seconds=4))
    assert report.exit_code == 1
    assert "500 changes are left (Throttled: ec2:TerminateInstances: RequestLimitExceeded)" in reported(report)
    assert not [each for one in report.components for each in one.outcomes if isinstance(each, Failed)]
    assert len(pool.alive) == 500
    settle(pool)
    assert pool.alive == []


def test_a_template_version_that_ec2_warns_about_never_becomes_the_default() -> None:
    """Every run reports it and keeps the default, until a run without a warning moves it."""
    pool = build("up to date")
    pool.account.state.faults[OTHER_IMAGE] = "The image id does not exist"
    template = pool.account.state.templates[TEMPLATE]
    for _ in range(3):
        report = watched(pool, Watch(), image=OTHER_IMAGE)
        assert failed(report) == ["launch template"]
        assert "InvalidAMIID.NotFound: The image id does not exist" in reported(report)
        assert (template.default, list(template.versions)) == (1, [1])
    pool.account.state.faults.clear()
    assert watched(pool, Watch(), image=OTHER_IMAGE).exit_code == 0
    assert template.versions[template.default]["ImageId"] == OTHER_IMAGE


@pytest.mark.shows("F35")
@pytest.mark.parametrize("zone", ["b"], ids=["F35"])
def test_an_outage_of_one_zone_does_not_keep_instances_of_other_zones_alive(zone: str) -> None:
    """EC2 lists nothing then. The run acts on what EC2 answers by id, leaves the rest alone, and reports it."""
    pool = disrupted()
    assert pool.account.state.disrupted == {zone}
    zones = {each.id: each.zone for each in pool.account.state.instances.values()}
    report = watched(pool, Watch())
    assert failed(report) == ["garbage collector"]
    assert sorted(zones[each] for each in pool.alive) == ["a", *"bbbbb"]
    words = reported(report)
    assert "EC2 did not list the pool's instances (ec2:DescribeInstances: InternalError)" in words
    assert "Instances without a record" in words
    pool.account.state.disrupted.clear()
    settle(pool)
    assert pool.alive == []


@pytest.mark.shows("F35")
def test_if_ec2_answers_for_no_instance_the_collector_fails_after_a_few_calls() -> None:
    """The outage is larger than a zone, or all instances are in that zone."""
    pool = disrupted()
    pool.account.state.disrupted.add("a")
    report = watched(pool, Watch())
    assert "Unavailable: ec2:DescribeInstances: InternalError" in reported(report)
    assert pool.account.calls.count("ec2:DescribeInstances") <= 1 + 3 + 1
    assert "ec2:TerminateInstances" not in pool.account.calls


def test_a_restored_table_ends_no_job() -> None:
    """All its thresholds have passed: the run lists the instances and fails until the owner raises the thresholds."""
    pool = restored()
    marked = [key for key, each in pool.table.of(records.INSTANCE).items() if each["state"]["S"] == records.TERMINATED]
    before = sorted(pool.alive)
    report = watched(pool, Watch())
    assert failed(report) == ["garbage collector"]
    assert sorted([*pool.alive, *marked]) == before, "only what an earlier run marked ends"
    words = reported(report)
    assert "the restore of the table to 2026-" in words
    assert "not recorded in it" in words
    put_ahead(pool)
    report = watched(pool, Watch())
    assert report.exit_code == 0, reported(report)
    settle(pool)
    assert sorted([*pool.alive, *marked]) == before
    pool.account.clock.moment += timedelta(hours=7)
    settle(pool)
    assert pool.alive == [], "a record that was written since is a record like any other"


@define
class _Busy(Watch):
    """Another instance expires whenever the table is read."""

    pool: Pool
    waiting: list[Instance]

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """Expire the next one."""
        if operation == "dynamodb:Query" and self.waiting:
            self.pool.record(self.waiting.pop(), threshold=self.pool.in_time(-1))


def test_a_run_ends_even_if_something_new_is_always_due() -> None:
    """A run finishes what was due at its first read, and leaves the rest to the next run."""
    pool, instances = _hundred()
    for instance in instances:
        pool.record(instance, threshold=pool.in_time(7200))
    busy = _Busy(pool, list(instances))
    for run in range(10):
        report = watched(pool, busy)
        assert report.exit_code == 0, reported(report)
        assert len(pool.alive) <= 100 - run
        pool.account.clock.moment += timedelta(minutes=2)
    assert len(busy.waiting) > 50


@define
class _Dying(Watch):
    """Two more of the terminated instances have ended whenever EC2 is read."""

    pool: Pool
    left: list[Instance]

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the seam's shape
        """End two, and keep the others shutting down."""
        now = self.pool.account.clock.now()
        if operation == "ec2:DescribeInstances" and any(each.ended_at for each in self.left):
            for position, instance in enumerate(self.left):
                instance.ended_at = now + timedelta(hours=1) if position > 1 else now - timedelta(minutes=2)
            del self.left[:2]


def test_a_hundred_instances_that_end_one_by_one_are_cleaned_in_one_run() -> None:
    """The slow end of instances is no reason for the run to give up."""
    pool, instances = _hundred()
    report = watched(pool, _Dying(pool, list(instances)))
    assert report.exit_code == 0, reported(report)
    assert len(pool.table.of(records.HISTORY)) == 100
