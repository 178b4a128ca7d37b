"""What the desired state derives from its fields."""

from __future__ import annotations

import pytest

from refresh.desired import DesiredRelease, Role, RunnerScope
from tests.fakes.desired import REGION, REPOSITORY, desired


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


def _release(name: str) -> DesiredRelease:
    return DesiredRelease(repository=REPOSITORY, region=REGION, run_id="77", workflow_repository=REPOSITORY, name=name)


@pytest.mark.parametrize(
    ("name", "released"),
    [("", ["77"]), ("gpu", ["77-gpu"]), ("GPU", []), ("*", ["77", "77-gpu", "77-cpu", "77-"]), ("x", [])],
)
def test_a_release_is_for_one_label_of_the_run_or_for_all_of_them(name: str, released: list[str]) -> None:
    labels = ["77", "77-gpu", "77-cpu", "77-", "", "7", "177", "771", "78-gpu", "gpu", "*", "warm-77", "78"]
    assert [each for each in labels if _release(name).has(each)] == released


@pytest.mark.parametrize(("name", "parts"), [("", {"77"}), ("gpu", {"77-gpu"}), ("*", {"77", "77-*"})])
def test_the_labels_of_a_release_are_written_out(name: str, parts: set[str]) -> None:
    assert parts <= set(_release(name).labels.split())
