"""Parsers of the inputs about AWS resources: tags, the type of the root volume, and how many instances there may be."""

from __future__ import annotations

import re
from decimal import Decimal

from refresh.desired import Tags
from refresh.inputs import json_objects
from refresh.inputs.parsers import Problem, cut
from refresh.pool import ownership
from refresh.pool.usage import UsageClass

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
MOST_INSTANCES, MOST_IDLE = 10_000, 1_000
_LIMITS = 'write {"large": 20}'
_MINIMUM = 'write {"large": 2}'
_PRICES = 'write {"large": 0.096}'


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
    parsed = json_objects.parsed(value, _LIMITS).items()
    return tuple((name, _number(name, each, MOST_INSTANCES, _LIMITS)) for name, each in parsed)


def min_idle(value: str) -> tuple[tuple[str, int], ...]:
    """Parse `{"<class>": n}`; a class with 0 is left out."""
    parsed = json_objects.parsed(value, _MINIMUM).items()
    found = tuple((name, _number(name, each, MOST_IDLE, _MINIMUM)) for name, each in parsed)
    return tuple((name, number) for name, number in found if number)


def prices(value: str) -> tuple[tuple[str, Decimal], ...]:
    """Parse `{"<class>": 0.096}`; a number in quotes is a number."""
    return tuple((name, _price(name, each)) for name, each in json_objects.parsed(value, _PRICES).items())


def usage_class(value: str) -> UsageClass:
    """Parse how instances are launched."""
    try:
        return UsageClass(value)
    except ValueError:
        raise Problem("on-demand or spot expected", "write one of them") from None


def _number(name: str, value: object, most: int, example: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
        expected = f"a whole number of machines from 0 to {most} expected"
        raise Problem(f"{cut(name)}: {expected}, not {json_objects.shown(value)}", example)
    return value


def _price(name: str, value: object) -> Decimal:
    text = str(value) if isinstance(value, (int, float, str)) and not isinstance(value, bool) else ""
    price = Decimal(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text) else None
    if price is None:
        raise Problem(f"{cut(name)}: a price per hour expected, not {json_objects.shown(value)}", _PRICES)
    return price
