"""Lists and durations as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from refresh.text import enumerated, lasting, relative
from tests.fakes.serial import NOW


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (172_800, "2 d")],
)
def test_a_duration_is_shown_in_its_largest_unit(seconds: int, shown: str) -> None:
    duration = timedelta(seconds=seconds)
    assert lasting(duration) == shown
    assert relative(NOW - duration, NOW) == f"{shown} ago"
    assert relative(NOW + duration, NOW) == (f"in {shown}" if seconds else "0 s ago")


@pytest.mark.parametrize(("number", "more"), [(10, ""), (11, " and 1 more")])
def test_the_first_ten_of_many_names_are_listed(number: int, more: str) -> None:
    listed = [f"i-{each}" for each in range(number)]
    assert enumerated(listed) == ", ".join(listed[:10]) + more
