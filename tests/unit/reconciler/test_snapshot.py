"""The pool as the components saw it last, and the instances that a run ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from attrs import evolve

from refresh.desired import ResourceClass
from refresh.engine.change import Change
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TEMPLATE_TAG, TemplateIds
from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason, Terminate
from refresh.reconciler.launch_template.actual import Actual as Template
from refresh.reconciler.launch_template.actual import Listing, Version
from refresh.reconciler.registration_token.actual import Actual as StoredToken
from refresh.reconciler.resource_pools.actual import Actual as Queues
from refresh.reconciler.resource_pools.actual import Pool
from refresh.reconciler.runner_release.releases import Archive, Release
from refresh.reconciler.snapshot import ended, pool_snapshot, touched
from tests.fakes.changes import Paint
from tests.fakes.serial import NOW

ID, STRAY, OTHER = "i-00000001", "i-00000002", "i-00000003"
THRESHOLD = "2026-01-31T09:00:00Z"
RELEASE = Release("2.335.1", Archive("", ""), Archive("", ""))
RECORD = records.InstanceRecord(
    id=ID, state="idle", run_id="", threshold=THRESHOLD, updated_at=THRESHOLD, resource_class="large"
)
RUNNING = evolve(RECORD, state="running", run_id="42")
MARKED = evolve(RECORD, state=records.TERMINATED, updated_at=records.wire_time(NOW))
OF_MARK = (("endedState", "running"), ("endedRunId", "42"), ("endedThreshold", THRESHOLD))


ABANDONED = evolve(MARKED, ended=(("endedReason", "abandoned"), *OF_MARK))


def _instances(collected: Actual) -> tuple[InstanceSnapshot, ...] | None:
    return pool_snapshot(None, None, None, collected).instances


def test_a_component_that_saw_nothing_leaves_its_part_empty() -> None:
    assert pool_snapshot(None, None, None, None) == PoolSnapshot()


def test_a_snapshot_has_template_queues_and_token() -> None:
    listing = Listing("lt-1", (Version(2, True, ()), Version(1, False, ())))
    pools = Queues((Pool(ResourceClass("large", 2, 4096), "url"), Pool(ResourceClass("x", 4, 1))))
    token = StoredToken(present=True, expires_at=records.wire_time(NOW))
    assert pool_snapshot(Template(listing, None, RELEASE), pools, token, None) == PoolSnapshot(
        template_id="lt-1", template_version=2, queues=(("large", "url"),), token_expires_at=NOW
    )


def test_a_snapshot_has_a_template_without_a_default_and_an_absent_token() -> None:
    template = Template(Listing("lt-1"), None, RELEASE)
    assert pool_snapshot(template, None, StoredToken(), None) == PoolSnapshot(template_id="lt-1")


def test_a_snapshot_lists_recorded_instances_and_living_ones_without_a_record() -> None:
    tags = {TEMPLATE_TAG: "lt-1", "InitialRunId": "42"}
    instances = {
        ID: Ec2Instance(ID, Ec2State.RUNNING, NOW, tags),
        STRAY: Ec2Instance(STRAY, Ec2State.PENDING, NOW, tags),
        "i-00000004": Ec2Instance("i-00000004", Ec2State.TERMINATED, NOW, tags),
        "i-00000005": Ec2Instance("i-00000005", Ec2State.RUNNING, NOW, {TEMPLATE_TAG: "lt-foreign"}),
        "i-00000006": Ec2Instance("i-00000006", Ec2State.RUNNING, NOW, {TEMPLATE_TAG: "lt-1"}),
    }
    unknown = evolve(RUNNING, id=OTHER, threshold=None)
    found = (RECORD, records.Unreadable("x", "y"), unknown)
    assert _instances(Actual(instances, found, TemplateIds("lt-1"))) == (
        InstanceSnapshot(
            id=ID,
            state="idle",
            ec2_state="running",
            resource_class="large",
            launched_at=NOW,
            threshold=NOW - timedelta(minutes=5),
        ),
        InstanceSnapshot(id=OTHER, state="running", ec2_state="unknown", resource_class="large", run_id="42"),
        InstanceSnapshot(id=STRAY, state="unrecorded", ec2_state="pending", run_id="42", launched_at=NOW),
        InstanceSnapshot(id="i-00000006", state="unrecorded", ec2_state="running", launched_at=NOW),
    )


EXPIRED = Ended(
    id=ID, reason="expired", state="running", resource_class="large", run_id="42", overdue=timedelta(minutes=5)
)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (Mark(RUNNING, Reason.EXPIRED, NOW), EXPIRED),
        (Mark(RUNNING, Reason.VANISHED, NOW), evolve(EXPIRED, reason="vanished", overdue=None)),
        (Mark(RUNNING, Reason.ABANDONED, NOW), evolve(EXPIRED, reason="abandoned", overdue=None)),
        (
            Mark(evolve(RECORD, run_id=None), Reason.AGED, NOW),
            evolve(EXPIRED, reason="aged", state="idle", run_id="", overdue=None),
        ),
        (Adopt(ID, "8", NOW, NOW), Ended(id=ID, reason="unrecorded", state="", run_id="8")),
        (Terminate(ID, evolve(MARKED, ended=(("endedReason", "expired"), *OF_MARK))), EXPIRED),
        (Clean(evolve(MARKED, ended=(("endedReason", "expired"), *OF_MARK))), EXPIRED),
        (
            Terminate(ID, evolve(MARKED, ended=(("endedReason", "aged"), *OF_MARK))),
            evolve(EXPIRED, reason="aged", overdue=None),
        ),
        (Terminate(ID, evolve(MARKED, threshold=None)), Ended(id=ID, reason="", state="", resource_class="large")),
        (Terminate(ID), Ended(id=ID, reason="", state="")),
    ],
)
def test_an_instance_is_described_by_its_change_or_its_mark(change: Change, found: Ended) -> None:
    assert touched((change,)) == (evolve(found, steps=(change.done,)),)


def test_an_instance_is_listed_once_with_every_step() -> None:
    """As it was judged first: the mark overwrites its record."""
    done = (Mark(RUNNING, Reason.EXPIRED, NOW), Terminate(ID, MARKED), Paint(), Clean(MARKED))
    assert touched(done) == ended(done) == (evolve(EXPIRED, steps=("marked", "terminated", "cleaned")),)


@pytest.mark.parametrize(
    ("change", "listed"),
    [
        (Terminate(ID), True),
        (Mark(RECORD, Reason.VANISHED, NOW), True),
        (Mark(RECORD, Reason.EXPIRED, NOW), False),
        (Mark(RUNNING, Reason.ABANDONED, NOW), True),
        (Terminate(ID, ABANDONED), False),
        (Adopt(ID, "8", NOW, NOW), False),
        (Clean(MARKED), False),
    ],
)
def test_only_terminated_vanished_and_abandoned_instances_have_ended(change: Change, *, listed: bool) -> None:
    """An abandoned one is in the report of the run that marked it, also if a later one has to terminate it."""
    assert bool(ended((change,))) is listed


def test_an_instance_that_was_running_was_cut_off() -> None:
    assert EXPIRED.cut_off
    assert not evolve(EXPIRED, state="idle").cut_off
    assert not evolve(EXPIRED, reason="abandoned").cut_off


def test_an_instance_that_was_marked_after_the_collector_had_looked_is_shown_as_marked() -> None:
    collected = Actual({}, (RUNNING, evolve(RUNNING, id=OTHER)), TemplateIds("lt-1"))
    pool = pool_snapshot(None, None, None, collected, marked=[Mark(RUNNING, Reason.ABANDONED, NOW)])
    assert pool.instances is not None
    assert [(each.state, each.run_id) for each in pool.instances] == [("terminated", ""), ("running", "42")]
