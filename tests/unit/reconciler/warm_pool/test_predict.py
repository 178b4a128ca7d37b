"""What is known after changes."""

from __future__ import annotations

from refresh.pool.launch import LaunchedInstance
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import WarmState, to_wire
from refresh.reconciler.warm_pool import predict
from refresh.reconciler.warm_pool.changes import Keep, Launch, Promote, Record, WriteState
from tests.fakes.serial import NOW
from tests.unit.reconciler.warm_pool.machines import IDS, actual, after, pending, record


def test_each_change_is_known_afterwards() -> None:
    made = LaunchedInstance(id=IDS[2], instance_type="c7i.large", usage_class="spot", template_version="3")
    state = WarmState(launches=1, pending={"large": pending()})
    seen = predict.predict(
        actual(record(0, "created"), record(1, minutes=5, fresh_for="")),
        [
            Promote(record(0, "created"), after(59), NOW),
            Keep(record(1, minutes=5, fresh_for="", offered_for="2026-01-31T09:10:00Z"), after(59), NOW),
            WriteState(None, state),
            Launch("large", 2, UsageClass.SPOT, pending()),
            Record("large", made, NOW, after(30), NOW),
        ],
    )
    promoted, kept, launched = (seen.records[each] for each in IDS[:3])
    until = "2026-01-31T10:04:00Z"
    assert promoted == record(0, threshold=until, fresh_for=until, updated_at="2026-01-31T09:05:00Z")
    assert kept == record(1, threshold=until, fresh_for="", offered_for=until)
    assert launched == record(
        2, "created", 30, usage_class="spot", launched_at="2026-01-31T09:05:00Z", updated_at="2026-01-31T09:05:00Z"
    )
    assert (seen.state, seen.stored) == (state, to_wire(state))
    assert seen.asked["large"].launched == ()
