"""The action provision as a workflow declares it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.inputs import table
from refresh.output import provision_outputs
from tests.composite.steps import ACTION, PROVISION, RELEASE
from tests.fakes import canaries

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.composite.steps import Job
    from tests.fakes.world import World

DECLARED: dict[str, Any] = yaml.safe_load(PROVISION.read_text())
STEPS: list[dict[str, Any]] = DECLARED["runs"]["steps"]
OFFLINE = {"PIP_NO_INDEX": "1"}
"""A runner on which pip can install nothing."""
OURS = {"manifest": PROVISION}
BAD = {"name": "*", "count": "0", "usage_class": "reserved", "if_unavailable": "self-hosted", "mode": "release"}

# Packages are installed for real.
pytestmark = [pytest.mark.xdist_group("composite"), pytest.mark.timeout(600)]


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


def test_bad_inputs_end_provision_with_exit_code_2(job: Callable[..., Job], world: World, release: Path) -> None:
    refused = job(release, OFFLINE, runner=OURS, **BAD)
    assert (refused.code, refused.used) == (2, []), refused.printed
    for name in BAD:
        assert f"::error title={name.replace('_', '-')}::" in refused.printed, name
    assert (world.aws.calls, world.github.calls) == ([], [])
    assert canaries.PAT not in refused.printed
