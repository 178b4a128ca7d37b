"""The pool in rows: by class, and instance by instance."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from refresh.output import pool_table
from refresh.pool.snapshot import InstanceSnapshot
from tests.fakes.serial import NOW

HOUR = timedelta(hours=1)


def _instance(number: int, state: str = "idle", **more: Any) -> InstanceSnapshot:
    return InstanceSnapshot(id=f"i-{number:08x}", state=state, ec2_state="running", **more)


def test_classes_are_counted_by_state_with_their_ages() -> None:
    """A state that no instance is in has no column."""
    instances = (
        _instance(1, resource_class="large", launched_at=NOW - HOUR),
        _instance(2, resource_class="large", launched_at=NOW - 5 * HOUR),
        _instance(3, "running", resource_class="large"),
        _instance(4, "terminated", resource_class="xlarge", launched_at=NOW - 48 * HOUR),
        _instance(5, "unrecorded"),
    )
    table = pool_table.classes(instances, NOW)
    assert table.header == ("class", "running", "idle", "ending", "unrecorded", "all", "median age", "oldest")
    assert table.numeric == 1
    assert table.rows == (
        ("(none)", "0", "0", "0", "1", "1", "", ""),
        ("large", "1", "2", "0", "0", "3", "5 h", "5 h"),
        ("xlarge", "0", "0", "1", "0", "1", "2 d", "2 d"),
    )
    assert pool_table.classes(instances[:1], None).rows == (("large", "1", "1", "", ""),)


def test_instances_are_listed_by_state_and_threshold() -> None:
    instances = (
        _instance(1, resource_class="large", launched_at=NOW - 3 * HOUR, threshold=NOW + timedelta(minutes=34)),
        _instance(2, threshold=NOW - timedelta(minutes=5)),
        _instance(3, "running", run_id="42", threshold=NOW, protected=True),
    )
    table = pool_table.each_instance(instances, NOW)
    assert table.numeric == len(table.header)
    assert table.rows == (
        ("i-00000003", "running", "running", "", "42", "", "0 s ago, protected"),
        ("i-00000002", "idle", "running", "", "", "", "5 min ago"),
        ("i-00000001", "idle", "running", "large", "", "3 h ago", "in 34 min"),
    )
    assert pool_table.each_instance(instances[1:2], None).rows[0][-1] == ""
