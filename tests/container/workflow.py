"""The quick start's refresh workflow, adapted to a machine without GitHub and without AWS; and its run by `act`."""

from __future__ import annotations

import copy
import re
import shutil
import subprocess
import uuid
from typing import TYPE_CHECKING, Any

import yaml

from tests import pages
from tests.fakes import canaries
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

CHECKOUT = {"uses": "actions/checkout@v4"}
"""`act` copies the working folder in its place and fetches nothing."""
ROLE = r"arn:aws:iam::123456789012:role/runner-pool-\1"
NEXT_STEP = {
    "if": "${{ !cancelled() }}",
    "shell": "sh",
    "env": {"OUTPUTS": "${{ toJSON(steps.refresh.outputs) }}"},
    "run": 'echo "next step: changed=${{ steps.refresh.outputs.changed }}"; printf \'%s\' "$OUTPUTS" >outputs.json',
}
ACTION_FILES = ("action.yml", "Dockerfile", ".dockerignore", "entrypoint.py", "pyproject.toml", "README.md", "LICENSE")
ACTION_FOLDERS = ("tools/image", "refresh", "requirements")
BASE_IMAGE = re.findall(r"^FROM (\S+:\S+)@sha256:", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[0]


def of_the_quick_start(number: int = 0) -> dict[Any, Any]:
    """Read a workflow that the quick start shows, refresh or the build, with roles in place of the stack's outputs."""
    block = pages.blocks(pages.page("docs/quick-start.md"), "yaml")[number]
    workflow: dict[Any, Any] = yaml.safe_load(re.sub(r"(\w+)RoleArn$", ROLE, block, flags=re.MULTILINE))
    return workflow


def adapted(workflow: Mapping[Any, Any], environ: Mapping[str, str], inputs: Mapping[str, str]) -> dict[Any, Any]:
    """Start it by a push, take the action from the checkout, its surroundings from `env`, and read what it leaves."""
    made = copy.deepcopy(dict(workflow))
    made[True] = "push"  # YAML 1.1 reads the key `on` as a boolean
    (action,) = made["jobs"]["refresh"]["steps"]
    action |= {"id": "refresh", "uses": "./", "env": dict(environ), "with": {**action["with"], **inputs}}
    made["jobs"]["refresh"]["steps"] = [CHECKOUT, action, NEXT_STEP]
    return made


def from_the_checkout(job: Mapping[str, Any]) -> dict[str, Any]:
    """Take the actions of a job from the checkout."""
    made = copy.deepcopy(dict(job))
    ours = [each for each in made["steps"] if "uses" in each]
    for step in ours:
        step["uses"] = step["uses"].replace("org/refresh-action", ".").partition("@")[0]
    made["steps"] = [*[CHECKOUT for _ in ours], *made["steps"]]
    return made


def run(folder: Path, workflow: Mapping[Any, Any], repository: str, api_url: str) -> subprocess.CompletedProcess[str]:
    """Have `act` run a workflow of a repository in a checkout of its own, with GitHub's API where it is played."""
    folder.mkdir()
    for name in ACTION_FILES:
        shutil.copy(ROOT / name, folder)
    for name in ACTION_FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    commit(folder, workflow)
    command = [
        *("act", "push", "--directory", str(folder), "-P", f"ubuntu-latest={BASE_IMAGE}", "--pull=false", "--bind"),
        *("--container-daemon-socket", "-", "-s", f"RUNNER_ADMIN_TOKEN={canaries.PAT}"),
        *("--env", f"GITHUB_REPOSITORY={repository}", "--env", f"GITHUB_API_URL={api_url}"),
    ]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)  # noqa: S603 - act


def unique() -> str:
    """Give a workflow a name that no other has."""
    return f"jobs-{uuid.uuid4().hex[:8]}"


def commit(folder: Path, workflow: Mapping[Any, Any]) -> None:
    """Make a folder a repository that has this workflow."""
    written = folder / ".github" / "workflows" / "tested.yml"
    written.parent.mkdir(parents=True, exist_ok=True)
    # YAML 1.1 reads the key `on` as a boolean, and writes it so.
    written.write_text(re.sub(r"^true:", "'on':", yaml.safe_dump(dict(workflow)), flags=re.MULTILINE))
    identity = ("-c", "user.name=octo", "-c", "user.email=octo@example.com")
    for words in (("init", "--quiet"), (*identity, "commit", "--quiet", "--allow-empty", "--message=any")):
        subprocess.run(["git", "-C", str(folder), *words], check=True)  # noqa: S603, S607 - the user's own
