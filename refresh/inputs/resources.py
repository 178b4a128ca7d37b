"""Parsers of the inputs about AWS resources: tags, the type of the root volume, and how many instances there may be."""

from __future__ import annotations

import re

from refresh.desired import Tags
from refresh.inputs import json_objects
from refresh.inputs.parsers import Problem, cut
from refresh.pool import ownership

VOLUME_TYPES = ("gp2", "gp3")
"""The types that can be booted from and need only a size: io1 and io2 need IOPS as well."""
_MOST_TAGS = 40
"""AWS takes 50 per resource; provision and people add some."""
_TAG_KEY = re.compile(r"(?!(?:\.|\.\.|_index)\Z)[0-9a-zA-Z\-_+.@:]{1,128}")
"""Keys that the instance metadata service and every other service accept: another key would fail every launch.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/work-with-tags-in-IMDS.html
"""
_LONGEST_TAG_VALUE = 256
_IN_TAG_VALUES = " _.:/=+-@"
MOST_INSTANCES = 10_000
_LIMITS = 'write {"large": 20}'


def volume_type(value: str) -> str:
    """Parse the type of a volume."""
    if value in VOLUME_TYPES:
        return value
    expected = " or ".join(VOLUME_TYPES)
    raise Problem(f"{expected} expected", "other types need settings that this action does not have")


def tags(value: str) -> Tags:
    """Parse lines of `key=value`; every bad line is reported."""
    found: dict[str, str] = {}
    problems: list[str] = []
    for line in filter(None, map(str.strip, value.splitlines())):
        key, separator, text = (part.strip() for part in line.partition("="))
        if problem := _tag_problem(key, separator, text) or (f"{key} is given twice" if key in found else ""):
            problems.append(problem)
        found[key] = text
    if len(found) > _MOST_TAGS:
        problems.append(f"{len(found)} tags where at most {_MOST_TAGS} are expected")
    if problems:
        without = any(problem.endswith("has no =") for problem in problems)
        raise Problem(", ".join(problems), "write lines of key=value" if without else "correct these lines")
    return tuple(sorted(found.items()))


def _tag_problem(key: str, separator: str, value: str) -> str:
    if not separator:
        return f"{cut(key)} has no ="
    if not _TAG_KEY.fullmatch(key):
        allowed = "1 to 128 of A-Z a-z 0-9 -_+.@:, and not ., .. or _index"
        return f"the key {cut(key)} is not valid in instance metadata ({allowed})"
    if key.lower().startswith("aws:"):
        return f"the key {cut(key)} is reserved by AWS"
    if key in ownership.TAGS:
        return f"the key {key} is reserved: the pool itself uses it"
    if len(value) > _LONGEST_TAG_VALUE or not all(each.isalnum() or each in _IN_TAG_VALUES for each in value):
        return f"the value of {key} is not valid in AWS (at most 256 letters, digits, spaces and _.:/=+-@)"
    return ""


def max_instances(value: str) -> tuple[tuple[str, int], ...]:
    """Parse `{"<class>": n}`, in the order given; digits in quotes are a number."""
    return tuple((name, _limit(name, each)) for name, each in json_objects.parsed(value, _LIMITS).items())


def _limit(name: str, value: object) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_INSTANCES:
        expected = f"a whole number of machines from 0 to {MOST_INSTANCES} expected"
        raise Problem(f"{cut(name)}: {expected}, not {json_objects.shown(value)}", _LIMITS)
    return value
