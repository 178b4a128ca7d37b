"""A small repository that is ready for 1.2.3, and stand-ins for Docker, GitHub's CLI and cosign."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
MANIFESTS = ("action.yml", "composite/action.yml", "provision/action.yml", "release/action.yml")
JOB, USED = ".github/workflows/job.yml", "Org/refresh-action/provision"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
DOCKER = f"""\
#!/bin/sh
echo "docker $*" >>"$LOG"
case "$*" in
*--metadata-file=*) mkdir -p build; echo '{{"containerimage.digest": "{DIGEST}"}}' >build/image.json ;;
'image inspect'*) echo {DIGEST} 60000000 ;;
run*) exit "${{STARTED:-2}}" ;;
manifest*) exit "${{PRIVATE:-0}}" ;;
esac
"""
GH = """\
#!/bin/sh
echo "gh $*" >>"$LOG"
case "$1" in api) echo "${IMMUTABLE:-true}" ;; esac
"""


# It can be started only with the packages of the commit.
PROGRAM = """\
import sys
import nacl, six
sys.exit(2 if sys.argv[1:] else 1)
"""
OTHER_PACKAGES = f"sha256:{'fedcba9876543210' * 4}"
Run = Callable[..., tuple[int, str]]
"""Runs a step: exit code and what it said."""


def locked(*names: str) -> str:
    """Give the lines of these packages: one that is carried, one that is compiled, one that is not used."""
    each = re.split(r"\n(?=[a-z])", (ROOT / "requirements" / "runtime.txt").read_text())
    return "\n".join(lines for lines in each if lines.partition("==")[0] in names)


def lay(path: Path, text: str) -> None:
    """Write a file into a new folder."""
    path.parent.mkdir()
    path.write_text(f"{text}\n")


def git(folder: Path, *words: str) -> str:
    """Run git in a folder, and give its output."""
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org", "-c", "commit.gpgsign=false")
    command = ["git", "-C", str(folder), *identity, *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - git


def published(run: Run, packages: str, **variables: str) -> tuple[int, str]:
    """Commit and publish, as the workflow does."""
    code, told = run("commit", "1.2.3", DIGEST, packages, **variables)
    return (code, told) if code else run("publish", "1.2.3", DIGEST, **variables)


def called(tmp_path: Path) -> list[str]:
    """Give the commands that the stand-ins were started with."""
    log = tmp_path / "log"
    return log.read_text().splitlines() if log.exists() else []


def tags(tmp_path: Path) -> dict[str, str]:
    """Give the tags of the repository on GitHub, with what their commits say of the image."""
    origin = tmp_path / "origin.git"
    return {
        tag: re.findall(r"^  image: (.*)$", git(origin, "show", f"{tag}:action.yml"), re.MULTILINE)[0]
        for tag in git(origin, "tag").split()
    }
