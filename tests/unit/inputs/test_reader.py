"""What every input is as text: there, spelled once, decodable, visible, and cut where it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from refresh.inputs.parsers import Problem
from refresh.inputs.reader import Reader
from tests.fakes.literals import good
from tests.unit.inputs.bad_inputs import environ, load, problems, refused, row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUIRED = ("ami", "github-token", "iam-instance-profile", "security-group-ids", "subnet-ids")
BLANKS = {"absent": None, "empty": "", "spaces": "  ", "tabs": "\t", "newlines": "\r\n\n", "mark": "\ufeff "}


@pytest.mark.shows("B1", "B2", "B3", "B4", "B5", "B6")
@pytest.mark.parametrize(
    ("name", "blank", "key"),
    [
        row(f"B{number if what in {'absent', 'empty'} else 6}", f"{name}-{what}", name, blank, "is required")
        for number, name in enumerate(REQUIRED, 1)
        for what, blank in BLANKS.items()
    ],
)
def test_missing_required_inputs_are_reported_together(name: str, blank: str | None, key: str) -> None:
    given = {variable: value for variable, value in good().items() if not variable.startswith("INPUT_")}
    if blank is not None:
        given |= {f"INPUT_{each.upper()}": blank for each in REQUIRED}
    found = problems(given)
    assert len(found) == 5
    assert any(problem.startswith(f"{name}: ") and key in problem for problem in found)


SPELLED = {
    "subnet-ids": ("subnet-01234567", "subnet-89abcdef"),
    "github-token": ("TOKEN-CANARY-1", "TOKEN-CANARY-2"),
    "max-idle-time": ("5m", "300s"),
    "pre-runner-script": ("true", "false"),
    "idle-time-sec": ("300", "301"),
}


@pytest.mark.shows("B7")
@pytest.mark.parametrize("name", [row("B7", name, name) for name in SPELLED])
def test_both_spellings_of_a_variable_are_read(name: str) -> None:
    hyphens, underscores = f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}"
    given = good(**{hyphens: SPELLED[name][0]})
    expected = inputs.load(given)
    assert expected != inputs.load(good())
    assert inputs.load({**given, underscores: given.pop(hyphens)}) == expected
    assert inputs.load({**given, underscores: SPELLED[name][0], hyphens: SPELLED[name][0]}) == expected


@pytest.mark.shows("B8")
@pytest.mark.parametrize(("name", "key"), [row("B8", name, name, "given twice, as INPUT_") for name in SPELLED])
def test_different_values_in_both_spellings_are_refused(name: str, key: str) -> None:
    one, other = SPELLED[name]
    given = {f"INPUT_{name.upper()}": one, f"INPUT_{name.upper().replace('-', '_')}": other}
    (problem,) = problems(good(**given))
    assert problem.startswith(f"{name}: {key}")
    assert "CANARY" not in problem


@pytest.mark.parametrize(
    ("new", "value", "old", "old_value"),
    [
        ("max-idle-time", "7m", "idle-time-sec", "420"),
        ("max-runtime", "30m", "max-runtime-min", "30"),
        ("registration-token-min-ttl", "40m", "github-reg-token-refresh-min", "20"),
    ],
)
def test_old_name_is_a_warning_and_both_names_are_a_problem(new: str, value: str, old: str, old_value: str) -> None:
    loaded = inputs.load(environ({old: old_value}))
    assert loaded.desired == inputs.load(environ({new: value})).desired
    (warning,) = loaded.warnings
    assert warning.startswith(f"{old}: ")
    assert new in warning
    (problem,) = problems(environ({old: old_value, new: value}))
    assert problem.startswith(f"{new}: given together with {old}")


def test_inputs_of_other_modes_are_a_notice() -> None:
    loaded = load(mode="refresh", instance_count="3", usage_class="spot", allowed_instance_types="c*", table_name="")
    assert [notice.partition(":")[0] for notice in loaded.notices] == [*inputs.IGNORED]
    assert loaded.warnings == ()


TEXTS = ("ami", "aws-region", "github-token", "pre-runner-script", "resource-class-config", "tags", "mode")


@pytest.mark.shows("B10", "B11", "B12")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *(row("B10", name, {name: "xyzzy\udc80"}, "UTF-8") for name in TEXTS),
        *rows("B10", "ami", "UTF-8", first="a\ud800", last="a\udfff"),
        *rows("B11", "ami", "U+200B", end="ami-01234567\u200b", beginning="\u200bami-01234567"),
        *rows("B11", "ami", "U+00A0", no_break="ami-\u00a001234567", leading="\u00a0ami-01234567"),
        row("B11", "line", {"ami": "ami-01234567\u2028"}, "U+2028"),
        row("B11", "paragraph", {"ami": "ami-0123\u20294567"}, "U+2029"),
        row("B11", "second-mark", {"ami": "\ufeff\ufeffami-01234567"}, "U+FEFF"),
        row("B11", "right-to-left", {"subnet-ids": "subnet-\u202e01234567"}, "U+202E"),
        row("B11", "region", {"aws-region": "us-east-1\u200b"}, "U+200B"),
        row("B11", "token", {"github-token": "xyzzy\u200b"}, "U+200B"),
        row("B12", "nul", {"ami": "ami-0123\x004567"}, "U+0000"),
        row("B12", "escape", {"mode": "\x1b[1mplan"}, "U+001B"),
        row("B12", "next-line", {"subnet-ids": "subnet-01234567\x85subnet-89abcdef"}, "U+0085"),
    ],
)
def test_undecodable_and_invisible_text_is_refused(given: Mapping[str, str], key: str) -> None:
    problem = refused(given, key)
    assert "xyzzy" not in problem or "github-token" not in given


@pytest.mark.shows("B11")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        row("B11", "mark", "ami", "\ufeffami-01234567", "ami-01234567"),
        row("B11", "mark-of-a-list", "subnet-ids", "\ufeffsubnet-01234567", "subnet-01234567"),
        row("B12", "tab", "subnet-ids", "\tsubnet-01234567\r\n", "subnet-01234567"),
    ],
)
def test_byte_order_mark_and_white_space_around_a_value_are_removed(name: str, value: str, expected: str) -> None:
    assert inputs.load(environ({name: value})) == inputs.load(environ({name: expected}))


@pytest.mark.shows("B11", "B12")
@pytest.mark.parametrize("script", [row("B11", "script", "echo \u200b\u00a0"), row("B12", "script", "echo '\x1b[1m'")])
def test_script_may_hold_any_character(script: str) -> None:
    assert load(pre_runner_script=script).desired.pre_runner_script == script


def test_unexpanded_expression_is_shown_only_where_it_is_no_secret() -> None:
    expression = "${{ secrets.TOKENS }}"
    of_ami, of_token = sorted(problems(environ({"ami": expression, "github-token": expression})))
    assert expression in of_ami
    assert expression not in of_token


def test_long_problems_are_cut() -> None:
    (problem,) = problems(environ({"tags": "wrong\n" * 9999}))
    assert 1000 < len(problem) < 1200
    reader = Reader({})
    for text in ("p", "p" * 1000, "q" * 1001):
        reader.refuse("ami", Problem(text), "v")
    assert reader.problems == ["ami: p; got 'v'", f"ami: {'p' * 1000}; got 'v'", f"ami: {'q' * 1000}...; got 'v'"]


def test_secrets_are_in_no_text_of_what_was_loaded() -> None:
    loaded = inputs.load(good())
    assert "CANARY" not in f"{loaded!r}{loaded}{loaded.secrets}"
    assert str(loaded.secrets.github) == "***"
