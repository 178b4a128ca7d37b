"""The composite action: the same action without Docker."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh import inputs
from tests.composite.steps import ACTION
from tests.fakes import app, canaries
from tests.fakes.literals import HOSTILE_FILES, OUTPUTS, TEN_BAD_INPUTS
from tests.fakes.world import ROOT
from tools.image.reduced_models import KEPT
from tools.publishing import packages

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.composite.steps import Job
    from tests.fakes.world import World

COMPOSITE: dict[str, Any] = yaml.safe_load(ACTION.read_text())
CONTAINER: dict[str, Any] = yaml.safe_load((ROOT / "action.yml").read_text())
STEPS: list[dict[str, Any]] = COMPOSITE["runs"]["steps"]

OFFLINE = {"PIP_NO_INDEX": "1"}
"""A runner on which pip can install nothing."""

# Packages are installed for real.
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


@pytest.mark.shows("A31")
def test_no_expression_is_pasted_into_a_script() -> None:
    """An input would become shell."""
    assert not [step["run"] for step in STEPS if "${{" in step.get("run", "")]


@pytest.mark.shows("A61")
def test_other_actions_are_pinned_by_their_commit() -> None:
    """A tag can be moved; the version is in a comment."""
    (used,) = re.findall(r"uses: (.*)", ACTION.read_text())
    assert re.fullmatch(r"actions/setup-python@[0-9a-f]{40} # v\d+\.\d+\.\d+", used)


def test_its_python_is_the_containers() -> None:
    """One version is tested, one is used where the runner has none."""
    (version,) = re.findall(r"^FROM python:([\d.]+)-slim", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    (step,) = [each for each in STEPS if "uses" in each]
    assert step["with"] == {"python-version": version, "update-environment": False}


def test_a_release_refreshes_a_pool_and_installs_nothing(job: Callable[..., Job], world: World, release: Path) -> None:
    """By the runner's own Python; on an empty account everything is created, the next job changes nothing."""
    created = job(release, OFFLINE)
    assert created.code == 0, created.printed
    assert (created.used, list((created.folder / "temp").iterdir())) == ([], [])
    assert (created.result["changed"], created.result["failed-components"]) == ("true", "[]")
    assert tuple(created.result) == OUTPUTS
    assert not [line for line in created.printed.splitlines() if canaries.PAT in line and "::add-mask::" not in line]
    world.forget_calls()
    again = job(release, OFFLINE)
    assert (again.code, again.result["changed"], world.aws.writes) == (0, "false", []), again.printed


def test_the_packages_of_a_release_are_pure_python_and_reproducible(release: Path, tmp_path: Path) -> None:
    """With the models of the image, a stand-in for what is never used, and the list of what an App's key needs."""
    carried, made = tmp_path / "again", tmp_path / "made"
    # Jobs that ran it left bytecode.
    shutil.copytree(release / packages.CARRIED, made, ignore=shutil.ignore_patterns("__pycache__"))
    assert packages.write(ROOT, carried) == packages.digest(made)
    assert not [each for each in carried.rglob("*") if each.suffix in {".so", ".pyd", ".dylib", ".pyc"}]
    assert {each.name for each in (carried / "botocore" / "data").iterdir() if each.is_dir()} == set(KEPT)
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements" / "runtime.txt").read_text(), re.MULTILINE))
    needed = set(re.findall(r"^([a-z0-9-]+)==", (carried / "compiled.txt").read_text(), re.MULTILINE))
    described = {each.name.partition("-")[0].replace("_", "-") for each in carried.glob("*.dist-info")}
    assert described | needed | set(packages.UNUSED) == locked
    assert needed == {"cffi", "cryptography", "pycparser"}


def test_a_release_installs_only_what_an_app_key_needs(job: Callable[..., Job], world: World, release: Path) -> None:
    """It is compiled, so it is installed by its hashes."""
    done = job(release, github_token="", github_app_id=app.APP_ID, github_app_private_key=app.private_key())
    assert (done.code, done.used) == (0, []), done.printed
    (installed,) = (done.folder / "temp").iterdir()
    assert {"cryptography", "cffi"} < {each.name for each in installed.iterdir()}
    assert not (installed / "botocore").exists()
    assert f"POST /app/installations/{app.INSTALLATION_ID}/access_tokens" in world.github.calls


@pytest.mark.shows("A65")
def test_other_commits_install_packages_by_hash_and_use_none_found_on_the_runner(
    job: Callable[..., Job], world: World, branch: Path
) -> None:
    """Whatever an earlier job or a cache has left; nor do a hostile checkout and home change anything."""
    world.settle()
    world.forget_calls()
    planted = {f"temp/refresh-action/packages/{name}": "raise SystemExit(99)" for name in ("attrs.py", "botocore.py")}
    hostile = {**HOSTILE_FILES, "workspace/pip/__init__.py": HOSTILE_FILES["workspace/attr.py"], **planted}
    done = job(branch, {"PYTHONPATH": ".", "PYTHONSTARTUP": "attr.py"}, hostile)
    assert done.code == 0, done.printed
    assert (world.aws.writes, done.used) == ([], [])
    assert "cache" not in ACTION.read_text()


@pytest.mark.shows("A60")
def test_a_package_with_a_wrong_hash_ends_the_action_before_any_call(
    job: Callable[..., Job], world: World, branch: Path, tmp_path: Path
) -> None:
    """One error, with what to do; pip's own words are no commands."""
    changed = tmp_path / "changed"
    shutil.copytree(branch, changed)
    lock = changed / "requirements" / "runtime.txt"
    lock.write_text(re.sub(r"(?<=--hash=sha256:)[0-9a-f]{8}", "00000000", lock.read_text()))
    refused = job(changed)
    assert refused.code == 1
    (error,) = [line for line in refused.printed.splitlines() if line.startswith("::")]
    assert error.startswith("::error title=packages::The packages could not be installed by their hashes")
    assert "DO NOT MATCH THE HASHES" in refused.printed
    assert world.aws.calls == []


def test_without_a_usable_python_one_is_set_up(job: Callable[..., Job], release: Path) -> None:
    """Too old, or not there."""
    done = job(release, OFFLINE, runner={"python": "false"}, **TEN_BAD_INPUTS)
    assert (done.code, done.used) == (2, ["actions/setup-python"]), done.printed


def test_if_no_python_can_be_set_up_one_error_names_the_remedy(job: Callable[..., Job], release: Path) -> None:
    """On a self-hosted runner of another system."""
    done = job(release, runner={"python": "false", "set_up": False})
    assert (done.code, done.printed.count("\n")) == (1, 1)
    assert done.printed.startswith("::error title=python::This runner has no python3 of version 3.11 or newer")


def test_a_python_without_pip_installs_with_one_of_its_own(
    job: Callable[..., Job], branch: Path, tmp_path: Path
) -> None:
    """As Debian's with python3-venv and without python3-pip."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True)  # noqa: S603 - ours
    done = job(branch, runner={"python": str(tmp_path / "bare" / "bin" / "python")}, **TEN_BAD_INPUTS)
    assert (done.code, done.used) == (2, []), done.printed


@pytest.mark.shows("A46", "A48")
def test_a_hostile_checkout_and_home_change_nothing(job: Callable[..., Job], world: World, release: Path) -> None:
    """What the checkout, the home and variables offer to Python is not on its path."""
    world.settle()
    world.forget_calls()
    done = job(release, {"PYTHONPATH": ".", "PYTHONSTARTUP": "attr.py"}, HOSTILE_FILES)
    assert done.code == 0, done.printed
    assert world.aws.writes == []


def test_ten_bad_inputs_end_it_with_exit_code_2(job: Callable[..., Job], world: World, release: Path) -> None:
    """As in the container."""
    refused = job(release, OFFLINE, **TEN_BAD_INPUTS)
    assert refused.code == 2
    for name in TEN_BAD_INPUTS:
        assert f"::error title={name.replace('_', '-')}::" in refused.printed, name
    assert world.aws.calls == []
