"""Durations as in inputs: `90s`, `30m`, `2h` or `7d`; and times of the day."""

from __future__ import annotations

import re
from datetime import time, timedelta
from typing import TYPE_CHECKING

from refresh.inputs.parsers import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_DURATION = re.compile(r"([0-9]+)([smhd]?)")
_TOO_MANY_DIGITS = 10  # for a `timedelta` of days, and far less than `int` refuses
_EXAMPLES = ("90s", "30m", "2h", "7d")
"""Durations for remedies, each of which names those that its input takes."""
_MOST_EXAMPLES = 3
_UNITS = {"": "seconds", "s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parser(smallest: timedelta, largest: timedelta, *, bare_seconds: bool = False) -> Callable[[str], timedelta]:
    """Parse `420s`, `7m` or `1h`; a bare number is seconds only where the original allowed it."""

    def parse(value: str) -> timedelta:
        length = _length(value, bare_seconds=bare_seconds)
        if length is None or not smallest <= length <= largest:
            fit = [each for each in _EXAMPLES if smallest <= (_length(each) or timedelta.max) <= largest]
            examples = [*(["420"] if bare_seconds else []), *fit][: _MOST_EXAMPLES + bare_seconds]
            raise Problem(f"a duration of {shown(smallest)} to {shown(largest)} expected", f"write {_either(examples)}")
        return length

    return parse


def time_of_day(value: str) -> time:
    """Parse `07:00`."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", value):
        raise Problem("a time of the day expected, in UTC", "write 07:00")
    return time.fromisoformat(value)


def _length(value: str, *, bare_seconds: bool = False) -> timedelta | None:
    found = _DURATION.fullmatch(value)
    if not found or not (found[2] or bare_seconds):
        return None
    digits = found[1].lstrip("0") or "0"
    return timedelta(**{_UNITS[found[2]]: int(digits)}) if len(digits) < _TOO_MANY_DIGITS else timedelta.max


def _either(choices: Sequence[str]) -> str:
    """Join choices: `90s, 30m or 1h`."""
    return " or ".join(filter(None, [", ".join(choices[:-1]), choices[-1]]))


def shown(length: timedelta) -> str:
    """Format a duration as in inputs."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
