"""Jobs that use the composite action against the emulators."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.composite.steps import Job
from tests.fakes.literals import lay

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
"""What the job and GitHub set; everything else is the action's own business."""


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cache that is empty at first and that jobs share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def job(world: World, tmp_path: Path, cache: Path) -> Callable[..., Job]:
    """Give a way to run jobs with the pool's inputs, each in folders of its own."""
    started: list[Job] = []

    def run(
        variables: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
        own_cache: Path | None = None,
        **changed: str,
    ) -> Job:
        environ = world.environ()
        given = {name: environ[name] for name in SURROUNDINGS} | (variables or {})
        inputs = world.inputs | {name.replace("_", "-"): value for name, value in changed.items()}
        each = Job(tmp_path / f"job{len(started)}", own_cache or cache, given, inputs)
        started.append(each)
        lay(files or {}, each.folder)
        return each.run()

    return run
