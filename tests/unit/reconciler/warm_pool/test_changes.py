"""What people and programs read of changes."""

from __future__ import annotations

from refresh.engine.change import Difference
from refresh.pool.launch import LaunchedInstance
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import WarmState
from refresh.reconciler.warm_pool.changes import Keep, Launch, Promote, Record, WriteState
from tests.fakes.serial import NOW
from tests.unit.reconciler.warm_pool.machines import IDS, LABEL, after, pending, record


def test_an_extension_says_how_much_time_was_left() -> None:
    change = Keep(record(minutes=12), after(59), NOW)
    assert (str(change), change.note) == (f"keep instance {IDS[0]}", "large, c7i.large, 12 min left")
    assert change.differences == (Difference("threshold", "2026-01-31T09:17:00Z", "2026-01-31T10:04:00Z"),)
    assert change.facts == {"class": "large", "type": "c7i.large", "usage": "on-demand"}
    assert Keep(record(threshold=None), after(59), NOW).note == "large, c7i.large"


def test_a_promotion_names_both_states() -> None:
    change = Promote(record(state="created"), after(59), NOW)
    assert [each.after for each in change.differences] == ["idle", "2026-01-31T10:04:00Z"]


def test_a_launch_of_a_plan_equals_that_of_the_run() -> None:
    """Although each has a token of its own."""
    planned, made = (Launch("large", 2, UsageClass.SPOT, pending(token=each)) for each in ("one", "another"))
    assert planned == made
    assert len({planned, made}) == 1
    assert (planned.note, planned.facts) == ("", {"label": LABEL, "class": "large", "usage": "spot"})


def test_a_record_names_what_was_launched() -> None:
    made = LaunchedInstance(id=IDS[0], instance_type="", usage_class="spot", template_version="")
    change = Record("large", made, NOW, after(30), NOW)
    assert (change.subject, change.note, change.facts["class"]) == (IDS[0], "large, spot", "large")


def test_writes_of_different_content_are_different() -> None:
    first, second = (WriteState(None, WarmState(launches=each), "before a launch") for each in (1, 2))
    assert first != second
    assert first == WriteState({}, WarmState(launches=1), "before a launch")
    assert (str(first), first.note) == ("write warm pool", "before a launch")
