"""The action release as a job uses it, from the commit of a release and from a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.inputs import table
from refresh.output import release_outputs
from tests.composite.steps import ACTION, RELEASE
from tests.fakes import canaries
from tests.fakes.world import in_minutes

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.composite.steps import Job
    from tests.fakes.world import World

DECLARED: dict[str, Any] = yaml.safe_load(RELEASE.read_text())
STEPS: list[dict[str, Any]] = DECLARED["runs"]["steps"]
OFFLINE = {"PIP_NO_INDEX": "1"}
"""A runner on which pip can install nothing."""
OURS = {"manifest": RELEASE}
BAD = {"name": "a-b", "run_id": "7/x", "reuse": "maybe", "mode": "provision"}

# Packages are installed for real.
pytestmark = [pytest.mark.xdist_group("composite"), pytest.mark.timeout(600)]


@pytest.fixture
def machine(world: World) -> str:
    """Give a machine that works for the run 77, as its agent records it."""
    world.settle()
    clients = world.clients()
    (identifier,) = world.launch(clients, 1)
    world.record(clients, identifier, state="running", runId="77", threshold=in_minutes(20))
    world.forget_calls()
    return identifier


def test_every_input_reaches_release_and_every_output_comes_back() -> None:
    """A composite action passes neither on by itself."""
    passed = {name: value for name, value in STEPS[-1]["env"].items() if name.startswith("INPUT_")}
    names = [each.name for each in table.of(table.RELEASE)]
    assert passed == {f"INPUT_{name.upper().replace('-', '_')}": "${{ inputs." + name + " }}" for name in names}
    given = {name: each["value"] for name, each in DECLARED["outputs"].items()}
    assert given == {each.name: "${{ steps.release.outputs." + each.name + " }}" for each in release_outputs.OUTPUTS}


def test_it_starts_as_the_composite_form_of_refresh_does() -> None:
    """The same script, the same Python; only refresh looks for the packages of an App's key."""
    theirs = yaml.safe_load(ACTION.read_text())["runs"]["steps"]
    look, *others = theirs
    del look["env"]["INPUT_GITHUB_APP_ID"]
    for step in theirs:
        if "env" in step:
            step["env"]["LAUNCH"] = "${{ github.action_path }}/../composite/launch.sh"
    assert STEPS[:2] == [look, others[0]]
    assert STEPS[-1]["run"] == others[-1]["run"].replace("refresh", "release")


@pytest.mark.shows("A31")
def test_no_input_of_release_is_pasted_into_a_script() -> None:
    """It would become shell."""
    assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]


def test_a_release_s_commit_gives_a_machine_back_and_installs_nothing(
    job: Callable[..., Job], world: World, release: Path, machine: str
) -> None:
    """With the workflow's own token, by the runner's own Python, in one job."""
    done = job(release, OFFLINE, runner=OURS)
    assert done.code == 0, done.printed
    assert (done.used, list((done.folder / "temp").iterdir())) == ([], [])
    assert (done.result["released-count"], done.result["instance-ids"]) == ("1", f'["{machine}"]')
    assert tuple(done.result) == tuple(each.name for each in release_outputs.OUTPUTS)
    assert not [line for line in done.printed.splitlines() if canaries.PAT in line and "::add-mask::" not in line]
    world.forget_calls()
    again = job(release, OFFLINE, runner=OURS)
    assert (again.code, again.result["released-count"], world.aws.writes) == (0, "0", []), again.printed


def test_other_commits_install_packages_for_release_by_hash(
    job: Callable[..., Job], branch: Path, machine: str
) -> None:
    done = job(branch, runner=OURS)
    assert (done.code, done.result["instance-ids"]) == (0, f'["{machine}"]'), done.printed
    (installed,) = (done.folder / "temp").iterdir()
    assert (installed / "botocore").is_dir()


@pytest.mark.parametrize("python", ["false", ""], ids=["too old", "own"])
def test_bad_inputs_end_release_with_exit_code_2(
    job: Callable[..., Job], world: World, release: Path, python: str
) -> None:
    """By the runner's own Python, or by the one that is set up."""
    refused = job(release, OFFLINE, runner=OURS | ({"python": python} if python else {}), **BAD)
    assert (refused.code, refused.used) == (2, ["actions/setup-python"] if python else []), refused.printed
    for name in BAD:
        assert f"::error title={name.replace('_', '-')}::" in refused.printed, name
    assert (world.aws.calls, world.github.calls) == ([], [])
