"""The figures of a pool's history in words: what is unknown is said, and what did not happen is left out."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from refresh.output import history_figures
from refresh.output.history_figures import bars, classes, figures, percent, unknown
from tests.unit.output.histories import BUSY, COLD, DAY, FAILED, HOUR, build, machine, summary


def test_every_figure_of_a_busy_day_is_shown() -> None:
    assert dict(figures(BUSY)) == {
        "builds": "6 (3 provided, 1 on hosted runners, 1 failed, 1 without an answer)",
        "served warm": "2 of 3 (67 %)",
        "waits": "median 4 s, 95 % within 95 s, longest 95 s",
        "machine hours": "4.0, 50 % idle, cost 0.38 without 2xlarge",
        "failed launches": "4 (3 capacity, 1 never ready)",
        "jobs cut off": "1",
        "hosted runners": f"about {BUSY.runner_minutes} min for provision and release",
    }


def test_what_did_not_happen_is_left_out() -> None:
    assert dict(figures(summary())) == {"builds": "0"}
    quiet = dict(figures(summary(build(), build(**FAILED))))
    assert (quiet["failed launches"], "machine hours" in quiet) == ("3 (capacity)", False)
    assert dict(figures(summary(build())))["builds"] == "1 (all provided)"


def test_builds_of_earlier_versions_are_in_no_share() -> None:
    """Their items do not say where the machines came from."""
    assert dict(figures(summary(build(), build(claimed=0))))["served warm"] == "1 of 1 (100 %), of those that say it"


def test_a_long_wait_is_not_written_in_seconds() -> None:
    (waits,) = (text for name, text in figures(summary(build(waited=timedelta(minutes=12)))) if name == "waits")
    assert waits == "median 12 min, 95 % within 12 min, longest 12 min"


def test_costs_are_shown_where_there_are_prices() -> None:
    both = (machine(), machine("2xlarge"))
    priced = summary(machines=both, prices={"2xlarge": Decimal("0.384")})
    assert classes(priced.classes).header == ("class", "machines", "hours", "busy", "idle", "cost")
    assert classes(priced.classes).rows == (
        ("2xlarge", "1", "2.0", "1.0", "50 %", "0.77"),
        ("large", "1", "2.0", "1.0", "50 %", ""),
    )
    free = summary(machines=both, prices={})
    assert classes(free.classes).header[-1] == "idle"
    assert dict(figures(free))["machine hours"] == "4.0, 50 % idle"


def test_machines_without_a_known_launch_are_counted_and_are_in_no_hours() -> None:
    """Those of the original's provision, as long as they live."""
    one = summary(machines=(machine("", launched_at=None),)).classes
    assert classes(one).rows == (("(none)", "1", "0.0", "0.0", ""),)
    assert unknown(one).startswith("1 machine has no known time of launch")
    two = summary(machines=(machine(launched_at=None), machine(launched_at=None))).classes
    assert "2 machines have no known time of launch" in unknown(two)
    assert unknown(summary(machines=(machine(),)).classes) == ""
    assert dict(figures(summary(machines=(machine("", launched_at=None),))))["machine hours"] == "0.0"


@pytest.mark.parametrize(
    ("since", "step", "number"),
    [
        (HOUR, 1, 2),
        (DAY, 1, 25),
        (2 * DAY, 2, 25),
        (3 * DAY, 3, 25),
        (7 * DAY, 6, 29),
        (14 * DAY, 12, 29),
        (30 * DAY, 24, 31),
    ],
)
def test_bars_of_a_long_time_stand_for_several_hours(since: timedelta, step: int, number: int) -> None:
    """They fit a screen, and begin at the same hours every day."""
    found, shown = bars(summary(build(), build(**COLD), build(**FAILED), since=since).hours)
    assert (found, len(shown)) == (step, number)
    assert {each.start.hour % step for each in shown} == {0}
    assert [(each.warm, each.launched, each.others, each.all) for each in shown if each.all] == [(1, 1, 1, 3)]


def test_a_share_is_none_or_all_only_if_it_is() -> None:
    assert [percent(share) for share in (0, 0.0001, 0.5, 0.9999, 1)] == ["0 %", "1 %", "50 %", "99 %", "100 %"]


def test_the_time_of_a_bar_has_a_name() -> None:
    assert [history_figures.period(step) for step in (1, 6, 24)] == ["hour", "6 hours", "day"]
