"""The quick start's workflow that uses a pool: provision, build and release, adapted to a machine without GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.container import workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD = "build"


def of_the_quick_start() -> dict[str, Any]:
    """Read the three jobs that the quick start shows."""
    jobs: dict[str, Any] = workflow.of_the_quick_start(1)["jobs"]
    return jobs


def adapted(jobs: Mapping[str, Any], environ: Mapping[str, str], steps: tuple[str, ...] = ()) -> dict[Any, Any]:
    """Take the actions from the checkout and their surroundings from `env`; `steps` are added to the build."""
    made = {name: workflow.from_the_checkout(job) for name, job in jobs.items()}
    made[BUILD]["steps"] += [{"run": each} for each in steps]
    return {"name": workflow.unique(), True: "push", "env": dict(environ), "jobs": made}
