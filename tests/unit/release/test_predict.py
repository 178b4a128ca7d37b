"""What is expected after the changes of release: exactly what a read would show."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from refresh.pool.ec2_instances import Ec2State
from refresh.pool.records import Unreadable, wire_time
from refresh.release.changes import GiveBack, Offer, Reason, Retire, Terminate
from refresh.release.predict import predict
from tests.fakes.serial import NOW
from tests.unit.release import pools
from tests.unit.release.pools import AHEAD, IDS, PAST, RUN, instance, record


def test_predict_applies_every_kind_of_change_and_keeps_the_rest() -> None:
    working, claimed, created, idle = record(), record(1, "claimed"), record(2, "created"), pools.released(3)
    unreadable = Unreadable("x", "y")
    before = pools.actual(
        *(working, claimed, created, idle, unreadable, record(4)),
        instances=[instance(1), instance(5)],
    )
    after = predict(
        before,
        [
            GiveBack(RUN, working, NOW, NOW + pools.IDLE_TIME),
            Retire(RUN, claimed, NOW, Reason.NEVER_RAN),
            Retire(RUN, created, NOW, Reason.NEVER_RAN),
            Terminate(IDS[5], RUN, Reason.UNRECORDED),
            Offer(idle, NOW),
        ],
    )
    now = wire_time(NOW)
    taken: dict[str, Any] = {"run_id": "", "last_run_id": RUN, "released_at": now, "updated_at": now}
    assert after == pools.actual(
        evolve(working, state="idle", busy_seconds=600, threshold=wire_time(NOW + pools.IDLE_TIME), **taken),
        evolve(claimed, state="idle", busy_seconds=600, threshold=PAST, **taken),
        evolve(created, state="created", busy_seconds=600, threshold=PAST, **taken),
        evolve(idle, offered_for=AHEAD),
        unreadable,
        record(4),
        instances=[instance(1), instance(5, Ec2State.SHUTTING_DOWN)],
    )


def test_predict_asks_nothing_of_ec2_that_was_not_asked() -> None:
    assert predict(pools.actual(record()), []) == pools.actual(record())
