"""A session fails if a call was made that refresh does not declare."""

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


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Record the operations of one test apart."""
    found: set[str] = set()
    monkeypatch.setattr(operations, "MADE", found)
    return found


@pytest.mark.parametrize(
    ("made", "declared", "whole", "reported"),
    [
        ({"a:B", "c:D"}, {"a:B"}, True, ["c:D"]),
        ({"a:B", "c:D"}, {"a:B"}, False, ["c:D"]),
        ({"a:B"}, {"a:B", "c:D"}, True, ["c:D"]),
        ({"a:B"}, {"a:B", "c:D"}, False, []),
        ({"a:B"}, {"a:B"}, True, []),
    ],
)
def test_only_a_whole_session_reports_what_is_declared_and_never_made(
    made: set[str],
    declared: set[str],
    whole: bool,  # noqa: FBT001 - a table
    reported: list[str],
) -> None:
    found = operations.differences(made, declared, whole=whole)
    assert [line.split()[0] for line in found] == reported


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
def test_a_session_is_whole_if_nothing_is_left_out(
    arguments: list[str],
    filters: list[object],
    whole: bool,  # noqa: FBT001 - an expected value
    tmp_path: Path,
) -> None:
    assert recorded.is_whole(arguments, tmp_path, filters) is whole


def test_only_calls_of_refresh_to_aws_count(world: World, aws: AwsServer, made: set[str]) -> None:
    policies.client(aws, "iam").list_users()
    operations.record("github:ListDownloads")
    assert aws.calls == ["iam:ListUsers"]
    assert not operations.counts({"HTTP_USER_AGENT": "Terraform/1.11 X-Made-By/test"})
    assert made == set()
    world.forget_calls()
    assert world.run(mode="plan")[0] == 0
    assert made == set(world.aws.calls) != set()


@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "workers"])
def test_a_session_with_an_undeclared_call_fails_and_names_it(workers: list[str], tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(
        "from tests.fakes import operations\n\ndef test_it():\n    operations.record('iam:CreateUser')\n"
    )
    code, printed = nested_pytest.run(tmp_path, "tests.iam.recorded", workers)
    assert code == 1, printed
    assert "1 passed" in printed
    assert "iam:CreateUser was made" in printed
