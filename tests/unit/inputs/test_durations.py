"""The inputs that are durations and numbers: Python's own parsers would take more than anybody meant."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from refresh import inputs
from refresh.desired import DesiredState
from refresh.errors import InputErrors
from refresh.inputs import durations
from refresh.pool import names
from tests.unit.inputs.bad_inputs import environ, load, row, rows, told

IDLE, OLD_IDLE, RUNTIME, OLD_RUNTIME = "max-idle-time", "idle-time-sec", "max-runtime", "max-runtime-min"
TTL, OLD_TTL = "registration-token-min-ttl", "github-reg-token-refresh-min"
SECONDS, MINUTES = "whole seconds expected", "whole minutes expected"
WORDS = {"letters": "abc", "unit": "5m", "words": "5 minutes"}
POINTS = {"point": "1.5", "exponent": "1e3", "hexadecimal": "0x10"}
OF_PYTHON = {"1_000": "1_000", "arabic": "\u0663", "fullwidth": "\uff15", "plus": "+5"}
CONSTANTS = {"nan": "NaN", "inf": "inf", "true": "true", "null": "null"}
LONG = "9" * 5000
FORMS = "write 420, 90s, 30m or 2h"
OTHER_FORMS = "expected; got"


@pytest.mark.shows("B40", "B41", "B41a", "B42", "B43", "B44", "B45", "B46", "B47", "B47a", "B49")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *rows("40", OLD_IDLE, SECONDS, **WORDS),
        *rows("41", OLD_IDLE, "too small: at least 60 seconds", negative="-1", zero="0", fifty_nine="59"),
        *rows("41", IDLE, "a duration of 1m to 1d expected", negative="-1", zero="0", fifty_nine="59", minutes="0m"),
        *rows("41a", IDLE, FORMS, space="7 m", two="1h30m", word="7min", point="1.5h", unit="m", upper_case="7M"),
        *rows("41a", IDLE, FORMS, exponent="1e3", arabic="\u0663m", plus="+7m", quotes='"7m"', day_and_more="2d"),
        *rows("42", OLD_IDLE, SECONDS, **POINTS),
        *rows("43", OLD_IDLE, SECONDS, **OF_PYTHON),
        row("44", "seconds", OLD_IDLE, LONG, "too large: at most 86400 seconds"),
        row("44", "duration", IDLE, LONG, "a duration of 1m to 1d expected"),
        row("44", "days", IDLE, f"{LONG}d", "a duration of 1m to 1d expected"),
        row("44", "nine-days", IDLE, "999999999d", "a duration of 1m to 1d expected"),
        *rows("45", OLD_IDLE, SECONDS, **CONSTANTS),
        row("46", "seconds", OLD_IDLE, str(10**9), "too large: at most 86400 seconds"),
        row("46", "one-more", OLD_IDLE, "86401", "too large: at most 86400 seconds"),
        *rows("46", IDLE, "a duration of 1m to 1d expected", large=str(10**9), hours=f"{10**9}h", one_more="86401"),
        *rows("47", OLD_RUNTIME, MINUTES, **WORDS, **POINTS, **OF_PYTHON, **CONSTANTS),
        *rows("47", OLD_RUNTIME, "too small: at least 1 minutes", zero="0", negative="-1"),
        *rows("47", OLD_RUNTIME, "too large: at most 7200 minutes", large=str(10**9), one_more="7201", digits=LONG),
        *(
            each
            for name in (RUNTIME, "timeout", TTL)
            for each in rows("47a", name, OTHER_FORMS, bare="30", space="30 m", point="1.5m", two="1h30m")
        ),
        *rows("47a", RUNTIME, "a duration of 1m to 5d expected", short="59s", long="6d", negative="-5m", none="0s"),
        row("47a", "zero-minutes", RUNTIME, "0m", "write 90s, 30m or 2h"),
        row("47a", "an-hour", TTL, "1h", "write 90s or 30m"),
        row("47a", "a-second", "role-duration", "1s", "write 30m or 2h"),
        *rows("47a", "timeout", "a duration of 30s to 6h expected", short="29s", long="7h"),
        *rows("49", TTL, "a duration of 1m to 55m expected", hour="60m", zero="0", negative="-5", short="59s"),
        *rows("49", OLD_TTL, "too large: at most 59 minutes", hour="60"),
        *rows("49", OLD_TTL, MINUTES, unit="20m"),
    ],
)
def test_what_is_no_duration_of_its_range_is_told_with_the_value_and_a_remedy(
    name: str, value: str, expected: str
) -> None:
    """In the words of the unit that the input has."""
    told(name, value, expected)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *rows("numbers", "metadata-hop-limit", "too small: at least 1 hops", zero="0", negative="-0"),
        *rows("numbers", "metadata-hop-limit", "too large: at most 64 hops", more="65"),
        *rows("numbers", "max-unexpected-terminations", "too small: at least 0 instances", negative="-1"),
        *rows("numbers", "max-unexpected-terminations", "too large: at most 10000 instances", more="10001"),
        *rows("numbers", "max-unexpected-terminations", "whole instances expected", share="20%", dash="-", two="--1"),
        *rows("durations", "max-instance-age", "a duration of 1h to 365d expected", short="59m", long="366d"),
    ],
)
def test_the_other_numbers_have_ranges_too(name: str, value: str, expected: str) -> None:
    """Each in its own unit."""
    told(name, value, expected)


@pytest.mark.shows("B41", "B41a", "B46", "B47", "B47a", "B49")
@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        row("41", "bare", IDLE, "420", "max_idle_time", timedelta(minutes=7)),
        row("41", "least", IDLE, "60", "max_idle_time", timedelta(minutes=1)),
        row("41", "zeros", IDLE, "060", "max_idle_time", timedelta(minutes=1)),
        row("41", "least-seconds", OLD_IDLE, "60", "max_idle_time", timedelta(minutes=1)),
        row("41a", "seconds", IDLE, "420s", "max_idle_time", timedelta(minutes=7)),
        row("41a", "minutes", IDLE, "7m", "max_idle_time", timedelta(minutes=7)),
        row("41a", "hours", IDLE, "1h", "max_idle_time", timedelta(hours=1)),
        row("46", "most", IDLE, "24h", "max_idle_time", timedelta(hours=24)),
        row("46", "most-seconds", OLD_IDLE, "86400", "max_idle_time", timedelta(hours=24)),
        row("47", "some", OLD_RUNTIME, "45", "max_runtime", timedelta(minutes=45)),
        row("47", "least", OLD_RUNTIME, "1", "max_runtime", timedelta(minutes=1)),
        row("47", "most", OLD_RUNTIME, "7200", "max_runtime", timedelta(days=5)),
        row("47a", "runtime", RUNTIME, "90s", "max_runtime", timedelta(seconds=90)),
        row("47a", "longest-runtime", RUNTIME, "120h", "max_runtime", timedelta(days=5)),
        row("47a", "timeout", "timeout", "2m", "timeout", timedelta(minutes=2)),
        row("49", "most", TTL, "55m", "registration_token_min_ttl", timedelta(minutes=55)),
        row("49", "least", TTL, "60s", "registration_token_min_ttl", timedelta(minutes=1)),
        row("49", "original", OLD_TTL, "19", "registration_token_min_ttl", timedelta(minutes=41)),
        row("49", "original-0", OLD_TTL, "0", "registration_token_min_ttl", timedelta(minutes=55)),
        row("49", "original-59", OLD_TTL, "59", "registration_token_min_ttl", timedelta(minutes=1)),
        row("durations", "age", "max-instance-age", "14d", "max_instance_age", timedelta(days=14)),
        row("numbers", "unexpected", "max-unexpected-terminations", "0", "max_unexpected_terminations", 0),
        row("numbers", "hops", "metadata-hop-limit", "2", "metadata_hop_limit", 2),
        row("numbers", "most-hops", "metadata-hop-limit", "64", "metadata_hop_limit", 64),
    ],
)
def test_what_is_within_its_range_is_taken(name: str, value: str, attribute: str, expected: Any) -> None:
    """Up to its ends; a bare number is seconds where the original has it so."""
    assert getattr(inputs.load(environ({name: value})).desired, attribute) == expected


@pytest.mark.shows("B48")
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        row(
            "48", "new-name", {"max_runtime": "5m"}, "max-runtime (5m) is shorter than max-idle-time (7m): runners may "
        ),
        row("48", "original", {"max_runtime_min": "5"}, "max-runtime (5m) is shorter than max-idle-time (7m)"),
        row("48", "both", {"max_runtime": "1m", "max_idle_time": "61s"}, "(1m) is shorter than max-idle-time (61s)"),
    ],
)
def test_a_runtime_shorter_than_the_idle_time_is_a_warning(given: dict[str, str], expected: str) -> None:
    """It is odd, and may be meant."""
    assert expected in load(**given).warnings[-1]
    assert load(max_runtime="7m").warnings == ()


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (90, "90s"), (3600, "1h"), (5400, "90m"), (86400, "1d")],
)
def test_a_duration_is_shown_as_it_is_written(length: int, expected: str) -> None:
    """In the largest unit that is whole."""
    assert durations.shown(timedelta(seconds=length)) == expected


NUMBERS = (
    *(IDLE, OLD_IDLE, RUNTIME, OLD_RUNTIME, TTL, OLD_TTL, "timeout", "max-instance-age", "role-duration"),
    *("metadata-hop-limit", "max-unexpected-terminations", "root-volume-size"),
)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", ["x", "-1", "0", "0m", "999999", "59s", "999d", "1.5"])
def test_what_a_remedy_says_to_write_is_taken_by_that_input(name: str, value: str) -> None:
    """Each example, and both ends of a range."""
    try:
        inputs.load(environ({name: value}))
    except InputErrors as error:
        (problem,) = error.problems
        examples = re.split(r", | or | to ", problem.rpartition("; write ")[2].removeprefix("a number from "))
        assert examples
        for example in examples:
            inputs.load(environ({name: example}))


def test_every_input_with_a_range_is_among_them() -> None:
    """A new one has to be added."""
    refused = []
    for name in inputs.ALL:
        try:
            inputs.load(environ({name: "x"}))
        except InputErrors as error:
            refused += [name for problem in error.problems if re.search(r"whole \w+ expected|a duration of", problem)]
    assert sorted(refused) == sorted(NUMBERS)


def test_every_default_in_force_loads_as_itself() -> None:
    """What a default shows can be given back."""
    defaults = DesiredState(
        repository=names.Repository("o", "r"),
        region="r",
        image="i",
        instance_profile="p",
        security_group_ids=(),
        subnet_ids=(),
    )
    shown = durations.shown
    loaded = load(
        max_idle_time=shown(defaults.max_idle_time),
        max_runtime=shown(defaults.max_runtime),
        registration_token_min_ttl=shown(defaults.registration_token_min_ttl),
        max_instance_age=shown(defaults.max_instance_age),
        timeout=shown(defaults.timeout),
    )
    assert loaded == load()
