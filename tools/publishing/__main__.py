"""The steps of a release.

python -m tools.publishing check VERSION                   check that the version can be released
python -m tools.publishing image VERSION                   build and push the image
python -m tools.publishing packages FOLDER                 make the packages of a release, or compare an existing FOLDER
python -m tools.publishing commit VERSION IMAGE PACKAGES   commit, tag, write the files; IMAGE and PACKAGES are digests
python -m tools.publishing publish VERSION IMAGE           push the tag, and publish the release
python -m tools.publishing dry-run VERSION                 do all of it on a clone, but only show the public steps
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tools.publishing import image, packages, publication, version
from tools.publishing.commands import CommandFailed, Commands, say
from tools.publishing.version import Version

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PLACEHOLDER = "org/refresh-action"
_NAMES_IT = ("tools/publishing", "tests/publishing")
"""Where the placeholder itself is meant."""
REPOSITORY = os.environ.get("GITHUB_REPOSITORY", PLACEHOLDER)
NAME = f"ghcr.io/{REPOSITORY.lower()}"


def check(wanted: Version) -> None:
    """Refuse a version that cannot be released, for all reasons together."""
    commands = Commands(ROOT, dry=False)
    found = [
        *version.problems(wanted, ROOT, publication.tags(commands)),
        *version.other_references(wanted, ROOT, REPOSITORY),
        *publication.moved(commands),
        *_placeholders(commands),
    ]
    if found:
        raise CommandFailed("\n".join(found))


def _placeholders(commands: Commands) -> Iterator[str]:
    """Report the files that still name the placeholder instead of this repository, its team or its pages."""
    if REPOSITORY == PLACEHOLDER:
        return
    owner, _, name = PLACEHOLDER.partition("/")
    placeholder = re.compile(rf"(?<![\w.-])(?:{PLACEHOLDER}|{owner}\.github\.io/{name})")
    listed = commands.ask("git", "ls-files", "--", ".", *(f":!{each}" for each in _NAMES_IT)).splitlines()
    if named := [path for path in listed if placeholder.search((ROOT / path).read_text(errors="ignore"))]:
        yield (
            f"{PLACEHOLDER} is in {len(named)} files ({', '.join(named[:3])}, ...); replace it by {REPOSITORY} "
            f"everywhere but in {' and '.join(_NAMES_IT)}"
        )


def build(wanted: Version) -> None:
    """Build and push the image, and write its digest to the step's outputs."""
    digest = image.push(Commands(ROOT, dry=False), NAME, wanted)
    say(f"{NAME}@{digest}")
    with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
        outputs.write(f"name={NAME}\ndigest={digest}\n")


def carry(folder: Path) -> None:
    """Make the packages, or compare existing ones, and write their digest to the step's outputs."""
    digest = packages.check(ROOT, folder) if folder.exists() else packages.write(ROOT, folder)
    say(f"{folder}: {digest}")
    if "GITHUB_OUTPUT" in os.environ:
        with Path(os.environ["GITHUB_OUTPUT"]).open("a") as outputs:
            outputs.write(f"digest={digest}\n")


def commit(wanted: Version, digest: str, carried: str) -> None:
    """Commit and tag, and write the files of the release."""
    commands = Commands(ROOT, dry=False)
    for problem in publication.moved(commands):
        raise CommandFailed(problem)
    publication.commit(commands, wanted, f"{NAME}@{digest}", carried)
    publication.write_files(commands, REPOSITORY, wanted, carried)


def publish(wanted: Version, digest: str) -> None:
    """Push the tag of the commit, and publish the release."""
    commands = Commands(ROOT, dry=False)
    listed = publication.tags(commands)
    for problem in publication.moved(commands, f"{wanted.tag}^"):
        raise CommandFailed(problem)
    publication.publish(commands, REPOSITORY, wanted, f"{NAME}@{digest}", listed)


def rehearse(wanted: Version) -> None:
    """Do all steps on a temporary clone; only show those that publish or sign."""
    with tempfile.TemporaryDirectory() as place:
        clone = Path(place) / "refresh-action"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)  # noqa: S603, S607 - our own
        if Commands(ROOT, dry=True).ask("git", "status", "--porcelain"):
            say("Uncommitted changes are left out.")
        commands = Commands(clone, dry=True)
        listed = publication.tags(commands)
        for problem in (*version.problems(wanted, clone, listed), *version.other_references(wanted, clone, REPOSITORY)):
            say(f"THE RELEASE WOULD BE REFUSED: {problem}")
        say("\n== Image\n")
        digest = image.try_out(commands, NAME, wanted)
        say(f"The digest below is that of this machine's image: {digest}")
        _show_push(commands, wanted, digest)
        say("\n== Packages, made twice\n")
        carried = packages.write(clone, Path(place) / "packages")
        say(f"{packages.CARRIED}: {carried}")
        say("\n== Commit and tag, in a clone\n")
        publication.commit(commands, wanted, f"{NAME}@{digest}", carried)
        commands.run("git", "show", "--format=%h %s%d", "--unified=0", wanted.tag, "--", "action.yml")
        commands.run("git", "show", "--format=", "--shortstat", wanted.tag)
        say("\n== Files of the release\n")
        publication.write_files(commands, REPOSITORY, wanted, carried)
        say(f"not run: the action actions/attest-build-provenance for {publication.FILES}/*")
        say("\n== Release\n")
        publication.publish(commands, REPOSITORY, wanted, f"{NAME}@{digest}", listed)
        say(f"\nNotes:\n\n{(clone / 'build' / 'notes.md').read_text()}")
    say("\nNothing was pushed, signed or attested.")


def _show_push(commands: Commands, wanted: Version, digest: str) -> None:
    say("\n== Push, signature, attestation\n")
    commands.publish(*image.build_command(commands, NAME, wanted))
    commands.publish("cosign", "sign", "--yes", f"{NAME}@{digest}")
    say(f"not run: the action actions/attest-build-provenance for {NAME}@{digest}")


def main(arguments: list[str]) -> int:
    """Run one step; report each error on a line."""
    try:
        match arguments:
            case ["check", text]:
                check(Version.parse(text))
            case ["image", text]:
                build(Version.parse(text))
            case ["packages", folder]:
                carry(Path(folder))
            case ["commit", text, digest, carried]:
                commit(Version.parse(text), digest, carried)
            case ["publish", text, digest]:
                publish(Version.parse(text), digest)
            case ["dry-run", text]:
                rehearse(Version.parse(text))
            case _:
                say(__doc__ or "")
                return 2
    except (CommandFailed, ValueError) as failure:
        say("".join(f"error: {line}\n" for line in str(failure).splitlines()).rstrip())
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
