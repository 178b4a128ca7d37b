"""What is not released."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.publishing.repository import DIGEST, JOB, OTHER_PACKAGES, Run, git, lay, published, tags


@pytest.mark.shows("A60")
def test_packages_that_differ_on_another_machine_are_not_released(run: Run, tmp_path: Path) -> None:
    code, told = published(run, OTHER_PACKAGES)
    assert (code, tags(tmp_path)) == (1, {})
    assert "packages differ" in told


@pytest.mark.parametrize("change", ["another file", "another content"])
def test_the_packages_of_a_release_can_be_compared(run: Run, checkout: Path, packages_digest: str, change: str) -> None:
    """By the command that makes them."""
    assert run("packages", "composite/packages") == (0, f"composite/packages: {packages_digest}\n")
    folder = checkout / "composite" / "packages"
    if change == "another file":
        lay(folder / "__pycache__" / "six.cpython-314.pyc", "")
    else:
        (folder / "six.py").write_text("import os\n")
    code, told = run("packages", "composite/packages")
    assert (code, "composite/packages is not what the lock file makes" in told) == (1, True)


def test_a_package_with_another_hash_is_not_released(run: Run, checkout: Path) -> None:
    lock = checkout / "requirements" / "runtime.txt"
    lock.write_text(re.sub("(?m)(?<=--hash=sha256:)[0-9a-f]{8}", "00000000", lock.read_text()))
    code, told = run("packages", "composite/packages")
    assert (code, "THESE PACKAGES DO NOT MATCH THE HASHES" in told) == (1, True)


@pytest.mark.parametrize(
    "step", [("check", "1.2.3"), ("commit", "1.2.3", DIGEST, OTHER_PACKAGES), ("publish", "1.2.3", DIGEST)]
)
def test_only_the_newest_commit_of_the_default_branch_is_released(
    run: Run, checkout: Path, tmp_path: Path, step: tuple[str, ...]
) -> None:
    """The branch may move on while tests run and a reviewer decides."""
    if step[0] == "publish":
        git(checkout, "commit", "--quiet", "--allow-empty", "--message", "Release 1.2.3")
        git(checkout, "tag", "v1.2.3")
    newer = git(checkout, "commit-tree", "HEAD^{tree}", "-m", "x")
    git(checkout, "push", "--quiet", "origin", f"{newer}:main", "--force")
    code, told = run(*step)
    assert (code, tags(tmp_path)) == (1, {})
    assert "the default branch has moved on" in told


def test_files_that_name_another_repository_are_not_released(run: Run, checkout: Path) -> None:
    """A workflow pasted from them would run the action of another owner; other reviewers would be asked."""
    files = {
        "README.md": "uses: org/refresh-action@v1",
        "x.yml": "url: https://org.github.io/refresh-action/messages/",
        ".github/CODEOWNERS": "* @org/refresh-action-maintainers",
    }
    for name, text in files.items():
        (checkout / name).write_text(f"{text}\n")
        git(checkout, "add", name)
    code, told = run("check", "1.2.3")
    assert (code, "org/refresh-action is in 3 files" in told) == (1, True)
    for name, text in files.items():
        (checkout / name).write_text(text.replace("org", "my-org", 1))
    assert run("check", "1.2.3") == (0, "")


def test_a_workflow_that_is_pinned_pins_the_actions_that_it_uses(run: Run, checkout: Path) -> None:
    """The commit of a release cannot change it, because GitHub lets no workflow's token push that."""
    with (checkout / JOB).open("a") as file:
        file.write("  - uses: Org/refresh-action/release@v1 # v1.2.3\n    uses: org/refresh-action@v1.2.2\n")
    code, told = run("check", "1.2.3")
    assert (code, f"{JOB} uses Org/refresh-action at v1, v1.2.2; change it to v1.2.3" in told) == (1, True)


def test_an_action_that_does_not_start_from_its_commit_is_not_released(
    run: Run, checkout: Path, tmp_path: Path, packages_digest: str
) -> None:
    (checkout / "entrypoint.py").write_text("import attrs\n")
    git(checkout, "commit", "--quiet", "--all", "--message", "x")
    git(checkout, "push", "--quiet", "origin", "HEAD:main")
    code, told = published(run, packages_digest)
    assert (code, "No module named 'attrs'" in told, tags(tmp_path)) == (1, True, {})
