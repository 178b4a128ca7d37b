"""The input that is JSON: strict where Python's parser and cattrs are lenient, with the path of every problem."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refresh.desired import ResourceClass
from refresh.inputs.parsers import Problem
from refresh.inputs.resource_classes import resource_classes
from tests.unit.inputs.bad_inputs import load, refused, row, rows

NAME = "resource-class-config"
SIZE = {"cpu": 2, "mmem": 4096}
CPU, MEMORY = "$['large'].cpu", "$['large'].mmem"


def _large(**changed: Any) -> str:
    return json.dumps({"large": {**SIZE, **changed}})


def _classes(number: int) -> str:
    return json.dumps({f"c{n}": {"cpu": n, "mmem": n} for n in range(1, number + 1)})


WRONG_NAMES = {
    "empty": "",
    "space": "a b",
    "dot": "a.b",
    "slash": "a/b",
    "emoji": "🐎",
    "newline": "a\n",
    "81": "x" * 81,
    "surrogate": "\udc80",
}


@pytest.mark.shows("B50", "B51", "B52", "B53", "B54", "B55", "B56", "B57", "B58")
@pytest.mark.shows("B59", "B61", "B62", "B63", "B64", "B65", "B67", "B68", "B69")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B50", NAME, "JSON", word="large", quotes="{'large': 1}", comma='{"large": {"cpu": 1, "mmem": 1},}'),
        *rows("B50", NAME, "line 1, column 34", comment='{"large": {"cpu": 1, "mmem": 1}} // large'),
        *rows("B50", NAME, "line 2, column 21", line='{\n "large": {"cpu": 1 "mmem": 1}}'),
        *rows("B51", NAME, "object", list="[]", text='"x"', number="3", null="null"),
        *rows("B52", NAME, "0 classes", empty="{}"),
        *rows("B53", NAME, "'large'", name='{"large": {"cpu": 2, "mmem": 4096}, "large": {}}'),
        *rows("B53", NAME, "'cpu'", field='{"large": {"cpu": 2, "cpu": 3, "mmem": 4096}}'),
        *rows("B54", NAME, "NaN", nan='{"large": {"cpu": NaN, "mmem": 1}}', alone="NaN"),
        *rows("B54", NAME, "-Infinity", infinity='{"large": {"cpu": -Infinity, "mmem": 1}}'),
        *rows("B54", NAME, "1e400", large='{"large": {"cpu": 1e400, "mmem": 1}}'),
        *rows("B54", NAME, "-1e400", negative='{"large": {"cpu": -1e400, "mmem": 1}}'),
        *rows("B54", NAME, "large", digits=f'{{"large": {{"cpu": {"9" * 5000}}}}}'),
        *rows("B55", NAME, "nested", lists="[" * 90_000),
        *rows("B56", NAME, "1000002", megabyte='"' + "x" * 10**6 + '"'),
        *rows("B57", NAME, "$['large']", null='{"large": null}', list='{"large": []}', number='{"large": 4}'),
        *rows("B57", NAME, "$['large']", text='{"large": "x"}'),
        *rows("B58", NAME, CPU, cpu='{"large": {"mmem": 4096}}', both='{"large": {}}'),
        *rows("B58", NAME, MEMORY, mmem='{"large": {"cpu": 2}}', both='{"large": {}}'),
        *rows("B59", NAME, "gpu", gpu=_large(gpu=1)),
        *rows("B61", NAME, CPU, unit=_large(cpu="4x"), empty=_large(cpu=""), list=_large(cpu=[]), map=_large(cpu={})),
        *rows("B61", NAME, CPU, arabic=_large(cpu="\u0664"), exponent=_large(cpu="1e1"), digits=_large(cpu="1" * 10)),
        *rows("B61", NAME, MEMORY, space=_large(mmem=" "), null=_large(mmem=None)),
        *rows("B61", NAME, f'"{"x" * 38}"', long=_large(cpu="x" * 38)),
        *rows("B61", NAME, f'"{"x" * 39}...', cut=_large(cpu="x" * 39)),
        *rows("B62", NAME, "true", true=_large(cpu=True)),
        *rows("B62", NAME, "false", false=_large(mmem=False)),
        *rows("B63", NAME, "1.9", point=_large(cpu=1.9)),
        *rows("B63", NAME, "4.0", whole=_large(cpu=4.0), text=_large(cpu="4.0")),
        *rows("B64", NAME, "1024", zero=_large(cpu=0), negative=_large(cpu=-1), more=_large(cpu=1025)),
        *rows("B64", NAME, "1024", large=_large(cpu=10**9), text=_large(cpu="0")),
        *rows("B64", NAME, "33554432", zero=_large(mmem=0), negative=_large(mmem=-1), large=_large(mmem=10**12)),
        *rows("B65", NAME, "class name", **{what: json.dumps({name: SIZE}) for what, name in WRONG_NAMES.items()}),
        *rows("B67", NAME, "'a' and 'b'", equal=json.dumps({"a": SIZE, "b": SIZE})),
        *rows("B68", NAME, "4096 <= 4096", equal=json.dumps({"b": {"cpu": 4, "mmem": 4096}, "a": SIZE})),
        *rows("B68", NAME, "1 <= 4096", less=json.dumps({"a": SIZE, "b": {"cpu": 4, "mmem": 1}})),
        *rows("B69", NAME, "50", more=_classes(51)),
    ],
)
def test_bad_classes_are_refused(given: dict[str, str], key: str) -> None:
    refused(given, key)


def test_all_bad_fields_are_reported_with_their_paths() -> None:
    problem = refused({NAME: '{"large": {"cpu": true, "mmem": 0}, "small": {"gpu": 1, "cpu": 1}}'}, CPU)
    assert all(path in problem for path in (MEMORY, "(gpu) @ $['small']", "$['small'].mmem"))


@pytest.mark.shows("B60", "B64", "B65", "B66", "B69")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row("B60", "text", '{"x-y_Z": {"cpu": "4", "mmem": 8}}', (ResourceClass("x-y_Z", 4, 8),)),
        row("B60", "zeros", '{"a": {"cpu": "04", "mmem": "00000008"}}', (ResourceClass("a", 4, 8),)),
        row("B64", "ends", '{"a": {"cpu": 1024, "mmem": 33554432}}', (ResourceClass("a", 1024, 33554432),)),
        row("B65", "80", json.dumps({"x" * 80: SIZE}), (ResourceClass("x" * 80, 2, 4096),)),
        row(
            "B66",
            "both-cases",
            '{"a": {"cpu": 1, "mmem": 1}, "A": {"cpu": 2, "mmem": 2}}',
            (ResourceClass("a", 1, 1), ResourceClass("A", 2, 2)),
        ),
        row("B69", "50", _classes(50), tuple(ResourceClass(f"c{n}", n, n) for n in range(1, 51))),
    ],
)
def test_classes_are_taken_in_the_order_given(value: str, expected: tuple[ResourceClass, ...]) -> None:
    assert load(resource_class_config=value).desired.resource_classes == expected


@pytest.mark.shows("B55")
@pytest.mark.parametrize("depth", [row("B55", f"{depth}", depth) for depth in (1, 300, 900, 2000, 20_000)])
def test_deeply_nested_json_is_reported_as_a_problem(depth: int) -> None:
    """Python's parser, cattrs or the message."""
    with pytest.raises(Problem):
        resource_classes('{"large": {"cpu": ' + "[" * depth + "]" * depth + ', "mmem": 1}}')
