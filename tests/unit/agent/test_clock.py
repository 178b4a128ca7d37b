"""AWS's time, and how it is written."""

from __future__ import annotations

import time
import uuid
from email.utils import formatdate
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refresh.agent.clock import Clock, read_wire, wire
from refresh.pool import records

MOMENT = 1_769_850_300
"""2026-01-31T09:05:00Z"""
MOMENTS = st.integers(min_value=0, max_value=32_503_680_000)
SHAPED = st.from_regex(r"[0-9]{4}-[01][0-9]-[0-3][0-9]T[012][0-9]:[0-6][0-9]:[0-6][0-9]Z", fullmatch=True)


class ClockAt(Clock):
    """A clock whose time since the boot is set by the test."""

    up = 100.0

    def uptime(self) -> float:
        """Return the seconds that the test has set."""
        return self.up


def _clock_of_machine(seconds: float, monkeypatch: pytest.MonkeyPatch) -> ClockAt:
    monkeypatch.setattr(time, "time", lambda: seconds)
    return ClockAt()


def test_a_time_is_written_as_the_table_has_it() -> None:
    assert wire(MOMENT + 0.9) == "2026-01-31T09:05:00Z"


@given(MOMENTS)
def test_a_written_time_is_read_back(moment: int) -> None:
    assert read_wire(wire(moment)) == moment


@given(st.text() | SHAPED | st.sampled_from(["2026-1-31T09:05:00Z", " 2026-01-31T09:05:00Z", "2026-02-30T09:05:00Z"]))
def test_the_agent_reads_the_times_that_refresh_reads(text: str) -> None:
    expected = records.read_time(text)
    assert read_wire(text) == (expected and expected.timestamp())


def test_before_the_first_answer_it_has_the_time_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _clock_of_machine(MOMENT, monkeypatch)
    clock.up += 30
    assert clock.now() == MOMENT + 30


def test_a_changed_clock_of_the_machine_has_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _clock_of_machine(MOMENT, monkeypatch)
    monkeypatch.setattr(time, "time", lambda: MOMENT + 86_400)
    assert clock.now() == MOMENT


@given(
    wrong_by=st.floats(min_value=-1e9, max_value=1e9),
    there=st.floats(min_value=0, max_value=5),
    back=st.floats(min_value=0, max_value=5),
    moment=st.floats(min_value=1e9, max_value=4e9),
)
def test_an_answer_corrects_the_time_to_a_second_and_the_duration_of_the_call(
    wrong_by: float, there: float, back: float, moment: float
) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        clock = _clock_of_machine(moment - there + wrong_by, monkeypatch)
    asked = clock.up
    clock.up += there + back
    clock.correct(formatdate(moment, usegmt=True), asked, clock.up)
    assert abs(clock.now() - (moment + back)) <= 1 + there + back + 1e-5


def test_an_answer_that_fits_the_time_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise each answer would move the time by the part of a second that headers leave out."""
    clock = _clock_of_machine(MOMENT + 0.7, monkeypatch)
    clock.correct("Sat, 31 Jan 2026 09:05:00 GMT", clock.up, clock.up)
    assert clock.now() == MOMENT + 0.7


@pytest.mark.parametrize("month", range(1, 13))
def test_every_month_is_read(month: int, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = read_wire(f"2027-{month:02}-15T23:59:58Z")
    assert moment
    clock = _clock_of_machine(0, monkeypatch)
    clock.correct(formatdate(moment, usegmt=True), clock.up, clock.up)
    assert clock.now() == moment


@pytest.mark.parametrize(
    "date",
    [
        None,
        "",
        "Saturday, 31-Jan-26 09:05:00 GMT",
        "Sat, 31 Jnr 2026 09:05:00 GMT",
        "Sat, 31 Jan 0000 09:05:00 GMT",
        "2026-01-31T09:05:00Z",
    ],
)
def test_an_unreadable_date_changes_nothing(date: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = _clock_of_machine(MOMENT, monkeypatch)
    clock.correct(date, clock.up, clock.up)
    assert clock.now() == MOMENT


@given(st.text())
def test_any_date_header_is_survived(date: str) -> None:
    clock = Clock()
    clock.correct(date, clock.uptime(), clock.uptime())
    assert clock.now() > 0


def test_the_time_since_the_boot_is_the_kernels() -> None:
    clock = Clock()
    before, told, after = clock.uptime(), float(Path("/proc/uptime").read_text().split()[0]), clock.uptime()
    assert before - 0.02 <= told <= after


def test_a_boot_has_one_id() -> None:
    assert str(uuid.UUID(Clock().boot_id())) == Clock().boot_id()
