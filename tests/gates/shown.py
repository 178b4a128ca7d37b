"""Writes files for linters: the workflows on the pages and the shell of the composite actions' steps."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from tests import pages

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
COMPOSITE = ("composite", "provision", "release")
"""The folders of the composite actions."""


def workflows() -> Iterator[tuple[str, str]]:
    """Yield each whole workflow of the examples, README.md and the pages below docs/, with a file name."""
    for path in sorted(ROOT.glob("docs/examples/*.yml")):
        yield path.relative_to(ROOT).as_posix().replace("/", "-"), path.read_text()
    for page in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))):
        for number, block in enumerate(pages.blocks(page.read_text(), "ya?ml")):
            if re.search(r"^jobs:", block, re.MULTILINE):
                yield f"{page.relative_to(ROOT).with_suffix('').as_posix().replace('/', '-')}-{number}.yml", block


def steps() -> Iterator[tuple[str, str]]:
    """Yield the shell of each step of the composite actions, with a file name."""
    for folder in COMPOSITE:
        for number, step in enumerate(yaml.safe_load((ROOT / folder / "action.yml").read_text())["runs"]["steps"]):
            if "run" in step:
                yield f"{folder}-{number}.sh", f"#!/usr/bin/env {step['shell']}\n{step['run']}"


def write(folder: Path) -> None:
    """Empty a folder and write them into it: workflows into .github/workflows, steps into `steps`."""
    shutil.rmtree(folder, ignore_errors=True)
    for place, files in ((folder / ".github" / "workflows", workflows()), (folder / "steps", steps())):
        place.mkdir(parents=True)
        for name, text in files:
            (place / name).write_text(text)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
