"""python -m tools.bench.agent: measure what the agent costs on an instance, for one state of the project or several.

Each state is a folder with the whole project (a worktree). Its own refresh writes the launch template, and its own
tests/instance/Dockerfile is the instance, in a container. AWS, GitHub and the runner are stand-ins. It judges nothing:
docs/performance.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.fakes import instance_items
from tests.fakes.aws_server import AwsServer
from tests.fakes.github_server import GitHubServer
from tests.fakes.provisioning import ProvisionWorld
from tests.fakes.world import ROOT, inherited
from tests.instance import machine
from tests.instance.surroundings import Surroundings
from tools.bench.lives import Lives, Measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main() -> int:
    """Measure the states that are asked for."""
    asked = _arguments()
    measured: dict[str, Measured] = {}
    for given in asked.state:
        name, _, folder = given.rpartition("=")
        measured[name or "this state"] = _measure(Path(folder).resolve(), asked)
    if asked.json:
        asked.json.write_text(json.dumps({name: each.figures for name, each in measured.items()}, indent=2) + "\n")
    print(table(measured))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tools.bench.agent", description=__doc__)
    parser.add_argument("state", nargs="*", default=[f"={ROOT}"], help="NAME=FOLDER of a worktree [this one]")
    parser.add_argument("--seconds", type=float, default=60, help="how long to watch an idle and a working agent [60]")
    parser.add_argument("--claims", type=int, default=10, help="claims with each config.sh [10]")
    parser.add_argument("--boots", type=int, default=5, help="[5]")
    parser.add_argument("--json", type=Path, help="file for the figures")
    return parser.parse_args()


def _measure(tree: Path, asked: argparse.Namespace) -> Measured:
    """Measure one state; what happens is written to stderr."""
    image = f"{machine.IMAGE}-of-{tree.name}"
    machine.build(image, tree / "tests" / "instance")
    with AwsServer() as aws, GitHubServer() as github, Surroundings(aws.sessions) as surroundings:
        world = ProvisionWorld(aws, github)
        # As on a GitHub Enterprise Server, which keeps the archives itself.
        world.server_url = surroundings.url
        github.answers["downloads"] = surroundings.offered()
        _refresh(tree, world.environ())
        (surroundings.metadata.instance_id,) = world.launch(world.clients())
        surroundings.metadata.tags = dict(instance_items.PROVISION_TAGS)
        with tempfile.TemporaryDirectory() as folder:
            lives = Lives(world, surroundings, Path(folder), image)
            return lives.measured(asked.seconds, asked.claims, asked.boots)


def _refresh(tree: Path, environ: Mapping[str, str]) -> None:
    """Bring the pool to the state that this project's refresh wants."""
    command = [sys.executable, str(tree / "entrypoint.py")]
    ran = subprocess.run(  # noqa: S603 - our own entrypoint
        command, check=False, capture_output=True, text=True, cwd=tree, env={**inherited(), **environ}
    )
    if ran.returncode:
        sys.exit(f"refresh of {tree} failed:\n{ran.stdout}{ran.stderr}")


def table(measured: Mapping[str, Measured]) -> str:
    """Lay out the figures of all states, one column each."""
    rows: list[Sequence[str]] = [["", *measured], ["---", *("---:" for _ in measured)]]
    figures = dict.fromkeys(name for each in measured.values() for name in each.figures)
    rows += [[name, *(each.shown(name) for each in measured.values())] for name in figures]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + f"\n\nLoad of the machine at the end: {load}."


if __name__ == "__main__":
    sys.exit(main())
