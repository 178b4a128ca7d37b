"""The commit whose action.yml names the image and which carries the packages, its tags, and the release."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tools.publishing import packages
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
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def tags(commands: Commands) -> list[str]:
    """List the tags of the repository that this one was cloned from."""
    listed = commands.ask("git", *_AS_GH, "ls-remote", "--tags", "--refs", "origin")
    return [line.rpartition("refs/tags/")[2] for line in listed.splitlines()]


def moved(commands: Commands) -> Iterator[str]:
    """Tell that the default branch has moved: GitHub refuses a tag of a workflow whose own files are no branch's."""
    newest = commands.ask("git", *_AS_GH, "ls-remote", "origin", "HEAD").partition("\t")[0]
    if newest != commands.ask("git", "rev-parse", "HEAD"):
        yield f"the default branch has moved on to {newest[:12]}: start the release again, from there"


def with_image(action: str, image: str) -> str:
    """Give action.yml with the image in the Dockerfile's place; raises `ValueError` where there is no such place."""
    changed, found = re.subn(r"^  image: Dockerfile$", f"  image: docker://{image}", action, flags=re.MULTILINE)
    if found != 1:
        raise ValueError("action.yml: one line `  image: Dockerfile` expected")
    return changed


def commit(commands: Commands, version: Version, image: str, expected: str) -> None:
    """Commit action.yml with the image's digest, and the packages, on no branch, and tag the commit.

    Raises `CommandFailed` where the packages are not those that another machine made, by its digest.
    """
    if not _DIGEST.fullmatch(image.rpartition("@")[2]):
        raise ValueError(f"an image by its digest expected, name@sha256:...; got {image[:120]!r}")
    made = packages.write(commands.folder, commands.folder / packages.CARRIED)
    if made != expected:
        raise CommandFailed(f"another machine made other packages: {made} here, {expected} there")
    action = commands.folder / "action.yml"
    action.write_text(with_image(action.read_text(), image))
    commands.run("git", "switch", "--quiet", "--detach")
    # They are ignored on the branch, which does not have them.
    commands.run("git", "add", "--force", "action.yml", str(packages.CARRIED))
    commands.run("git", *_BOT, "commit", "--quiet", "--no-verify", "--message", f"Release {version}")
    commands.run("git", *_BOT, "tag", version.tag)


def publish(commands: Commands, repository: str, version: Version, image: str, listed: list[str]) -> None:
    """Push the tag, publish the release, see that it is immutable, and only then move the floating tag."""
    address = f"https://github.com/{repository}"
    told = commands.folder / "build" / "notes.md"
    told.parent.mkdir(exist_ok=True)
    pinned = f"uses: {repository}@{commands.ask('git', 'rev-parse', version.tag)} # {version.tag}"
    told.write_text(f"{notes(version, commands.folder, address)}\n\n```yaml\n- {pinned}\n```\n")
    origin = f"{address}.git"
    _require_public(commands, image)
    commands.publish("git", *_AS_GH, "push", origin, f"refs/tags/{version.tag}")
    # A draft is published in a step of its own: GitHub locks a release at that moment.
    commands.publish(
        *("gh", "release", "create", version.tag, f"--repo={repository}", "--verify-tag", "--draft"),
        *(f"--title={version}", f"--notes-file={told}"),
    )
    latest = f"--latest={str(version.is_newest(listed, of_all=True)).lower()}"
    commands.publish("gh", "release", "edit", version.tag, f"--repo={repository}", "--draft=false", latest)
    _require_immutable(commands, repository, version)
    if version.is_newest(listed):
        commands.run("git", *_BOT, "tag", "--force", version.floating_tag, version.tag)
        commands.publish("git", *_AS_GH, "push", "--force", origin, f"refs/tags/{version.floating_tag}")
    else:
        say(f"{version.floating_tag} stays where it is: there is a newer version")
    say(f"Left to do by hand: on {address}/releases, Edit, Publish this release to the GitHub Marketplace")


def _require_public(commands: Commands, image: str) -> None:
    """Look at the image as everybody: GitHub may keep a new package to its owner."""
    try:
        commands.publish("env", "DOCKER_CONFIG=/nowhere", "docker", "manifest", "inspect", image)
    except CommandFailed as failure:
        remedy = "make the package public (its settings, Change visibility), and start the release again"
        raise CommandFailed(f"{failure}\nthe image cannot be pulled by everybody: {remedy}") from None


def _require_immutable(commands: Commands, repository: str, version: Version) -> None:
    question = ("gh", "api", f"repos/{repository}/releases/tags/{version.tag}", "--jq=.immutable")
    if commands.dry:
        commands.publish(*question)
    elif commands.ask(*question) != "true":
        raise CommandFailed(
            f"{version.tag} can still be changed: switch on Settings, Releases, Enable release immutability, "
            f"delete the release and its tag, and start again. {version.floating_tag} was not moved"
        )
