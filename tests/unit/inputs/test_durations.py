"""Durations and the original's whole numbers of seconds and minutes: Python's own parsers would take more."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from refresh.inputs import durations, table
from refresh.inputs.parsers import Problem
from tests.unit.inputs.bad_inputs import environ, load, refused, row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

IDLE, OLD_IDLE, RUNTIME, OLD_RUNTIME = "max-idle-time", "idle-time-sec", "max-runtime", "max-runtime-min"
TTL, OLD_TTL, AGE = "registration-token-min-ttl", "github-reg-token-refresh-min", "max-instance-age"
WORDS = {"letters": "abc", "unit": "5m", "words": "5 minutes"}
POINTS = {"point": "1.5", "exponent": "1e3", "hexadecimal": "0x10"}
OF_PYTHON = {"1_000": "1_000", "arabic": "\u0663", "fullwidth": "\uff15", "plus": "+5"}
CONSTANTS = {"nan": "NaN", "inf": "inf", "true": "true", "null": "null"}
LONG = "9" * 5000


@pytest.mark.shows("B40", "B41", "B41a", "B42", "B43", "B44", "B45", "B46", "B47", "B47a", "B49")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B40", OLD_IDLE, "seconds", **WORDS),
        *rows("B41", OLD_IDLE, "at least 60 seconds", negative="-1", zero="0", fifty_nine="59"),
        *rows("B41", IDLE, "1m to 1d", negative="-1", zero="0", fifty_nine="59", minutes="0m"),
        *rows("B41a", IDLE, "420", space="7 m", two="1h30m", word="7min", point="1.5h", unit="m", upper_case="7M"),
        *rows("B41a", IDLE, "420", exponent="1e3", arabic="\u0663m", plus="+7m", quotes='"7m"', day_and_more="2d"),
        *rows("B42", OLD_IDLE, "seconds", **POINTS),
        *rows("B43", OLD_IDLE, "seconds", **OF_PYTHON),
        *rows("B44", OLD_IDLE, "at most 86400 seconds", digits=LONG),
        *rows("B44", IDLE, "1m to 1d", digits=LONG, days=f"{LONG}d", nine_days="999999999d"),
        *rows("B45", OLD_IDLE, "seconds", **CONSTANTS),
        *rows("B46", OLD_IDLE, "at most 86400 seconds", large=str(10**9), one_more="86401"),
        *rows("B46", IDLE, "1m to 1d", large=str(10**9), hours=f"{10**9}h", one_more="86401"),
        *rows("B47", OLD_RUNTIME, "minutes", **WORDS, **POINTS, **OF_PYTHON, **CONSTANTS),
        *rows("B47", OLD_RUNTIME, "at least 1 minutes", zero="0", negative="-1"),
        *rows("B47", OLD_RUNTIME, "at most 7200 minutes", large=str(10**9), one_more="7201", digits=LONG),
        *rows("B47a", RUNTIME, "1m to 5d", bare="30", short="59s", long="6d", negative="-5m", none="0s", zero="0m"),
        *rows("B47a", "timeout", "30s to 6h", bare="30", space="30 m", short="29s", long="7h"),
        *rows("B47a", TTL, "1m to 55m", bare="30", point="1.5m", two="1h30m", hour="1h"),
        *rows("B47a", AGE, "1h to 365d", short="59m", long="366d", digits="9" * 10 + "d"),
        *rows("B49", TTL, "1m to 55m", hour="60m", zero="0", negative="-5", short="59s"),
        *rows("B49", OLD_TTL, "minutes", hour="60", unit="20m"),
    ],
)
def test_bad_durations_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)


@pytest.mark.shows("B41", "B41a", "B46", "B47", "B47a", "B49")
@pytest.mark.parametrize(
    ("name", "value", "field", "minutes"),
    [
        row("B41", "bare", IDLE, "420", "max_idle_time", 7),
        row("B41", "least", IDLE, "060", "max_idle_time", 1),
        row("B41", "least-seconds", OLD_IDLE, "60", "max_idle_time", 1),
        row("B41a", "seconds", IDLE, "0000000000420s", "max_idle_time", 7),
        row("B41a", "hours", IDLE, "1h", "max_idle_time", 60),
        row("B46", "most", IDLE, "24h", "max_idle_time", 24 * 60),
        row("B46", "most-seconds", OLD_IDLE, "86400", "max_idle_time", 24 * 60),
        row("B47", "least", OLD_RUNTIME, "1", "max_runtime", 1),
        row("B47", "most", OLD_RUNTIME, "7200", "max_runtime", 7200),
        row("B47a", "runtime", RUNTIME, "90s", "max_runtime", 1.5),
        row("B47a", "longest-runtime", RUNTIME, "120h", "max_runtime", 7200),
        row("B47a", "timeout", "timeout", "2m", "timeout", 2),
        row("B47a", "age", AGE, "14d", "max_instance_age", 14 * 24 * 60),
        row("B49", "most", TTL, "55m", "registration_token_min_ttl", 55),
        row("B49", "least", TTL, "60s", "registration_token_min_ttl", 1),
        row("B49", "original", OLD_TTL, "19", "registration_token_min_ttl", 41),
        row("B49", "original-0", OLD_TTL, "0", "registration_token_min_ttl", 55),
        row("B49", "original-59", OLD_TTL, "59", "registration_token_min_ttl", 1),
    ],
)
def test_durations_in_range_are_taken(name: str, value: str, field: str, minutes: float) -> None:
    assert getattr(inputs.load(environ({name: value})).desired, field) == timedelta(minutes=minutes)


@pytest.mark.shows("B48")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B48", "new-name", {RUNTIME: "5m"}, "(5m)"),
        row("B48", "original", {OLD_RUNTIME: "5"}, "(5m)"),
        row("B48", "both", {RUNTIME: "1m", IDLE: "61s"}, "(61s)"),
    ],
)
def test_runtime_shorter_than_the_idle_time_is_a_warning(given: Mapping[str, str], key: str) -> None:
    warning = inputs.load(environ(given)).warnings[-1]
    assert RUNTIME in warning
    assert key in warning
    assert load(max_runtime="7m").warnings == ()


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (90, "90s"), (3600, "1h"), (5400, "90m"), (86400, "1d")],
)
def test_durations_are_shown_as_they_are_written(length: int, expected: str) -> None:
    assert durations.shown(timedelta(seconds=length)) == expected


@pytest.mark.parametrize("each", table.INPUTS, ids=lambda each: each.name)
@pytest.mark.parametrize("value", ["x", "-1", "0", "0m", "999999", "59s", "999d", "1.5"])
def test_examples_of_a_remedy_are_taken_by_the_same_input(each: table.Input, value: str) -> None:
    """Each duration or number that a remedy names, and both ends of a range."""
    try:
        each.parse(value)
    except Problem as problem:
        if re.search(r"number of|a duration of|too (?:large|small)", problem.problem):
            examples = re.findall(r"\b[0-9]+[smhd]?\b", problem.remedy)
            assert len(examples) > 1
            for example in examples:
                each.parse(example)
