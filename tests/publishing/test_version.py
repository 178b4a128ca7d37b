"""Which versions can be released, and with which notes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tools.publishing import version
from tools.publishing.version import Version

if TYPE_CHECKING:
    from pathlib import Path

CHANGELOG = """\
# Changelog

## Unreleased

## 1.2.3 - 2026-11-25

- Ends more.
  Much more, see [it](docs/instance.md).

## 1.2.2

- Ends less.
"""
V = Version(1, 2, 3)


def _tree(folder: Path, changelog: str = CHANGELOG, named: str = "1.2.3") -> Path:
    (folder / "CHANGELOG.md").write_text(changelog)
    (folder / "pyproject.toml").write_text(f'[project]\nversion = "{named}"\n')
    return folder


@pytest.mark.parametrize("text", ["1.2", "v1.2.3", "1.2.3-rc.1", "01.2.3", "1.2.3\n", "", "1.2.3; rm"])
def test_a_version_is_three_numbers(text: str) -> None:
    """It becomes part of commands and addresses."""
    with pytest.raises(ValueError, match="three numbers"):
        Version.parse(text)


def test_a_version_has_a_fixed_and_a_floating_tag() -> None:
    assert (str(V), V.tag, V.floating_tag) == ("1.2.3", "v1.2.3", "v1")
    assert Version.parse("1.2.3") == V


@pytest.mark.parametrize(
    ("tags", "newest"),
    [([], True), (["v1.2.2", "v2.0.0", "v1", "nightly"], True), (["v1.10.0"], False), (["v1.2.3"], True)],
)
def test_only_the_newest_version_moves_the_floating_tag(tags: list[str], *, newest: bool) -> None:
    assert V.is_newest(tags) is newest
    assert V.is_newest(["v2.0.0"], of_all=True) is False


def test_a_prepared_version_is_released_with_the_notes_of_its_section(tmp_path: Path) -> None:
    root = _tree(tmp_path)
    assert list(version.problems(V, root, ["v1.2.2", "v1"])) == []
    told = "- Ends more. Much more, see [it](https://host/o/r/blob/v1.2.3/docs/instance.md)."
    assert version.notes(V, root, "https://host/o/r") == told


@pytest.mark.parametrize(
    ("changelog", "named", "tags", "problem"),
    [
        (CHANGELOG, "1.2.2", [], r"pyproject.toml.*1\.2\.2.*1\.2\.3"),
        (CHANGELOG.replace("## 1.2.3", "## 1.2.30"), "1.2.3", [], r"CHANGELOG.md.*no section 1\.2\.3"),
        (CHANGELOG.replace("## 1.2.3", "## 1.2.3-rc.1"), "1.2.3", [], r"CHANGELOG.md.*no section 1\.2\.3"),
        (CHANGELOG.replace("## 1.2.3 - 2026-11-25\n", "## 1.2.3\n## 1.2.2\n"), "1.2.3", [], r"no section 1\.2\.3"),
        (CHANGELOG.replace("Unreleased\n", "Unreleased\n\n- New.\n"), "1.2.3", [], "Unreleased"),
        (CHANGELOG, "1.2.3", ["v1.2.3"], r"v1\.2\.3.*tag"),
    ],
)
def test_an_unprepared_version_is_refused(
    tmp_path: Path, changelog: str, named: str, tags: list[str], problem: str
) -> None:
    (found,) = version.problems(V, _tree(tmp_path, changelog, named), tags)
    assert re.search(problem, found)


def test_all_problems_are_reported_together(tmp_path: Path) -> None:
    assert len(list(version.problems(V, _tree(tmp_path, "# Changelog\n", "0.1.0"), ["v1.2.3"]))) == 3


def test_an_unprepared_version_has_the_unreleased_notes(tmp_path: Path) -> None:
    """A dry run shows them."""
    root = _tree(tmp_path, CHANGELOG.replace("Unreleased\n", "Unreleased\n\n- New.\n").replace("1.2.3", "1.2.1"))
    assert version.notes(V, root, "https://host/o/r") == "- New."
