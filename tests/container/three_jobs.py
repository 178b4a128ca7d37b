"""The README's workflow that uses a pool: provision, build and release, adapted to a machine without GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from tests import pages
from tests.container import workflow

if TYPE_CHECKING:
    from collections.abc import Mapping

BUILD = "build"


def of_the_readme() -> dict[str, Any]:
    """Read the three jobs that the README shows."""
    (block,) = [each for each in pages.blocks(pages.page("README.md"), "yaml") if "refresh-action/provision@" in each]
    jobs: dict[str, Any] = yaml.safe_load(block)
    return jobs


def adapted(jobs: Mapping[str, Any], environ: Mapping[str, str], steps: tuple[str, ...] = ()) -> dict[Any, Any]:
    """Take the actions from the checkout and their surroundings from `env`; `steps` are added to the build."""
    made = {name: workflow.from_the_checkout(job) for name, job in jobs.items()}
    made[BUILD]["steps"] += [{"run": each} for each in steps]
    return {"name": workflow.unique(), True: "push", "env": dict(environ), "jobs": made}
