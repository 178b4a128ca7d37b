"""The input that is JSON: strict where Python's parser and cattrs are kind, and every problem with its path."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refresh.desired import ResourceClass
from refresh.inputs.parsers import Problem
from refresh.inputs.resource_classes import resource_classes
from tests.unit.inputs.bad_inputs import load, row, told

NAME = "resource-class-config"
SIZE = {"cpu": 2, "mmem": 4096}
MISSING, NO_INT = "required field missing @ $['large']", "expected int, got"


def _large(**changed: Any) -> str:
    return json.dumps({"large": {**SIZE, **changed}})


@pytest.mark.shows(
    "B50",
    "B51",
    "B52",
    "B53",
    "B54",
    "B55",
    "B56",
    "B57",
    "B58",
    "B59",
    "B61",
    "B62",
    "B63",
    "B64",
    "B65",
    "B67",
    "B68",
    "B69",
)
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row("50", "word", "large", "not JSON: Expecting value in line 1, column 1"),
        row("50", "single-quotes", "{'large': 1}", "not JSON: "),
        row("50", "comment", '{"large": {"cpu": 1, "mmem": 1}} // large', "not JSON: Extra data in line 1, column 34"),
        row("50", "comma", '{"large": {"cpu": 1, "mmem": 1},}', "not JSON: "),
        row("50", "line", '{\n "large": {"cpu": 1 "mmem": 1}}', "in line 2, column 21"),
        row("51", "list", "[]", "an object expected"),
        row("51", "text", '"x"', "an object expected"),
        row("51", "number", "3", "an object expected"),
        row("51", "null", "null", "an object expected"),
        row("52", "empty", "{}", "at least one class"),
        row("53", "class", '{"large": {"cpu": 2, "mmem": 4096}, "large": {}}', "'large' given twice"),
        row("53", "field", '{"large": {"cpu": 2, "cpu": 3, "mmem": 4096}}', "'cpu' given twice"),
        row("54", "nan", '{"large": {"cpu": NaN, "mmem": 1}}', "NaN is not a number"),
        row("54", "infinity", '{"large": {"cpu": 1, "mmem": Infinity}}', "Infinity is not a number"),
        row("54", "negative", '{"large": {"cpu": -Infinity, "mmem": 1}}', "-Infinity is not a number"),
        row("54", "large", '{"large": {"cpu": 1e400, "mmem": 1}}', "1e400 is not a number"),
        row("54", "alone", "NaN", "NaN is not a number"),
        row("54", "digits", f'{{"large": {{"cpu": {"9" * 5000}}}}}', "a number that is too large"),
        row("55", "lists", "[" * 100_000, "too deeply nested"),
        row("56", "megabyte", '"' + "x" * 10**6 + '"', "too large (1000002 characters)"),
        row("57", "null", '{"large": null}', "an object expected @ $['large']"),
        row("57", "list", '{"large": []}', "an object expected @ $['large']"),
        row("57", "number", '{"large": 4}', "an object expected @ $['large']"),
        row("57", "text", '{"large": "x"}', "an object expected @ $['large']"),
        row("58", "cpu", '{"large": {"mmem": 4096}}', f"{MISSING}.cpu"),
        row("58", "mmem", '{"large": {"cpu": 2}}', f"{MISSING}.mmem"),
        row("58", "both", '{"large": {}}', f"{MISSING}.cpu; {MISSING}.mmem"),
        row("59", "gpu", _large(gpu=1), "extra fields found (gpu) @ $['large']"),
        row("61", "unit", _large(cpu="4x"), f"{NO_INT} \"4x\" @ $['large'].cpu"),
        row("61", "empty", _large(cpu=""), f'{NO_INT} ""'),
        row("61", "space", _large(mmem=" "), f'{NO_INT} " "'),
        row("61", "null", _large(mmem=None), f"{NO_INT} null"),
        row("61", "list", _large(cpu=[]), f"{NO_INT} []"),
        row("61", "object", _large(cpu={}), f"{NO_INT} {{}}"),
        row("61", "arabic", _large(cpu="\u0664"), NO_INT),
        row("62", "true", _large(cpu=True), f"{NO_INT} true"),
        row("62", "false", _large(mmem=False), f"{NO_INT} false"),
        row("63", "1.9", _large(cpu=1.9), f"{NO_INT} 1.9"),
        row("63", "4.0", _large(cpu=4.0), f"{NO_INT} 4.0"),
        row("63", "text", _large(cpu="4.0"), f'{NO_INT} "4.0"'),
        row("64", "cpu-0", _large(cpu=0), "1 to 1024 CPUs expected"),
        row("64", "cpu-negative", _large(cpu=-1), "1 to 1024 CPUs expected"),
        row("64", "cpu-large", _large(cpu=10**9), "1 to 1024 CPUs expected"),
        row("64", "cpu-1025", _large(cpu=1025), "1 to 1024 CPUs expected"),
        row("64", "mmem-0", _large(mmem=0), "1 to 33554432 MiB expected"),
        row("64", "mmem-negative", _large(mmem=-1), "1 to 33554432 MiB expected"),
        row("64", "mmem-large", _large(mmem=10**12), "1 to 33554432 MiB expected"),
        *(
            row("65", what, json.dumps({name: SIZE}), "letters, digits, - and _")
            for what, name in {
                "empty": "",
                "space": "a b",
                "dot": "a.b",
                "slash": "a/b",
                "emoji": "🐎",
                "newline": "a\n",
                "81": "x" * 81,
                "surrogate": "\udc80",
            }.items()
        ),
        row("67", "equal-cpu", json.dumps({"a": SIZE, "b": SIZE}), "'a' and 'b' both have cpu 2"),
        row(
            "68",
            "equal-memory",
            json.dumps({"b": {"cpu": 4, "mmem": 4096}, "a": SIZE}),
            "'b' has more cpu than 'a' but not more memory (4096 <= 4096 MiB)",
        ),
        row("68", "less", json.dumps({"a": SIZE, "b": {"cpu": 4, "mmem": 1}}), "but not more memory (1 <= 4096 MiB)"),
        row("69", "51", json.dumps({f"c{n}": {"cpu": n, "mmem": n} for n in range(1, 52)}), "at most 50"),
    ],
)
def test_what_is_no_set_of_classes_is_told_with_its_place_and_a_remedy(value: str, expected: str) -> None:
    """JSON is written by hand here."""
    told(NAME, value, expected)


def test_every_wrong_field_is_told_at_once() -> None:
    """With the path of each."""
    wrong = json.dumps({"large": {"cpu": True, "mmem": 0}, "small": {"gpu": 1, "cpu": 1}})
    problem = told(NAME, wrong, "expected int, got true @ $['large'].cpu")
    for path in (
        "$['large'].mmem",
        "extra fields found (gpu) @ $['small']",
        "required field missing @ $['small'].mmem",
    ):
        assert path in problem


@pytest.mark.shows("B60", "B64", "B65", "B66", "B69")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row("60", "text", '{"x-y_Z": {"cpu": "4", "mmem": 8}}', (ResourceClass("x-y_Z", 4, 8),)),
        row("60", "zeros", '{"a": {"cpu": "04", "mmem": "0008"}}', (ResourceClass("a", 4, 8),)),
        row("64", "ends", '{"a": {"cpu": 1024, "mmem": 33554432}}', (ResourceClass("a", 1024, 33554432),)),
        row("65", "80", json.dumps({"x" * 80: SIZE}), (ResourceClass("x" * 80, 2, 4096),)),
        row(
            "66",
            "both-cases",
            '{"a": {"cpu": 1, "mmem": 1}, "A": {"cpu": 2, "mmem": 2}}',
            (ResourceClass("a", 1, 1), ResourceClass("A", 2, 2)),
        ),
        row(
            "69",
            "50",
            json.dumps({f"c{n}": {"cpu": n, "mmem": n} for n in range(1, 51)}),
            tuple(ResourceClass(f"c{n}", n, n) for n in range(1, 51)),
        ),
    ],
)
def test_what_can_be_read_one_way_only_is_taken(value: str, expected: tuple[ResourceClass, ...]) -> None:
    """Numbers in quotes too; in the order in which they are given."""
    assert load(resource_class_config=value).desired.resource_classes == expected


@pytest.mark.shows("B55")
@pytest.mark.parametrize("depth", [row("55", f"{depth}", depth) for depth in (1, 300, 900, 2000, 20_000)])
def test_what_is_deep_inside_a_field_is_a_problem_and_nothing_else(depth: int) -> None:
    """Whether Python's parser, cattrs or the message gives up on it first."""
    with pytest.raises(Problem):
        resource_classes('{"large": {"cpu": ' + "[" * depth + "]" * depth + ', "mmem": 1}}')
