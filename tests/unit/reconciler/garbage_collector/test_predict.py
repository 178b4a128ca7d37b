"""What a dry run expects after the collector's changes."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.ownership import TemplateIds
from refresh.pool.records import InstanceRecord, Unreadable, wire_time
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason, Terminate
from refresh.reconciler.garbage_collector.predict import predict
from tests.fakes.serial import NOW

TEMPLATES = TemplateIds("lt-ours")
NOW_WRITTEN: dict[str, Any] = {
    "state": "terminated",
    "run_id": "",
    "threshold": wire_time(NOW),
    "updated_at": wire_time(NOW),
}


def test_predict_applies_every_kind_of_change() -> None:
    alive, unknown, ended = (
        InstanceRecord(id=f"i-0000000{number}", state="idle", run_id="7", threshold="") for number in (1, 2, 3)
    )
    unreadable = Unreadable("x", "y")
    stray = Ec2Instance("i-00000004", Ec2State.RUNNING, tags={"InitialRunId": "42"})
    running = evolve(stray, id=alive.id)
    before = Actual({alive.id: running, stray.id: stray}, (alive, unreadable, unknown, ended), TEMPLATES)
    marks = [Mark(alive, Reason.EXPIRED, NOW), Mark(unknown, Reason.EXPIRED, NOW)]
    after = predict(before, [*marks, Adopt(stray.id, "42", NOW, None), Clean(ended), Terminate(alive.id)], NOW)
    assert after == Actual(
        {
            alive.id: evolve(running, state=Ec2State.TERMINATED),
            stray.id: stray,
            unknown.id: Ec2Instance(unknown.id, Ec2State.TERMINATED),
        },
        (
            evolve(alive, **NOW_WRITTEN),
            evolve(unknown, **NOW_WRITTEN),
            InstanceRecord(id=stray.id, **NOW_WRITTEN),
            unreadable,
        ),
        TEMPLATES,
    )
