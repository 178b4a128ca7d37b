"""The smallest good input, bad ones, hostile surroundings, and what a run puts out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.fakes import canaries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

from refresh.engine.report import Report
from refresh.output import step_outputs

OUTPUTS = tuple(step_outputs.outputs(Report(()), ""))
"""The names of the step's outputs, in their order."""


def good(**changed: str) -> dict[str, str]:
    """Give an environment that loads; `changed` holds variables."""
    return {
        "GITHUB_REPOSITORY": "octo/widgets",
        "AWS_REGION": "eu-west-1",
        "INPUT_AMI": "ami-0123456789abcdef0",
        "INPUT_IAM-INSTANCE-PROFILE": "runner-profile",
        "INPUT_SECURITY-GROUP-IDS": "sg-0123456789abcdef0",
        "INPUT_SUBNET-IDS": "subnet-0123456789abcdef0",
        "INPUT_GITHUB-TOKEN": canaries.PAT,
        **changed,
    }


def good_release(**changed: str) -> dict[str, str]:
    """Give the environment of a release in the workflow run 77; `changed` holds variables."""
    return {
        "GITHUB_REPOSITORY": "octo/widgets",
        "GITHUB_RUN_ID": "77",
        "AWS_REGION": "eu-west-1",
        "INPUT_GITHUB-TOKEN": canaries.PAT,
        **changed,
    }


def good_provision(**changed: str) -> dict[str, str]:
    """Give the environment of a provision in the workflow run 77; `changed` holds variables."""
    return {"GITHUB_REPOSITORY": "octo/widgets", "GITHUB_RUN_ID": "77", "AWS_REGION": "eu-west-1", **changed}


TEN_BAD_INPUTS: dict[str, Any] = {
    "ami": "ubuntu-24.04",
    "iam_instance_profile": "a b",
    "security_group_ids": "subnet-0123456789abcdef0",
    "subnet_ids": '"subnet-0123456789abcdef0"',
    "github_token": "two words",
    "aws_region": "us-east-1a",
    "max_idle_time": "7 min",
    "max_runtime": "30",
    "resource_class_config": '{"large": {"cpu": true, "mmem": 1.9}}',
    "mode": "destroy",
}
"""One of each kind of mistake; none of them may lead to a call."""

_SHADOW = "raise SystemExit('shadowed')"
HOSTILE_FILES: dict[str, str] = {
    **{f"workspace/{name}.py": _SHADOW for name in ("attr", "boto3", "json", "sitecustomize", "usercustomize")},
    "workspace/refresh/__init__.py": _SHADOW,
    "home/.local/lib/python3.14/site-packages/attrs.py": _SHADOW,
    # The endpoint alone proves nothing where a variable names another one; with the rest every run fails that reads it.
    "home/.aws/config": "[default]\nendpoint_url = http://127.0.0.1:9\ndefaults_mode = nonsense\n",
    "home/.aws/credentials": "[default\n",
}
"""A checkout that shadows modules and a HOME that misleads AWS's libraries, by their paths in the job's folders."""


def lay(files: Mapping[str, str], folder: Path) -> None:
    """Write files by their paths below a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(content)
