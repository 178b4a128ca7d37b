"""Jobs that use the composite actions against the emulators."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

import pytest

from tests.composite.steps import Job
from tests.fakes.literals import lay
from tests.fakes.world import ROOT
from tools.publishing import packages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.world import World

SURROUNDINGS = (
    "AWS_REGION",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL",
    "GITHUB_API_URL",
    "GITHUB_REPOSITORY",
    "GITHUB_SERVER_URL",
    "GITHUB_RUN_ID",
)
"""What the job and GitHub set; the action sets everything else."""


_OF_THE_ACTION = ("entrypoint.py", "composite", "provision", "release", "refresh", "requirements")


@pytest.fixture(scope="session")
def branch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the action as a commit of the branch has it."""
    return _checkout(tmp_path_factory.mktemp("branch"))


@pytest.fixture(scope="session")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the action as the commit of a release has it."""
    folder = _checkout(tmp_path_factory.mktemp("release"))
    packages.write(ROOT, folder / packages.CARRIED)
    return folder


def _checkout(folder: Path) -> Path:
    without = shutil.ignore_patterns("__pycache__", "packages")
    for name in _OF_THE_ACTION:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=without)
        else:
            shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def job(world: World, tmp_path: Path) -> Callable[..., Job]:
    """Give a way to run jobs with the pool's inputs, each in folders of its own."""
    started: list[Job] = []

    def run(
        action: Path,
        variables: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
        runner: dict[str, Any] | None = None,
        **changed: str,
    ) -> Job:
        environ = world.environ()
        given = {name: environ[name] for name in SURROUNDINGS} | (variables or {})
        inputs = world.inputs | {name.replace("_", "-"): value for name, value in changed.items()}
        each = Job(tmp_path / f"job{len(started)}", action, given, inputs, **(runner or {}))
        started.append(each)
        lay(files or {}, each.folder)
        return each.run()

    return run
