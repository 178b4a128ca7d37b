"""The version that is released: what has to be there before, and what its notes are."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_FORM = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*)){2}")
_UNRELEASED = "Unreleased"


class Version(NamedTuple):
    """A version of three numbers, https://semver.org."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read 1.2.3; raises `ValueError` for anything else."""
        if not _FORM.fullmatch(text):
            raise ValueError(f"a version of three numbers expected, such as 1.2.3; got {text[:40]!r}")
        return cls(*map(int, text.split(".")))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """The tag of this version, which never moves."""
        return f"v{self}"

    @property
    def floating_tag(self) -> str:
        """The tag that follows the newest version of the same major number."""
        return f"v{self.major}"

    def is_newest(self, tags: Iterable[str], *, of_all: bool = False) -> bool:
        """Tell whether no tag is of a newer version with the same major number, or with any."""
        others = [Version.parse(tag[1:]) for tag in tags if tag[:1] == "v" and _FORM.fullmatch(tag[1:])]
        return all(other <= self for other in others if of_all or other.major == self.major)


def problems(version: Version, root: Path, tags: Iterable[str]) -> Iterator[str]:
    """Tell all that keeps a version from being released, each with the remedy."""
    if version.tag in tags:
        yield (
            f"{version.tag} is a tag already: choose the next version; or, if its release was never published, delete "
            f"the tag (git push origin :{version.tag}) and start again"
        )
    named = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if named != str(version):
        yield f"pyproject.toml: version is {named}; write {version} there first, in a pull request"
    changelog = (root / "CHANGELOG.md").read_text()
    if not section(changelog, str(version)):
        yield f"CHANGELOG.md has no section {version}; rename `## {_UNRELEASED}` to `## {version}`, in a pull request"
    elif section(changelog, _UNRELEASED):
        yield f"CHANGELOG.md has more under {_UNRELEASED} than under {version}; move it, or wait with it"


def notes(version: Version, root: Path, address: str) -> str:
    """Give the release's notes, their links led to the files of the tag at the repository's address.

    Before its section is there they are those of what is unreleased.
    """
    changelog = (root / "CHANGELOG.md").read_text()
    told = section(changelog, str(version)) or section(changelog, _UNRELEASED)
    return re.sub(r"\]\((?![a-z]+:|#)", f"]({address}/blob/{version.tag}/", told)


def section(changelog: str, title: str) -> str:
    """Give the text of a section of the changelog; "" where there is none, or nothing in it."""
    found = re.search(rf"^## {re.escape(title)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""
