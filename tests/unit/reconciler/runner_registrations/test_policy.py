"""Which registrations are removed."""

from __future__ import annotations

import pytest

from refresh.ports import RunnerRegistration
from refresh.reconciler.runner_registrations.actual import Actual
from refresh.reconciler.runner_registrations.changes import RemoveRegistration
from refresh.reconciler.runner_registrations.policy import REMOVED_PER_RUN, plan

ID = "i-0123456789abcdef0"


@pytest.mark.shows("A19")
@pytest.mark.parametrize(
    ("name", "offline", "busy", "removed"),
    [
        (f"{ID}-1", True, False, True),
        (f"{ID}-17", True, False, True),
        (f"{ID}-1", False, False, False),
        (f"{ID}-1", True, True, False),
        ("i-0fffffffffffffff0-1", True, False, False),
        (ID, True, False, False),
        (f"x-{ID}-1", True, False, False),
        (f"{ID}-1x", True, False, False),
        ("laptop", True, False, False),
    ],
)
def test_only_an_idle_offline_runner_of_an_ended_instance_is_removed(
    name: str, *, offline: bool, busy: bool, removed: bool
) -> None:
    actual = Actual((RunnerRegistration(1, name, offline, busy),), frozenset({ID}))
    assert plan(actual).changes == ((RemoveRegistration(1, name),) if removed else ())


@pytest.mark.parametrize("before", [0, 40])
@pytest.mark.parametrize("left", [0, 1, 3])
def test_a_run_removes_a_limited_number_and_warns_of_the_rest(before: int, left: int) -> None:
    runners = tuple(
        RunnerRegistration(number, f"{ID}-{number}", offline=True, busy=False)
        for number in range(REMOVED_PER_RUN - before + left)
    )
    planned = plan(Actual(runners, frozenset({ID}), removed=before))
    assert len(planned.changes) == REMOVED_PER_RUN - before
    assert [warning.split()[0] for warning in planned.warnings] == ([str(left)] if left else [])
