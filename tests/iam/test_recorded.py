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


def test_what_is_declared_and_never_made_is_reported_after_a_whole_session_only() -> None:
    assert [line.split()[0] for line in operations.differences({"a:B"}, {"c:D"}, whole=True)] == ["a:B", "c:D"]
    assert [line.split()[0] for line in operations.differences({"a:B"}, {"c:D"}, whole=False)] == ["a:B"]
    assert operations.differences({"a:B"}, {"a:B"}, whole=True) == []


def test_a_session_is_whole_if_nothing_is_left_out(tmp_path: Path) -> None:
    assert recorded.is_whole(["tests"], tmp_path, [])
    assert recorded.is_whole(["."], tmp_path, ["", None, [], 0])
    for arguments, filters in ((["tests/iam"], []), (["tests"], ["wide"]), (["tests"], [True])):
        assert not recorded.is_whole(arguments, tmp_path, filters)


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
