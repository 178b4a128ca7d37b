"""The action provision as a job uses it, from the commit of a release and from a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.inputs import table
from refresh.output import provision_outputs
from tests.composite.steps import ACTION, PROVISION, RELEASE
from tests.fakes import canaries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from refresh.ports import Clients
    from tests.composite.steps import Job
    from tests.fakes.provisioning import ProvisionWorld
    from tests.fakes.world import World

DECLARED: dict[str, Any] = yaml.safe_load(PROVISION.read_text())
STEPS: list[dict[str, Any]] = DECLARED["runs"]["steps"]
OFFLINE = {"PIP_NO_INDEX": "1"}
"""A runner on which pip can install nothing."""
OURS = {"manifest": PROVISION}
BAD = {"name": "*", "count": "0", "usage_class": "reserved", "if_unavailable": "self-hosted", "mode": "release"}

# Packages are installed for real.
pytestmark = [pytest.mark.xdist_group("composite"), pytest.mark.timeout(600)]


@pytest.fixture
def machine(refreshed: ProvisionWorld, clients: Clients) -> Iterator[str]:
    """Give a machine that waits for a run, and registers as soon as it is claimed."""
    (identifier,) = refreshed.ready(clients)
    refreshed.forget_calls()
    with refreshed.agents(clients):
        yield identifier


def test_every_input_reaches_provision_and_every_output_comes_back() -> None:
    """A composite action passes neither on by itself."""
    passed = {name: value for name, value in STEPS[-1]["env"].items() if name.startswith("INPUT_")}
    names = [each.name for each in table.of(table.PROVISION)]
    assert passed == {f"INPUT_{name.upper().replace('-', '_')}": "${{ inputs." + name + " }}" for name in names}
    given = {name: each["value"] for name, each in DECLARED["outputs"].items()}
    expected = {each.name: "${{ steps.provision.outputs." + each.name + " }}" for each in provision_outputs.OUTPUTS}
    assert given == expected


def test_it_starts_as_release_does() -> None:
    """The same script, the same Python."""
    theirs = yaml.safe_load(RELEASE.read_text())["runs"]["steps"]
    assert STEPS[:2] == theirs[:2]
    assert STEPS[-1]["run"] == theirs[-1]["run"].replace("release", "provision")
    assert yaml.safe_load(ACTION.read_text())["runs"]["steps"][1] == STEPS[1]


def test_it_needs_no_token_of_github() -> None:
    """It asks GitHub for nothing, so a job needs no permission but `id-token: write`."""
    assert "github-token" not in DECLARED["inputs"]
    assert "github.token" not in PROVISION.read_text()


@pytest.mark.shows("A31")
def test_no_input_of_provision_is_pasted_into_a_script() -> None:
    """It would become shell."""
    assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]


def test_a_release_s_commit_claims_a_machine_and_installs_nothing(
    job: Callable[..., Job], world: World, release: Path, machine: str
) -> None:
    """By the runner's own Python; started again, it keeps the machine, without a write to its record."""
    done = job(release, OFFLINE, runner=OURS)
    assert done.code == 0, done.printed
    assert (done.used, list((done.folder / "temp").iterdir())) == ([], [])
    assert (done.result["label"], done.result["labels"], done.result["available"]) == ("77", '["77"]', "true")
    assert (done.result["claimed-count"], done.result["instance-ids"]) == ("1", f'["{machine}"]')
    assert tuple(done.result) == tuple(each.name for each in provision_outputs.OUTPUTS)
    assert not [line for line in done.printed.splitlines() if "CANARY" in line and "::add-mask::" not in line]
    world.forget_calls()
    again = job(release, {**OFFLINE, "GITHUB_RUN_ATTEMPT": "2"}, runner=OURS)
    assert (again.code, again.result["count"], again.result["claimed-count"]) == (0, "1", "0"), again.printed
    assert "dynamodb:UpdateItem" not in world.aws.calls


def test_other_commits_install_packages_for_provision_by_hash(
    job: Callable[..., Job], branch: Path, machine: str
) -> None:
    done = job(branch, runner=OURS)
    assert (done.code, done.result["instance-ids"]) == (0, f'["{machine}"]'), done.printed
    (installed,) = (done.folder / "temp").iterdir()
    assert (installed / "botocore").is_dir()


def test_a_runner_without_a_python_fails_provision_with_a_remedy(
    job: Callable[..., Job], world: World, release: Path
) -> None:
    """The runner has none that is new enough, and setup-python has none for it."""
    done = job(release, OFFLINE, runner={**OURS, "python": "false", "set_up": False})
    assert done.code == 1
    assert "::error title=python::" in done.printed
    assert world.aws.calls == []


@pytest.mark.parametrize("python", ["false", ""], ids=["too old", "own"])
def test_bad_inputs_end_provision_with_exit_code_2(
    job: Callable[..., Job], world: World, release: Path, python: str
) -> None:
    """By the runner's own Python, or by the one that is set up."""
    refused = job(release, OFFLINE, runner=OURS | ({"python": python} if python else {}), **BAD)
    assert (refused.code, refused.used) == (2, ["actions/setup-python"] if python else []), refused.printed
    for name in BAD:
        assert f"::error title={name.replace('_', '-')}::" in refused.printed, name
    assert (world.aws.calls, world.github.calls) == ([], [])
    assert canaries.PAT not in refused.printed
