"""What every input is as text: decodable, visible, and never repeated where it is a secret."""

from __future__ import annotations

import pytest

from refresh import inputs
from refresh.credentials import Secret
from tests.fakes.literals import good
from tests.unit.inputs.bad_inputs import environ, load, problems, row, rows, told

NOT_UTF_8 = ("ami", "aws-region", "github-token", "pre-runner-script", "resource-class-config", "tags", "mode")


@pytest.mark.shows("B10", "B11", "B12")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *(row("10", name, name, "xyzzy\udc80", "is not UTF-8") for name in NOT_UTF_8),
        *rows(
            "11",
            "ami",
            "holds the invisible character U+200B",
            end="ami-01234567\u200b",
            beginning="\u200bami-01234567",
        ),
        *rows(
            "11",
            "ami",
            "holds the invisible character U+00A0",
            no_break_space="ami-\u00a001234567",
            leading_no_break_space="\u00a0ami-01234567",
        ),
        row("11", "line-separator", "ami", "ami-01234567\u2028", "holds the invisible character U+2028"),
        row("11", "second-mark", "ami", "\ufeff\ufeffami-01234567", "holds the invisible character U+FEFF"),
        row("11", "right-to-left", "subnet-ids", "subnet-\u202e01234567", "holds the invisible character U+202E"),
        row("11", "region", "aws-region", "us-east-1\u200b", "holds the invisible character U+200B"),
        row("11", "token", "github-token", "xyzzy\u200b", "holds the invisible character U+200B"),
        row("12", "nul", "ami", "ami-0123\x004567", "holds the control character U+0000"),
        row("12", "escape", "mode", "\x1b[1mplan", "holds the control character U+001B"),
        row(
            "12", "next-line", "subnet-ids", "subnet-01234567\x85subnet-89abcdef", "holds the control character U+0085"
        ),
        row("12", "token", "github-token", "xyzzy\x01y", "holds the control character U+0001"),
    ],
)
def test_text_that_nobody_can_see_or_decode_is_refused(name: str, value: str, expected: str) -> None:
    """Copied from a web page it looks right, and AWS would answer something else."""
    assert "xyzzy" not in told(name, value, expected) or name != "github-token"


@pytest.mark.shows("B11")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        row("11", "mark", "ami", "\ufeffami-01234567", "ami-01234567"),
        row("11", "mark-of-a-list", "subnet-ids", "\ufeffsubnet-01234567", "subnet-01234567"),
        row("12", "tab", "subnet-ids", "\tsubnet-01234567\r\n", "subnet-01234567"),
    ],
)
def test_what_editors_leave_around_a_value_is_taken_away(name: str, value: str, expected: str) -> None:
    """A byte order mark, and the line's end."""
    assert inputs.load(environ({name: value})) == inputs.load(environ({name: expected}))


@pytest.mark.shows("B11", "B12")
@pytest.mark.parametrize("script", [row("11", "script", "echo \u200b\u00a0"), row("12", "script", "echo '\x1b[1m'")])
def test_a_script_may_hold_anything(script: str) -> None:
    """It is a program, not a value."""
    assert load(pre_runner_script=script).desired.pre_runner_script == script


@pytest.mark.shows("B79")
@pytest.mark.parametrize(
    "token", [row("79", "newline", "abc\n"), row("79", "space", "abc "), row("79", "both-ends", " abc\r\n")]
)
def test_a_token_loses_the_white_space_around_it(token: str) -> None:
    """PyGithub would take it and the request would fail."""
    assert load(github_token=token).secrets.github == Secret("abc")


@pytest.mark.shows("B80", "B81", "B82")
@pytest.mark.parametrize(
    ("token", "expected"),
    [
        row("80", "header", "xyzzy\r\nX-Evil: 1", "white space inside"),
        row("80", "space", "xyzzy Evil", "white space inside"),
        row("80", "tab", "xyzzy\tEvil", "white space inside"),
        row("81", "letter", "xyzzy\u00e9", "not ASCII"),
        row("81", "cyrillic", "xyzzy\u0430", "not ASCII"),
        row("82", "expression", "${{ secrets.X }}", "the secret was not expanded"),
        row("82", "expression-in-it", "xyzzy${{secrets.X}}", "the secret was not expanded"),
        row("82", "mask", "***", "the secret was not expanded"),
    ],
)
def test_a_bad_token_is_refused_without_repeating_it(token: str, expected: str) -> None:
    """Not even a part of it."""
    problem = told("github-token", token, expected)
    for part in ("Evil", "xyzzy", "secrets.X", "***"):
        assert part not in problem


def test_an_expression_that_was_not_expanded_is_shown_where_it_is_no_secret() -> None:
    """It is the same text in two inputs, and tells the reader what is wrong with both."""
    expression = "${{ secrets.TOKENS }}"
    told_ami, told_token = sorted(problems(environ({"ami": expression, "github-token": expression})))
    assert f"got {expression!r}" in told_ami
    assert told_token.startswith("github-token: the secret was not expanded")


def test_a_value_is_cut_where_it_is_shown() -> None:
    """An annotation is no place for a megabyte, nor for a long list of wrong things."""
    assert "got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'" in told("ami", "x" * 10**6, "not an AMI id")
    assert "'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...' is not a subnet id" in told("subnet-ids", "x" * 10**6, "id")
    (problem,) = problems(environ({"tags": "wrong\n" * 9999}))
    assert len(problem) < 1200
    assert problem.endswith("; write lines of key=value")


def test_the_secret_is_in_no_text_of_what_was_loaded() -> None:
    """Neither by repr nor by str."""
    loaded = inputs.load(good())
    for shown in (repr(loaded), str(loaded), str(loaded.secrets.github), f"{loaded.secrets}"):
        assert "CANARY" not in shown
    assert str(loaded.secrets.github) == "***"
