"""The operations that refresh makes are those of the documented table, or the session fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import nested_pytest
from tests.fakes import operations
from tests.iam import policies, recorded

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.aws_server import AwsServer
    from tests.fakes.world import World

PAGE = """
| operation | IAM actions | when and why |
| --- | --- | --- |
| `sqs:CreateQueue` | `sqs:CreateQueue`, `sqs:TagQueue` | first run |
| `sts:AssumeRoleWithWebIdentity` | none | with a role |
"""


def test_the_table_is_read_with_its_actions() -> None:
    """One row an operation."""
    assert operations.documented(PAGE) == {
        "sqs:CreateQueue": ("sqs:CreateQueue", "sqs:TagQueue"),
        "sts:AssumeRoleWithWebIdentity": (),
    }


def test_what_is_made_and_not_documented_is_told_after_any_session() -> None:
    """A part of the tests shows it as well as all of them."""
    for whole in (True, False):
        (told,) = operations.differences({"a:B", "c:D"}, {"a:B"}, whole=whole)
        assert told.startswith("c:D was made")


def test_what_is_documented_and_never_made_is_told_after_a_whole_session_only() -> None:
    """A part of the tests makes a part of the operations."""
    (told,) = operations.differences({"a:B"}, {"a:B", "c:D"}, whole=True)
    assert told.startswith("c:D has a row")
    assert operations.differences({"a:B"}, {"a:B", "c:D"}, whole=False) == []
    assert operations.differences({"a:B"}, {"a:B"}, whole=True) == []


@pytest.mark.parametrize(
    ("arguments", "filters", "whole"),
    [
        (["tests"], [], True),
        (["."], ["", None, [], 0], True),
        (["tests/iam"], [], False),
        (["tests/iam/test_recorded.py::test_x"], [], False),
        (["tests"], ["wide"], False),
        (["tests"], [["tests/scale"]], False),
        (["tests"], [True], False),
    ],
)
def test_a_session_is_whole_where_nothing_is_left_out(
    arguments: list[str],
    filters: list[object],
    whole: bool,  # noqa: FBT001 - an expected value
    tmp_path: Path,
) -> None:
    """By folders, words, marks or the first failure."""
    assert recorded.is_whole(arguments, tmp_path, filters) is whole


def test_what_is_asked_of_github_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no IAM."""
    made: set[str] = set()
    monkeypatch.setattr(operations, "MADE", made)
    operations.record("github:ListDownloads")
    operations.record("sqs:CreateQueue")
    assert made == {"sqs:CreateQueue"}


def test_a_test_s_own_calls_do_not_count(aws: AwsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are written down like all others, but they are not refresh's."""
    made: set[str] = set()
    monkeypatch.setattr(operations, "MADE", made)
    policies.client(aws, "iam").list_users()
    assert aws.calls == ["iam:ListUsers"]
    assert made == set()
    assert not operations.counts({"HTTP_USER_AGENT": "Terraform/1.11 X-Made-By/test"})


def test_a_run_s_calls_count(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own as in this one."""
    made: set[str] = set()
    monkeypatch.setattr(operations, "MADE", made)
    code, _ = world.run(mode="plan")
    assert code == 0
    assert made == set(world.aws.calls) != set()


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "workers"])
def test_a_session_in_which_something_undocumented_was_made_fails(workers: list[str], tmp_path: Path) -> None:
    """On whichever worker, and though every test has passed; the end of the output says what it was."""
    (tmp_path / "test_it.py").write_text(
        "from tests.fakes import operations\n\ndef test_it():\n    operations.record('iam:CreateUser')\n"
    )
    code, printed = nested_pytest.run(tmp_path, "tests.iam.recorded", workers)
    assert code == 1, printed
    assert "1 passed" in printed
    assert "iam:CreateUser was made and has no row in docs/iam/README.md" in printed
