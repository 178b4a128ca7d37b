"""The input `resource-class-config`: strict JSON in, resource classes out, or every problem with its path."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

import cattrs
from attrs import frozen
from cattrs.gen import make_dict_structure_fn, override
from cattrs.v import format_exception

from refresh.desired import ResourceClass
from refresh.inputs import json_objects
from refresh.inputs.parsers import CLASS_NAME, LONGEST_CLASS_NAME, Problem, cut

_LARGEST_CPU = 1024
_LARGEST_MEMORY_MIB = 33_554_432
_MOST_CLASSES = 50
_EXAMPLE = 'write {"large": {"cpu": 2, "mmem": 4096}}'


def resource_classes(value: str) -> tuple[ResourceClass, ...]:
    """Parse `{"<class>": {"cpu": n, "mmem": MiB}}`; CPU is unique and memory rises with it."""
    content = json_objects.parsed(value, _EXAMPLE)
    if not 1 <= len(content) <= _MOST_CLASSES:
        raise Problem(f"{len(content)} classes where 1 to {_MOST_CLASSES} are expected")
    if (wrong := next((name for name in content if not CLASS_NAME.fullmatch(name)), None)) is not None:
        raise Problem(f"bad class name {cut(wrong)}", f"use 1 to {LONGEST_CLASS_NAME} letters, digits, - and _")
    classes = tuple(ResourceClass(name, each.cpu, each.mmem) for name, each in _sizes(content).items())
    _check_order(classes)
    return classes


def _check_order(classes: tuple[ResourceClass, ...]) -> None:
    ordered = sorted(classes, key=lambda each: each.cpu)
    for smaller, larger in pairwise(ordered):
        if smaller.cpu == larger.cpu:
            raise Problem(
                f"{smaller.name!r} and {larger.name!r} both have cpu {larger.cpu}", "give each class a different cpu"
            )
        if smaller.memory_mib >= larger.memory_mib:
            raise Problem(
                f"{larger.name!r} has more cpu than {smaller.name!r} but not more memory "
                f"({larger.memory_mib} <= {smaller.memory_mib} MiB)",
                "give a class with more cpu more memory",
            )


@frozen
class _Size:
    cpu: int
    mmem: int


def _whole_number(largest: int, what: str) -> Callable[[object, type], int]:
    def structure(value: object, _: type) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,9}", value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise ValueError(f"expected int, got {json_objects.shown(value)}")  # noqa: TRY004 - cattrs reports it
        if not 1 <= value <= largest:
            raise ValueError(f"1 to {largest} {what} expected")
        return value

    return structure


_CONVERTER = cattrs.Converter()
_CONVERTER.register_structure_hook(
    _Size,
    make_dict_structure_fn(
        _Size,
        _CONVERTER,
        _cattrs_forbid_extra_keys=True,
        cpu=override(struct_hook=_whole_number(_LARGEST_CPU, "CPUs")),
        mmem=override(struct_hook=_whole_number(_LARGEST_MEMORY_MIB, "MiB")),
    ),
)


def _sizes(content: Mapping[str, Any]) -> dict[str, _Size]:
    for name, each in content.items():
        if not isinstance(each, dict):
            raise Problem(f"a JSON object expected @ $[{name!r}]", 'write {"cpu": 2, "mmem": 4096}')
    try:
        return _CONVERTER.structure(content, dict[str, _Size])
    except (cattrs.ClassValidationError, cattrs.IterableValidationError) as error:
        problems = cattrs.transform_error(error, path="$", format_exception=_explained)
        raise Problem("; ".join(problems), "give each class cpu and mmem (MiB), both whole numbers") from None


def _explained(error: BaseException, expected: type | None) -> str:
    return str(error) if isinstance(error, ValueError) else format_exception(error, expected)
