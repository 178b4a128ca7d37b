"""What the components saw last, put together for people."""

from __future__ import annotations

from datetime import timedelta

from attrs import evolve

from refresh.desired import ResourceClass
from refresh.pool import records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TEMPLATE_TAG, TemplateIds
from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason, Terminate
from refresh.reconciler.launch_template.actual import Actual as Template
from refresh.reconciler.launch_template.actual import Listing, Version
from refresh.reconciler.parameters.changes import WriteParameter
from refresh.reconciler.registration_token.actual import Actual as StoredToken
from refresh.reconciler.resource_pools.actual import Actual as Queues
from refresh.reconciler.resource_pools.actual import Pool
from refresh.reconciler.runner_release.releases import Archive, Release
from refresh.reconciler.snapshot import ended, pool_snapshot, touched
from tests.fakes.serial import NOW

ID, STRAY = "i-00000001", "i-00000002"
THRESHOLD = "2026-01-31T09:00:00Z"
RELEASE = Release("2.335.1", Archive("", ""), Archive("", ""))
RECORD = records.InstanceRecord(
    id=ID, state="idle", run_id="", threshold=THRESHOLD, updated_at=THRESHOLD, resource_class="large"
)


def test_nothing_seen_is_nothing_told() -> None:
    """A component may have failed before it could look."""
    assert pool_snapshot(None, None, None, None) == PoolSnapshot()


def test_the_pool_is_what_the_components_saw() -> None:
    """Template, queues, token, recorded instances and those that nobody recorded."""
    template = Template(Listing("lt-1", (Version(2, True, ()), Version(1, False, ()))), None, RELEASE)
    pools = Queues(
        (
            Pool(ResourceClass("large", 2, 4096), "url"),
            Pool(ResourceClass("x", 4, 1)),
        )
    )
    token = StoredToken(present=True, expires_at="2026-01-31T09:05:00Z")
    tags = {TEMPLATE_TAG: "lt-1", "InitialRunId": "42"}
    instances = {
        ID: Ec2Instance(ID, Ec2State.RUNNING, NOW, tags),
        STRAY: Ec2Instance(STRAY, Ec2State.PENDING, NOW, tags),
        "i-00000003": Ec2Instance("i-00000003", Ec2State.TERMINATED, NOW, tags),
        "i-00000004": Ec2Instance("i-00000004", Ec2State.RUNNING, NOW, {TEMPLATE_TAG: "lt-foreign"}),
    }
    unknown = evolve(RECORD, id="i-00000005", state="running", run_id="7", threshold=None)
    found = (RECORD, records.Unreadable("x", "y"), unknown)
    assert pool_snapshot(template, pools, token, Actual(instances, found, TemplateIds("lt-1"))) == PoolSnapshot(
        template_id="lt-1",
        template_version=2,
        queues=(("large", "url"),),
        token_expires_at=NOW,
        instances=(
            InstanceSnapshot(
                id=ID,
                state="idle",
                ec2_state="running",
                resource_class="large",
                launched_at=NOW,
                threshold=NOW - timedelta(minutes=5),
            ),
            InstanceSnapshot(id="i-00000005", state="running", ec2_state="unknown", resource_class="large", run_id="7"),
            InstanceSnapshot(id=STRAY, state="unrecorded", ec2_state="pending", run_id="42", launched_at=NOW),
        ),
    )


def test_a_template_without_a_default_and_an_absent_token_are_told_as_such() -> None:
    """They are being repaired."""
    template = Template(Listing("lt-1"), None, RELEASE)
    told = pool_snapshot(template, None, StoredToken(), None)
    assert (told.template_id, told.template_version, told.token_expires_at) == ("lt-1", None, None)


def test_what_was_ended_is_told_by_what_its_mark_wrote() -> None:
    """Also where an earlier run had marked it."""
    told = (("endedReason", "expired"), ("endedState", "running"), ("endedRunId", "42"), ("endedThreshold", THRESHOLD))
    marked = evolve(RECORD, state=records.TERMINATED, updated_at="2026-01-31T09:05:00Z", ended=told)
    aged = evolve(marked, id=STRAY, ended=(("endedReason", "aged"), ("endedState", "idle")))
    vanished = evolve(RECORD, id="i-00000003", state="running", run_id="7")
    done = (
        Mark(evolve(RECORD, state="running", run_id="42"), Reason.EXPIRED, NOW),
        Mark(vanished, Reason.VANISHED, NOW),
        Mark(evolve(RECORD, id="i-00000006"), Reason.AGED, NOW),
        Adopt("i-00000007", "8", NOW, NOW),
        Terminate(ID, marked),
        Terminate(STRAY, aged),
        Terminate("i-00000009"),
        Clean(marked),
        Clean(evolve(aged, id="i-00000008")),
        WriteParameter("idle_time_sec", None, 7),
    )
    expired = Ended(
        id=ID,
        reason="expired",
        state="running",
        resource_class="large",
        run_id="42",
        overdue=timedelta(minutes=5),
        steps=("marked", "terminated", "cleaned"),
    )
    assert expired.cut_off
    gone = Ended(
        id="i-00000003", reason="vanished", state="running", resource_class="large", run_id="7", steps=("marked",)
    )
    by_earlier_run = Ended(id=STRAY, reason="aged", state="idle", resource_class="large", steps=("terminated",))
    undescribed = Ended(id="i-00000009", reason="", state="", steps=("terminated",))
    assert ended(done) == (expired, gone, by_earlier_run, undescribed)
    assert touched(done) == (
        expired,
        gone,
        Ended(id="i-00000006", reason="aged", state="idle", resource_class="large", steps=("marked",)),
        Ended(id="i-00000007", reason="unrecorded", state="", run_id="8", steps=("adopted",)),
        by_earlier_run,
        undescribed,
        Ended(id="i-00000008", reason="aged", state="idle", resource_class="large", steps=("cleaned",)),
    )
    assert ended((Terminate(ID, marked),)) == (evolve(expired, steps=("terminated",)),)


def test_what_neither_mark_nor_tag_tells_is_empty() -> None:
    """The original's marks told nothing, and anybody may launch from the template by hand."""
    old = evolve(RECORD, state=records.TERMINATED, threshold=None)
    vanished = evolve(RECORD, id=STRAY, run_id=None)
    assert ended((Terminate(ID, old), Mark(vanished, Reason.VANISHED, NOW))) == (
        Ended(id=ID, reason="", state="", resource_class="large", steps=("terminated",)),
        Ended(id=STRAY, reason="vanished", state="idle", resource_class="large", steps=("marked",)),
    )
    stray = Ec2Instance(STRAY, Ec2State.RUNNING, NOW, {TEMPLATE_TAG: "lt-1"})
    told = pool_snapshot(None, None, None, Actual({STRAY: stray}, (), TemplateIds("lt-1")))
    assert told.instances == (InstanceSnapshot(id=STRAY, state="unrecorded", ec2_state="running", launched_at=NOW),)


def test_only_what_has_expired_is_overdue() -> None:
    """One that was too old may have had hours left."""
    told = (("endedReason", "aged"), ("endedThreshold", THRESHOLD))
    aged = evolve(RECORD, state=records.TERMINATED, updated_at="2026-01-31T09:05:00Z", ended=told)
    (one,) = ended((Terminate(ID, aged),))
    assert one.overdue is None
