"""The version of a release: what must be done before, and its notes."""

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
    """A version with three numbers, https://semver.org."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Version:
        """Parse 1.2.3; raise `ValueError` for anything else."""
        if not _FORM.fullmatch(text):
            raise ValueError(f"a version with three numbers expected, such as 1.2.3; got {text[:40]!r}")
        return cls(*map(int, text.split(".")))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """The tag of this version. It never moves."""
        return f"v{self}"

    @property
    def floating_tag(self) -> str:
        """The tag that follows the newest version of the same major number."""
        return f"v{self.major}"

    def is_newest(self, tags: Iterable[str], *, of_all: bool = False) -> bool:
        """Whether no tag has a newer version with the same major number, or with any."""
        others = [Version.parse(tag[1:]) for tag in tags if tag[:1] == "v" and _FORM.fullmatch(tag[1:])]
        return all(other <= self for other in others if of_all or other.major == self.major)


def problems(version: Version, root: Path, tags: Iterable[str]) -> Iterator[str]:
    """Report everything that prevents the release, each with its remedy."""
    if version.tag in tags:
        yield (
            f"the tag {version.tag} already exists: choose the next version or, if its release was never published, "
            f"delete the tag (git push origin :{version.tag}) and start again"
        )
    named = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    if named != str(version):
        yield f"pyproject.toml: version is {named}; change it to {version} first, in a pull request"
    changelog = (root / "CHANGELOG.md").read_text()
    if not section(changelog, str(version)):
        yield f"CHANGELOG.md has no section {version}; rename `## {_UNRELEASED}` to `## {version}`, in a pull request"
    elif section(changelog, _UNRELEASED):
        yield f"CHANGELOG.md has entries under {_UNRELEASED}; move them to {version}, or to a later release"


def other_references(version: Version, root: Path, repository: str) -> Iterator[str]:
    """Report workflows that use these actions by another tag than the version's.

    A caller that pins such a workflow by its commit must get the actions of that commit. The commit of a release cannot
    change a workflow, because GitHub refuses it from a workflow's token.
    """
    used = re.compile(rf"^[ -]*uses: {re.escape(repository)}(?:/[\w./-]+)?@(\S+)", re.MULTILINE | re.IGNORECASE)
    for path in sorted((root / ".github" / "workflows").glob("*.yml")):
        if others := sorted({*used.findall(path.read_text())} - {version.tag}):
            named = path.relative_to(root).as_posix()
            yield f"{named} uses {repository} at {', '.join(others)}; change it to {version.tag}, in a pull request"


def notes(version: Version, root: Path, address: str) -> str:
    """Return the release's notes, with links to the files of the tag.

    If the version has no section yet, the notes are the unreleased section.
    """
    changelog = (root / "CHANGELOG.md").read_text()
    told = section(changelog, str(version)) or section(changelog, _UNRELEASED)
    linked = re.sub(r"\]\((?![a-z]+:|#)", f"]({address}/blob/{version.tag}/", told)
    # GitHub shows each end of a line in the notes.
    return re.sub(r"(?<=\S)\n *(?=[^\s#*-])", " ", linked)


def section(changelog: str, title: str) -> str:
    """Return the text of a section of the changelog; "" if it is absent or empty."""
    found = re.search(rf"^## {re.escape(title)}(?: [^\n]*)?\n(.*?)(?=^## |\Z)", changelog, re.DOTALL | re.MULTILINE)
    return found[1].strip() if found else ""
