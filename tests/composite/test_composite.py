"""The composite action: the same action without Docker."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh import inputs
from tests.composite.steps import ACTION
from tests.fakes import canaries
from tests.fakes.literals import HOSTILE_FILES, OUTPUTS, TEN_BAD_INPUTS
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.composite.steps import Job
    from tests.fakes.world import World

COMPOSITE: dict[str, Any] = yaml.safe_load(ACTION.read_text())
CONTAINER: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = COMPOSITE["runs"]["steps"]

# The packages are installed once, for real.
pytestmark = [pytest.mark.xdist_group("composite"), pytest.mark.timeout(600)]


def test_both_actions_have_the_same_inputs_and_outputs() -> None:
    """Word for word, in the same order."""
    assert list(COMPOSITE["inputs"].items()) == list(CONTAINER["inputs"].items())
    described = {name: {"description": each["description"]} for name, each in COMPOSITE["outputs"].items()}
    assert list(described.items()) == list(CONTAINER["outputs"].items())
    assert (COMPOSITE["description"], COMPOSITE["branding"]) == (CONTAINER["description"], CONTAINER["branding"])


def test_every_input_reaches_the_program_and_every_output_comes_back() -> None:
    """A composite action passes neither on by itself."""
    passed = {name: value for name, value in STEPS[-1]["env"].items() if name.startswith("INPUT_")}
    assert passed == {f"INPUT_{name.upper().replace('-', '_')}": "${{ inputs." + name + " }}" for name in inputs.ALL}
    given = {name: each["value"] for name, each in COMPOSITE["outputs"].items()}
    assert given == {name: "${{ steps.refresh.outputs." + name + " }}" for name in OUTPUTS}


def test_no_expression_is_pasted_into_a_script() -> None:
    """An input would become shell."""
    assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]


def test_other_actions_are_pinned_by_their_commit() -> None:
    """A tag can be moved; the version stands beside it."""
    used = re.findall(r"uses: (.*)", ACTION.read_text())
    assert len(used) == 2
    for each in used:
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", each), each


def test_its_python_is_the_containers() -> None:
    """One version is tested, one is used."""
    (version,) = re.findall(r"^ARG BASE_IMAGE=python:([\d.]+)-slim$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert STEPS[0]["with"] == {"python-version": version, "update-environment": False}


def test_its_steps_refresh_a_pool_and_install_nothing_twice(
    job: Callable[..., Job], world: World, tmp_path: Path
) -> None:
    """On an empty account everything is created; the next job finds the packages and changes nothing."""
    created = job(own_cache=tmp_path / "cache")
    assert created.code == 0, created.printed
    assert created.installed
    assert (created.result["changed"], created.result["failed-components"]) == ("true", "[]")
    assert tuple(created.result) == OUTPUTS
    assert not [line for line in created.printed.splitlines() if canaries.PAT in line and "::add-mask::" not in line]
    world.forget_calls()
    again = job(own_cache=tmp_path / "cache")
    assert (again.code, again.installed) == (0, False), again.printed
    assert (again.result["changed"], world.aws.writes) == ("false", [])


def test_a_hostile_checkout_and_home_change_nothing(job: Callable[..., Job], world: World) -> None:
    """Neither for the installation nor for the run."""
    assert job().code == 0
    world.forget_calls()
    hostile = {**HOSTILE_FILES, "workspace/pip/__init__.py": HOSTILE_FILES["workspace/attr.py"]}
    done = job({"PYTHONPATH": ".", "PYTHONSTARTUP": "attr.py"}, hostile)
    assert done.code == 0, done.printed
    assert world.aws.writes == []


def test_ten_bad_inputs_end_it_with_exit_code_2(job: Callable[..., Job], world: World) -> None:
    """As in the container."""
    refused = job(**TEN_BAD_INPUTS)
    assert refused.code == 2
    for name in TEN_BAD_INPUTS:
        assert f"::error title={name.replace('_', '-')}::" in refused.printed, name
    assert world.aws.calls == []
