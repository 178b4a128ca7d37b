"""Parsers of the inputs about machines to launch: their usage class and types, and what replaces them."""

from __future__ import annotations

import re

from refresh.inputs.parsers import Problem, cut
from refresh.pool.usage import UsageClass

USAGE_CLASSES = {
    "on-demand": (UsageClass.ON_DEMAND,),
    "spot": (UsageClass.SPOT,),
    "any": (UsageClass.SPOT, UsageClass.ON_DEMAND),
}
"""The machines of the pool that may be used, by the input; new ones are launched as the first."""
_NO_LIST = "write patterns separated by spaces, such as c* m* r*"
_MOST_TYPES = 400
_LONGEST_TYPE = 30
_TYPE = re.compile(rf"[a-z0-9.*-]{{1,{_LONGEST_TYPE}}}")
"""Both limits are EC2's: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceRequirementsRequest.html."""
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_OF_EVERY_RUNNER = "self-hosted"
"""The label that GitHub gives to self-hosted runners by default; those of a pool do not have it."""


def usage_class(value: str) -> tuple[UsageClass, ...]:
    """Parse `on-demand`, `spot` or `any`."""
    try:
        return USAGE_CLASSES[value.lower()]
    except KeyError:
        raise Problem("on-demand, spot or any expected") from None


def fallback(value: str) -> bool:
    """Parse `on-demand` or `none`; true for the former."""
    if value.lower() not in {"none", "on-demand"}:
        raise Problem("none or on-demand expected", "write on-demand to use it where there are no spot machines")
    return value.lower() == "on-demand"


def instance_types(value: str) -> tuple[str, ...]:
    """Parse patterns of instance types, separated by white space or commas; repeats are dropped."""
    if value.startswith("["):
        raise Problem("a JSON array", _NO_LIST)
    listed = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", value))))
    if wrong := next((each for each in listed if not _TYPE.fullmatch(each)), ""):
        remedy = (
            f"write {wrong.lower()}"
            if _TYPE.fullmatch(wrong.lower())
            else f"use 1 to {_LONGEST_TYPE} of a-z 0-9 . - and *"
        )
        raise Problem(f"{cut(wrong)} is not a pattern of instance types", remedy)
    if not 1 <= len(listed) <= _MOST_TYPES:
        remedy = f"remove {len(listed) - _MOST_TYPES}: EC2 accepts no more" if listed else _NO_LIST
        raise Problem(f"{len(listed)} patterns where 1 to {_MOST_TYPES} are expected", remedy)
    return listed


def hosted_label(value: str) -> str:
    """Parse `fail`, which is "", or the label of a hosted runner."""
    if value.lower() == "fail":
        return ""
    if value.lower() == _OF_EVERY_RUNNER:
        raise Problem("not the label of a hosted runner", "write one such as ubuntu-latest, or fail")
    if _LABEL.fullmatch(value):
        return value
    raise Problem("fail or one label expected", "write the label of a hosted runner, such as ubuntu-latest")
