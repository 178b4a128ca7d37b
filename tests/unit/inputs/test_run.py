"""The inputs that say which runner is installed and how a run goes about it."""

from __future__ import annotations

from typing import Any

import pytest

from refresh import inputs
from refresh.desired import Mode
from tests.unit.inputs.bad_inputs import environ, load, problems, row, rows, told

VERSION, SUMS = "actions-runner-version", "actions-runner-sha256"


@pytest.mark.shows("B78", "B87", "B88")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *rows(
            "78",
            VERSION,
            "latest or N.N.N expected",
            two="2.325",
            command="2.325.0; rm -rf /",
            path="../..",
            word="newest",
        ),
        *rows("78", VERSION, "latest or N.N.N expected", long="2." * 150, digits="1.2.12345", arabic="2.3.\u0663"),
        *rows("87", "mode", "apply or plan expected", provision="provision", release="release", dry_run="dry-run"),
        *rows("87", "mode", "apply or plan expected", both="plan,apply"),
        *(
            each
            for name in ("fail-on-drift", "clean-github-runners", "delete-volumes-on-termination")
            for each in rows("88", name, "true or false expected", yes="yes", one="1", on="on", no="no")
        ),
        *rows("user", "runner-user", "not the name of a Linux user", upper_case="Commands", digit="1a", long="a" * 33),
        *rows("format", "log-format", "text or json expected", yaml="yaml"),
        *rows("sums", SUMS, "SHA-256 sums expected", short="x64=abc", twice=f"x64={'a' * 64} x64={'b' * 64}"),
    ],
)
def test_a_word_that_is_none_of_those_known_is_told(name: str, value: str, expected: str) -> None:
    """With the words that are."""
    told(name, value, expected)


@pytest.mark.shows("B77", "B78", "B87", "B88")
@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        row("77", "v", VERSION, "v2.325.0", "runner_version", "2.325.0"),
        row("77", "plain", VERSION, "2.325.0", "runner_version", "2.325.0"),
        row("78", "latest", VERSION, "Latest", "runner_version", None),
        row("87", "plan", "mode", "PLAN", "mode", Mode.PLAN),
        row("87", "apply", "mode", "Apply", "mode", Mode.APPLY),
        row("87", "original", "mode", "refresh", "mode", Mode.APPLY),
        row("88", "True", "fail-on-drift", "True", "fail_on_drift", True),
        row("88", "TRUE", "fail-on-drift", "TRUE", "fail_on_drift", True),
        row("88", "false", "fail-on-drift", "false", "fail_on_drift", False),
        row("88", "FALSE", "clean-github-runners", "FALSE", "clean_github_runners", False),
        row("88", "true", "delete-volumes-on-termination", "true", "delete_volumes_on_termination", True),
        row("user", "name", "runner-user", "builder_1", "runner_user", "builder_1"),
    ],
)
def test_a_word_is_taken_in_any_case(name: str, value: str, attribute: str, expected: Any) -> None:
    """Normalised where that is safe."""
    assert getattr(inputs.load(environ({name: value})).desired, attribute) == expected


@pytest.mark.parametrize(("value", "as_json"), [("json", True), ("JSON ", True), ("text", False), ("", False)])
def test_the_log_s_format_is_known_before_and_after_the_inputs_are_checked(value: str, *, as_json: bool) -> None:
    """Problems of theirs are written in it too."""
    assert load(log_format=value).log_as_json is as_json
    assert inputs.log_as_json(environ({"log-format": value, "ami": "wrong"})) is as_json


@pytest.mark.parametrize(("more", "given"), [("", "x64"), ("Latest", "x64"), (None, "")])
def test_checksums_go_with_a_pinned_version(more: str | None, given: str) -> None:
    """Else the next release would fail on every instance."""
    if more is None:
        loaded = load(actions_runner_version="2.335.1", actions_runner_sha256=f"x64={'A' * 64}\narm64={'b' * 64}")
        assert loaded.desired.runner_checksums == (("arm64", "b" * 64), ("x64", "a" * 64))
        return
    told_of = problems(environ({VERSION: more, SUMS: f"{given}={'a' * 64}"}))
    assert [problem.partition(":")[0] for problem in told_of] == [SUMS]
    assert "pin the version" in told_of[0]
