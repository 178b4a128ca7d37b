"""The reusable workflow as its page calls it, run by a client that is not ours."""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.pool import lifecycle
from tests import pages
from tests.container import workflow
from tests.container.acted import Acted
from tests.fakes.github_server import job
from tests.fakes.releasing import RUN
from tests.instance import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.agents import Agents
    from tests.fakes.provisioning import ProvisionWorld

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]

CALLED = ".github/workflows/job.yml"
HIDDEN = "value-that-no-log-may-show"
"""The value of each variable of the secret `environment`."""


def caller(script: str) -> dict[Any, Any]:
    """Read the workflow of the page, with this script, its secrets' values, and the called workflow of the checkout."""
    (block,) = pages.blocks(pages.page("docs/reusable-workflow.md"), "yaml")
    made: dict[Any, Any] = yaml.safe_load(block)
    (test,) = made["jobs"].values()
    assert test["uses"] == f"org/refresh-action/{CALLED}@v1"
    lines = re.sub(r"\$\{\{ secrets\.\w+ \}\}", HIDDEN, test["secrets"]["environment"])
    changed = {"uses": f"./{CALLED}", "secrets": {"environment": lines}, "with": {**test["with"], "run": script}}
    made["jobs"] = {"test": {**test, **changed}}
    return {**made, "name": workflow.unique()}


def called(environ: dict[str, str]) -> dict[Any, Any]:
    """Take the actions from the checkout and their surroundings from `env`; all else is as users call it."""
    made: dict[Any, Any] = yaml.safe_load(pages.page(CALLED))
    whole = copy.deepcopy(made)
    for name in ("provision", "release"):
        made["jobs"][name] = workflow.from_the_checkout(made["jobs"][name])
        assert {key for key, each in made["jobs"][name].items() if each != whole["jobs"][name][key]} == {"steps"}
    return {**made, "env": environ}


@pytest.fixture
def agents(refreshed: ProvisionWorld, clients: Clients) -> Iterator[Agents]:
    """Give the agents of the pool's machines; each launched machine registers."""
    with refreshed.agents(clients) as agents:
        yield agents


@pytest.fixture
def called_by(checkout: Callable[[], Path], agents: Agents, world: ProvisionWorld) -> Callable[[str], Acted]:  # noqa: ARG001 - they must run
    """Give a way to run the page's workflow with a script to its end."""
    world.github.jobs[RUN] = [job(1, "test / job", RUN, status="completed")]

    def run(script: str) -> Acted:
        folder = checkout()
        (folder / CALLED).parent.mkdir(parents=True, exist_ok=True)
        made = called({"AWS_ENDPOINT_URL": world.aws.url, **world.github.offered})
        (folder / CALLED).write_text(re.sub(r"^true:", "'on':", yaml.safe_dump(made), flags=re.MULTILINE))
        return Acted(folder, machine.IMAGE, world).start(caller(script))

    return run


def test_the_script_runs_on_a_machine_with_variables_that_the_log_does_not_show(
    called_by: Callable[[str], Acted], world: ProvisionWorld, clients: Clients
) -> None:
    """In the repository, and the machine goes back to the pool."""
    script = f"""
      test -f provision/action.yml
      test "${{#NPM_TOKEN}} $DATABASE_PASSWORD" = "{len(HIDDEN)} $NPM_TOKEN"
      echo "shown: $NPM_TOKEN"
    """
    run = called_by(script)
    assert run.finish() == 0, run.printed
    assert "shown: ***" in run.printed
    assert HIDDEN not in run.printed
    assert [(each.state, each.last_run_id) for each in world.records(clients).values()] == [(lifecycle.IDLE, RUN)]


def test_a_script_that_fails_makes_the_job_red_and_the_machine_goes_back(
    called_by: Callable[[str], Acted], world: ProvisionWorld, clients: Clients
) -> None:
    """`bash -e` stops at the first command that fails."""
    run = called_by("echo begun; false; touch reached")
    assert run.finish() != 0
    assert "begun" in run.printed
    assert not (run.folder / "reached").exists()
    assert [(each.state, each.last_run_id) for each in world.records(clients).values()] == [(lifecycle.IDLE, RUN)]
