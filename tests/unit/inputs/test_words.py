"""What is said of bad inputs, word for word: a person has nothing else to go by; and the edges of what is taken."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from refresh import inputs
from refresh.credentials import Secret
from refresh.inputs import access
from refresh.inputs.parsers import Problem
from refresh.inputs.reader import Reader
from refresh.inputs.resource_classes import _whole_number
from tests.fakes import app, canaries
from tests.unit.inputs.bad_inputs import environ, load, problems

GOLDEN = Path(__file__).parent / "golden" / "problems.json"
KEY = app.private_key()
ROLE = "arn:aws:iam::123456789012:role/x"


@pytest.mark.parametrize("row", json.loads(GOLDEN.read_text()))
def test_a_problem_is_told_word_for_word(row: dict[str, Any]) -> None:
    """The input, what is wrong, the value unless it is a secret, and what to write."""
    assert list(problems(environ(row["given"]))) == row["told"]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            "[" * 90_000,
            f"too deeply nested; got '{'[' * 40}...'; " + '{"large": {"cpu": 2, "mmem": 4096}}',
        ),
        (
            '{"a":' + "9" * 5000 + "}",
            "a number that is too large; got '{\"a\":99999999999999999999999999999999999...'; write whole numbers",
        ),
    ],
    ids=["deep", "large"],
)
def test_json_that_python_itself_refuses_is_told_word_for_word(value: str, told: str) -> None:
    """However it refuses it."""
    assert problems(environ({"resource-class-config": value})) == (f"resource-class-config: {told}",)


def test_a_bad_region_is_not_told_to_be_missing_too() -> None:
    """One mistake, one problem."""
    assert len(problems(environ({"aws-region": "nowhere", "AWS_REGION": ""}))) == 1


def test_the_region_of_the_sdk_s_own_variable_is_a_warning() -> None:
    """Word for word."""
    assert load(AWS_REGION="", AWS_DEFAULT_REGION="eu-west-1").warnings == (
        (
            "aws-region: taken from AWS_DEFAULT_REGION (eu-west-1); the original action ignores that variable and "
            "takes us-east-1, so provision and release may look elsewhere. Set aws-region in every step."
        ),
    )


def test_a_script_with_a_secret_is_told_what_to_do_instead() -> None:
    """Word for word, and without the secret."""
    assert problems(environ({"pre-runner-script": f"echo {canaries.PAT}"})) == (
        (
            "pre-runner-script: holds the github-token, and user data can be read by everyone on the instance; fetch "
            "secrets on the instance, with its role"
        ),
    )


def test_a_problem_without_a_remedy_is_told_without_one() -> None:
    """And a very long one is cut after a thousand characters."""
    told = Reader({})
    for problem in ("p", "p" * 1000, "q" * 1001):
        told.refuse("ami", Problem(problem), "v")
    assert told.problems == ["ami: p; got 'v'", f"ami: {'p' * 1000}; got 'v'", f"ami: {'q' * 1000}...; got 'v'"]
    assert str(Problem("p")) == "p"


def test_what_is_no_input_is_named_with_the_one_that_was_meant() -> None:
    """Whichever way its words are joined; and each of them."""
    given = {"INPUT_TABLE_NAME": "octo-widgets-ci-table", "INPUT_R-USER": "x", "INPUT_ZZZ": "x"}
    assert inputs.load(environ(given)).warnings == (
        "'r-user': is no input of this action and is ignored; did you mean runner-user?",
        "'zzz': is no input of this action and is ignored",
    )


@pytest.mark.parametrize(
    ("given", "field", "value"),
    [
        ({"metadata-hop-limit": "0000001"}, "metadata_hop_limit", 1),
        ({"max-idle-time": "0000000000420"}, "max_idle_time", timedelta(minutes=7)),
        ({"tags": "team=ci"}, "tags", (("team", "ci"),)),
        ({"tags": f"team={'x' * 256}"}, "tags", (("team", "x" * 256),)),
        ({"GITHUB_API_URL": "https://ghes.example.com/apiX/"}, "github_api_url", "https://ghes.example.com/apiX"),
        ({"GITHUB_SERVER_URL": "https://" + "a" * 56}, "github_server_url", "https://" + "a" * 56),
        (
            {"GITHUB_SERVER_URL": "http://ghes.internal", "REFRESH_ALLOW_HTTP": "true"},
            "github_server_url",
            "http://ghes.internal",
        ),
    ],
)
def test_what_is_just_right_is_taken(given: dict[str, str], field: str, value: Any) -> None:
    """To the last digit and letter."""
    assert getattr(inputs.load(environ(given)).desired, field) == value


def test_a_token_may_be_of_any_letters() -> None:
    """GitHub changes their form without notice."""
    assert load(github_token="xyz").secrets.all == (Secret("xyz"),)


def test_forty_tags_are_taken_and_one_more_is_not() -> None:
    """AWS takes fifty, and others tag too."""
    forty = [f"key{number}=x" for number in range(40)]
    assert len(load(tags="\n".join(forty)).desired.tags) == 40
    (problem,) = problems(environ({"tags": "\n".join([*forty, "more=x"])}))
    assert problem.startswith("tags: 41 tags; at most 40; got ")


def test_a_token_of_a_control_character_is_one_problem() -> None:
    """It is there, so it is not missing as well."""
    assert problems(environ({"github-token": "\x0b"})) == (
        "github-token: holds the control character U+000B; remove it",
    )


@pytest.mark.parametrize("value", ["9" * 10 + "d", "9" * 500 + "d"])
def test_a_duration_beyond_all_reckoning_is_too_long(value: str) -> None:
    """And nothing breaks."""
    (problem,) = problems(environ({"max-instance-age": value}))
    assert problem.startswith("max-instance-age: a duration of 1h to 365d expected; got ")


@pytest.mark.parametrize(
    "changed",
    [
        {"GITHUB_SERVER_URL": ""},
        {"GITHUB_RUN_ID": ""},
        {"GITHUB_RUN_ID": "7/x"},
        {"GITHUB_RUN_ID": "\u0667"},
        {"GITHUB_REPOSITORY": "", "repository": "octo/widgets"},
        {"GITHUB_REPOSITORY": "a b", "repository": "octo/widgets"},
    ],
)
def test_a_run_that_github_does_not_name_as_it_does_is_not_named(changed: dict[str, str]) -> None:
    """It is written to the table, so no part of it is taken as it stands."""
    whole = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "7"}
    assert inputs.load(environ({**whole, **changed})).desired.run_url == ""


def test_oidc_over_plain_http_is_taken_where_it_is_allowed() -> None:
    """On a machine of one's own, without GitHub."""
    offered = {
        "role-to-assume": ROLE,
        "ACTIONS_ID_TOKEN_REQUEST_URL": "http://ghes.internal/token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST,
    }
    assert inputs.load(environ({**offered, "REFRESH_ALLOW_HTTP": "true"})).secrets.id_tokens
    for refused in ({}, {"REFRESH_ALLOW_HTTP": "yes"}):
        (problem,) = problems(environ({**offered, **refused}))
        assert problem.startswith("ACTIONS_ID_TOKEN_REQUEST_URL: an https:// address expected")


@pytest.mark.parametrize(
    ("content", "whole"),
    [
        (b"\x30\x82\0\1x", True),
        (b"\x30\x82\0\0", False),
        (b"\x31\x82\0\1x", False),
        (b"\x31\x81\0\1x", False),
        (b"\x30\x81\0\1x", False),
        (b"\x30\x82\0\1", False),
        (b"\x30\x82\0\1xx", False),
    ],
)
def test_a_key_is_one_sequence_with_all_of_its_bytes(content: bytes, *, whole: bool) -> None:
    """One that lost a line, or is of something else, would fail at GitHub without a word."""
    assert access._whole(base64.b64encode(content).decode()) is whole


def test_a_key_with_padding_inside_is_refused() -> None:
    """Two keys were put together, or a line was changed."""
    lines = KEY.splitlines()
    with pytest.raises(Problem):
        access.private_key("\n".join([lines[0], f"={lines[1]}", *lines[2:]]))


@pytest.mark.parametrize(("value", "number"), [(1, 1), (10, 10), ("7", 7), ("000000010", 10)])
def test_a_size_is_a_whole_number_or_its_digits(value: object, number: int) -> None:
    """From 1 to the largest."""
    assert _whole_number(10, "CPUs")(value, int) == number


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "1 to 10 CPUs expected"),
        (11, "1 to 10 CPUs expected"),
        ("0", "1 to 10 CPUs expected"),
        (True, "expected int, got true"),
        (1.5, "expected int, got 1.5"),
        ("1e1", 'expected int, got "1e1"'),
        ("1" * 10, 'expected int, got "1111111111"'),
        ("x" * 38, f'expected int, got "{"x" * 38}"'),
        ("x" * 39, f'expected int, got "{"x" * 39}...'),
    ],
)
def test_any_other_size_is_told(value: object, told: str) -> None:
    """As it stands in the JSON, the beginning of a long one."""
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - its whole text is compared
        _whole_number(10, "CPUs")(value, int)
    assert str(caught.value) == told
