"""The commit of a release, which names the image and has the packages, its files, tags and release on GitHub."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from tools.publishing import actions, bill, packages
from tools.publishing.commands import CommandFailed, say
from tools.publishing.version import notes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.publishing.commands import Commands
    from tools.publishing.version import Version

_BOT = (
    *("-c", "user.name=github-actions[bot]", "-c", "user.email=41898282+github-actions[bot]@users.noreply.github.com"),
    *("-c", "commit.gpgsign=false", "-c", "tag.gpgsign=false"),
)
_AS_GH = ("-c", "credential.helper=", "-c", "credential.helper=!gh auth git-credential")
FILES = Path("build") / "release"
"""The files of a release. The workflow attests them before they are published."""
_NOTES = Path("build") / "notes.md"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def tags(commands: Commands) -> list[str]:
    """List the tags of the origin."""
    listed = commands.ask("git", *_AS_GH, "ls-remote", "--tags", "--refs", "origin")
    return [line.rpartition("refs/tags/")[2] for line in listed.splitlines()]


def moved(commands: Commands, released: str = "HEAD") -> Iterator[str]:
    """Report a default branch that has moved: GitHub refuses a tag whose workflow files are on no branch."""
    newest = commands.ask("git", *_AS_GH, "ls-remote", "origin", "HEAD").partition("\t")[0]
    if newest != commands.ask("git", "rev-parse", released):
        yield f"the default branch has moved on to {newest[:12]}: start the release again from that commit"


def with_image(action: str, image: str) -> str:
    """Return action.yml with the image in place of the Dockerfile; raise `ValueError` if it names no Dockerfile."""
    changed, found = re.subn(r"^  image: Dockerfile$", f"  image: docker://{image}", action, flags=re.MULTILINE)
    if found != 1:
        raise ValueError("action.yml: exactly one line `  image: Dockerfile` expected")
    return changed


def commit(commands: Commands, version: Version, image: str, expected: str) -> None:
    """Commit action.yml with the image's digest and the packages, on no branch, and tag the commit.

    Raises `CommandFailed` if the packages differ from those that another machine made.
    """
    if not _DIGEST.fullmatch(image.rpartition("@")[2]):
        raise ValueError(f"an image by its digest expected, name@sha256:...; got {image[:120]!r}")
    made = packages.write(commands.folder, commands.folder / packages.CARRIED)
    if made != expected:
        raise CommandFailed(f"the packages differ from those of another machine: {made} here, {expected} there")
    action = commands.folder / "action.yml"
    action.write_text(with_image(action.read_text(), image))
    commands.run("git", "switch", "--quiet", "--detach")
    # .gitignore excludes the packages, because the branch does not have them.
    commands.run("git", "add", "--force", "action.yml", str(packages.CARRIED))
    commands.run("git", *_BOT, "commit", "--quiet", "--no-verify", "--message", f"Release {version}")
    actions.start(commands)
    commands.run("git", *_BOT, "tag", version.tag)


def write_files(commands: Commands, repository: str, version: Version, digest: str) -> None:
    """Write the files of a release: its commit as an archive, and the bill of materials of the packages."""
    folder, name = commands.folder / FILES, f"refresh-action-{version}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    archive = FILES / f"{name}.tar.gz"
    commands.run("git", "archive", "--format=tar.gz", f"--prefix={name}/", f"--output={archive}", version.tag)
    made = commands.ask("git", "show", "--no-patch", "--format=%cI", version.tag)
    listed = bill.text(commands.folder / packages.CARRIED, repository, version, digest, made)
    (folder / f"{name}.cdx.json").write_text(listed)
    for each in sorted(folder.iterdir()):
        say(f"{FILES / each.name}: {each.stat().st_size / 1e3:.0f} kB")


def publish(commands: Commands, repository: str, version: Version, image: str, listed: list[str]) -> None:
    """Push the tag, publish the release, check that it is immutable, and only then move the floating tag."""
    address = f"https://github.com/{repository}"
    pinned = f"uses: {repository}@{commands.ask('git', 'rev-parse', version.tag)} # {version.tag}"
    (commands.folder / _NOTES).write_text(f"{notes(version, commands.folder, address)}\n\n```yaml\n- {pinned}\n```\n")
    origin = f"{address}.git"
    files = sorted(str(FILES / each.name) for each in (commands.folder / FILES).iterdir())
    _require_public(commands, image)
    commands.publish("git", *_AS_GH, "push", origin, f"refs/tags/{version.tag}")
    # The draft is published in a separate step, because GitHub locks the release and its files at that moment.
    commands.publish(
        *("gh", "release", "create", version.tag, f"--repo={repository}", "--verify-tag", "--draft"),
        *(f"--title={version}", f"--notes-file={_NOTES}", *files),
    )
    latest = f"--latest={str(version.is_newest(listed, of_all=True)).lower()}"
    commands.publish("gh", "release", "edit", version.tag, f"--repo={repository}", "--draft=false", latest)
    _require_immutable(commands, repository, version)
    if version.is_newest(listed):
        commands.run("git", *_BOT, "tag", "--force", version.floating_tag, version.tag)
        commands.publish("git", *_AS_GH, "push", "--force", origin, f"refs/tags/{version.floating_tag}")
    else:
        say(f"{version.floating_tag} does not move, because there is a newer version")
    say(f"Left to do by hand: {address}/releases, Edit, Publish this release to the GitHub Marketplace")


def _require_public(commands: Commands, image: str) -> None:
    """Read the image without credentials, because GitHub may keep a new package private."""
    try:
        commands.publish("env", "DOCKER_CONFIG=/nowhere", "docker", "manifest", "inspect", image)
    except CommandFailed as failure:
        remedy = "make the package public (its settings, Change visibility), and start the release again"
        raise CommandFailed(f"{failure}\nthe image cannot be pulled without credentials: {remedy}") from None


def _require_immutable(commands: Commands, repository: str, version: Version) -> None:
    question = ("gh", "api", f"repos/{repository}/releases/tags/{version.tag}", "--jq=.immutable")
    if commands.dry:
        commands.publish(*question)
    elif commands.ask(*question) != "true":
        raise CommandFailed(
            f"{version.tag} can still be changed: enable Settings, Releases, Enable release immutability, "
            f"delete the release and its tag, and start again. {version.floating_tag} was not moved"
        )
