"""The desired state: what it says of itself."""

from __future__ import annotations

from refresh.desired import Role, RunnerScope
from tests.fakes.desired import desired


def test_runners_register_where_they_belong() -> None:
    """At the repository, or at the organization that owns it."""
    assert (desired().runners_owner, desired().registration_url) == (
        "octo/widgets",
        "https://github.com/octo/widgets",
    )
    wide = desired(runner_scope=RunnerScope.ORGANIZATION, github_server_url="https://ghes.example.com")
    assert (wide.runners_owner, wide.registration_url) == ("octo", "https://ghes.example.com/octo")


def test_as_whom_a_run_works_is_told_where_it_is_not_the_default() -> None:
    """And nothing otherwise."""
    assert desired().access == {}
    role = Role(arn="arn:aws:iam::123456789012:role/x", session_name="s")
    assert desired(runner_scope=RunnerScope.ORGANIZATION, github_app_id="7", role=role).access == {
        "runners of": "octo",
        "GitHub App": "7",
        "role": role.arn,
    }
