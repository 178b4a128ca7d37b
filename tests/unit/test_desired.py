"""What the desired state derives from its fields."""

from __future__ import annotations

from refresh.desired import Role, RunnerScope
from tests.fakes.desired import desired


def test_runners_register_at_the_repository_or_its_organization() -> None:
    assert (desired().runners_owner, desired().registration_url) == (
        "octo/widgets",
        "https://github.com/octo/widgets",
    )
    wide = desired(runner_scope=RunnerScope.ORGANIZATION, github_server_url="https://ghes.example.com")
    assert (wide.runners_owner, wide.registration_url) == ("octo", "https://ghes.example.com/octo")


def test_access_lists_only_what_is_not_the_default() -> None:
    assert desired().access == {}
    role = Role(arn="arn:aws:iam::123456789012:role/x", session_name="s")
    assert desired(runner_scope=RunnerScope.ORGANIZATION, github_app_id="7", role=role).access == {
        "runners of": "octo",
        "GitHub App": "7",
        "role": role.arn,
    }
