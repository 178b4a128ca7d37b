"""What inputs must be to each other and to the environment: region, keys, unknown names, the size of user data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from tests.fakes.literals import good
from tests.unit.inputs.bad_inputs import environ, load, problems, row

if TYPE_CHECKING:
    from collections.abc import Mapping

SCRIPT, VERSION, SUMS = "pre-runner-script", "actions-runner-version", "actions-runner-sha256"


@pytest.mark.shows("B38")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B38", "empty", {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "is required"),
        row("B38", "blank", {"AWS_REGION": " ", "AWS_DEFAULT_REGION": "\n", "aws-region": "\t"}, "is required"),
    ],
)
def test_missing_region_is_not_guessed(given: Mapping[str, str], key: str) -> None:
    (problem,) = problems(environ(given))
    assert problem.startswith(f"aws-region: {key}")


@pytest.mark.shows("B39")
@pytest.mark.parametrize("given", [row("B39", "other", {"aws-region": "us-west-2"})])
def test_region_that_differs_from_the_job_s_is_a_warning(given: Mapping[str, str]) -> None:
    loaded = inputs.load(environ(given))
    (warning,) = loaded.warnings
    assert loaded.desired.region == "us-west-2"
    assert ("us-west-2" in warning, "AWS_REGION" in warning, "eu-west-1" in warning) == (True, True, True)
    assert load(aws_region="eu-west-1").warnings == ()


def test_region_comes_from_the_input_and_otherwise_from_two_variables() -> None:
    """The original ignores the last of them, so that one is a warning."""
    assert load(AWS_DEFAULT_REGION="eu-north-1") == load()
    loaded = load(AWS_REGION="", AWS_DEFAULT_REGION="eu-north-1")
    (warning,) = loaded.warnings
    assert loaded.desired.region == "eu-north-1"
    assert ("AWS_DEFAULT_REGION" in warning, "us-east-1" in warning) == (True, True)
    for given, name in (
        ({"aws-region": "nowhere", "AWS_REGION": ""}, "aws-region"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "nowhere"}, "AWS_DEFAULT_REGION"),
    ):
        assert [problem.partition(":")[0] for problem in problems(environ(given))] == [name]


@pytest.mark.shows("B86")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B86", "key", {"AWS_ACCESS_KEY_ID": "AKIAXYZZY"}, "AWS_SECRET_ACCESS_KEY"),
        row("B86", "secret", {"AWS_SECRET_ACCESS_KEY": "xyzzy", "AWS_ACCESS_KEY_ID": ""}, "AWS_ACCESS_KEY_ID"),
    ],
)
def test_half_a_pair_of_keys_is_refused(given: Mapping[str, str], key: str) -> None:
    (problem,) = problems(environ(given))
    assert problem.startswith(f"{key}: ")


@pytest.mark.shows("B9")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B9", "near", {"subnet-id": "x"}, "'subnet-id'"),
        row("B9", "meant", {"subnet-id": "x"}, "subnet-ids?"),
        row("B9", "case", {"time-out": "x"}, "timeout?"),
        row("B9", "hyphen", {"r-user": "x"}, "runner-user?"),
        row("B9", "far", {"qqqqqq": "x"}, "'qqqqqq'"),
        row("B9", "strange", {"\n::error::\udc80": "x"}, r"'\n::error::\udc80'"),
    ],
)
def test_unknown_input_is_a_warning_with_the_nearest_name(given: Mapping[str, str], key: str) -> None:
    (warning,) = inputs.load(environ(given)).warnings
    assert key in warning
    assert warning.startswith(repr(next(iter(given)).lower()))
    assert inputs.load(environ(dict.fromkeys(given, " "))).warnings == ()


def test_table_name_must_be_the_pool_s_where_the_repository_is_known() -> None:
    assert load(table_name="octo-widgets-ci-table").warnings == ()
    assert inputs.load(good(INPUT_TABLE_NAME="octo-widgets-ci-table")).warnings == ()
    (problem,) = problems(environ({"table-name": "other"}))
    assert problem.startswith("table-name: ")
    assert "octo-widgets-ci-table" in problem
    (problem,) = problems(environ({"table-name": "other", "GITHUB_REPOSITORY": ""}))
    assert problem.startswith("GITHUB_REPOSITORY: ")


@pytest.mark.parametrize("version", ["", "Latest"])
def test_checksums_need_a_pinned_version(version: str) -> None:
    (problem,) = problems(environ({VERSION: version, SUMS: f"x64={'a' * 64}"}))
    assert problem.startswith(f"{SUMS}: ")
    assert VERSION in problem
