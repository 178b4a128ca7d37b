"""The quick start's refresh workflow, run by a client that is not ours."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import yaml

from refresh.inputs.table import SECRETS
from tests import suites
from tests.container import workflow
from tests.fakes import canaries
from tests.fakes.literals import OUTPUTS, TEN_BAD_INPUTS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.world import World

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(900)]

Acted = tuple[int, str, dict[str, str]]


@pytest.fixture
def acted(engine: None, image: str, world: World, tmp_path: Path) -> Callable[..., Acted]:  # noqa: ARG001 - must be there
    """Give a way to run the workflow: exit code, all that was printed, and the outputs as the next step sees them."""
    if not shutil.which("act"):
        suites.leave_out("the quick start's workflow is run by act, and there is no act command")

    def run(**changed: str) -> Acted:
        folder = tmp_path / f"checkout{len(list(tmp_path.iterdir()))}"
        given = {
            # Where AWS is played, and what GitHub gives a job that may ask for OIDC tokens.
            "AWS_ENDPOINT_URL": world.aws.url,
            **world.github.offered,
        }
        inputs = {name: value for name, value in world.inputs.items() if name not in SECRETS} | changed
        made = workflow.adapted(workflow.of_the_quick_start(), given, inputs)
        done = workflow.run(folder, made, str(world.repository), world.github.url)
        left = folder / "outputs.json"
        return done.returncode, done.stdout + done.stderr, json.loads(left.read_text()) if left.exists() else {}

    return run


def test_the_workflow_differs_from_the_quick_start_only_in_its_surroundings() -> None:
    """Trigger, where the action comes from, its surroundings and inputs, and a step that looks."""
    shown = workflow.of_the_quick_start()
    made = workflow.adapted(shown, {"AWS_ENDPOINT_URL": "x"}, {"ami": "ami-1"})
    assert {key for key in made if made[key] != shown[key]} == {True, "jobs"}
    job, shown_job = made["jobs"]["refresh"], shown["jobs"]["refresh"]
    assert {key for key in job if job[key] != shown_job[key]} == {"steps"}
    assert (job["steps"][0], job["steps"][2]) == (workflow.CHECKOUT, workflow.NEXT_STEP)
    action, shown_action = job["steps"][1], shown_job["steps"][0]
    assert {key for key in action if action[key] != shown_action.get(key)} == {"id", "uses", "env", "with"}
    assert {key for key in action["with"] if action["with"][key] != shown_action["with"].get(key)} == {"ami"}
    assert set(action["with"]) == set(shown_action["with"])
    assert yaml.safe_load(yaml.safe_dump(made)) == made


def test_act_runs_the_workflow_on_an_empty_account_and_again_and_as_a_plan(
    acted: Callable[..., Acted], world: World
) -> None:
    """Everything is created, then nothing changes, then a plan reports; the next step reads every output."""
    code, printed, created = acted()
    assert code == 0, printed
    assert set(created) == set(OUTPUTS)
    assert created["changed"] == "true"
    assert "next step: changed=true" in printed
    assert "Runner pool refresh: changed" in printed
    for secret in (canaries.PAT, canaries.REGISTRATION, canaries.REQUEST, canaries.ID_TOKEN):
        assert secret not in printed
    assert world.aws.counted()["sts:AssumeRoleWithWebIdentity"] == 1
    world.forget_calls()
    code, printed, unchanged = acted()
    assert (code, unchanged["changed"], unchanged["plan"]) == (0, "false", "[]"), printed
    assert world.aws.writes == []
    assert world.github.calls == ["GET /id-token?api-version=2.0&audience=sts.amazonaws.com"]
    world.forget_calls()
    code, printed, planned = acted(mode="plan", **{"max-idle-time": "9m"})
    assert (code, planned["drift"], world.aws.writes) == (0, "true", []), printed


def test_act_shows_every_problem_of_bad_input(acted: Callable[..., Acted], world: World) -> None:
    """As annotations, and nothing is called."""
    bad = {name.replace("_", "-"): value for name, value in TEN_BAD_INPUTS.items() if name != "github_token"}
    code, printed, _ = acted(**bad)
    assert code != 0
    for name in bad:
        assert f"::error title={name}::" in printed, printed
    assert (world.aws.calls, world.github.calls) == ([], [])
