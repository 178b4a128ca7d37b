"""Rewords messages about workflows for a terminal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from refresh.inputs.command_line import options
from refresh.inputs.table import PROVISION, REFRESH, RELEASE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WORDS = {
    r"set it in the step's `with:` \(outside a workflow, in INPUT_GITHUB_TOKEN\)": (
        "set GH_TOKEN (`gh auth token` prints one), on a GitHub Enterprise Server GH_ENTERPRISE_TOKEN"
    ),
    r"set it in the step's `with:` \(outside a workflow, in INPUT_[A-Z_]+\)": (
        "give it as an option or in the file of --config"
    ),
    r"set it, or AWS_REGION in the job's env": "give the option, or set AWS_REGION",
    r"GitHub sets it; outside a workflow, set it \(or the input repository\) to owner/name": "write owner/name",
    r"GitHub sets it; outside a workflow, set the input run-id": "write the number that the run's address ends with",
    r"GitHub offers this job no OIDC token; give the job `permissions: id-token: write` .*": (
        "only GitHub's jobs get OIDC tokens; leave it out and set AWS_PROFILE"
    ),
    r"set role-to-assume, or run aws-actions/configure-aws-credentials before this step, or set (.*) in its env": (
        r"run `aws sso login` or `aws configure`, or set AWS_PROFILE, or \1"
    ),
    r"correct it in the step's env \(AWS_ENDPOINT_URL and the like\)": "correct it in AWS_ENDPOINT_URL and the like,",
    r"save the workflow file as UTF-8": "save it as UTF-8",
    r"write \$\{\{ secrets.NAME \}\} with a secret that this workflow can read": "set the value itself",
}
"""What a message says in a workflow, and what it says in a terminal; the first that fits counts."""

_OPTIONS = {name for action in (REFRESH, RELEASE, PROVISION) for name in options.of_action(action)}
_VARIABLES = {"GITHUB_REPOSITORY": "repository", "GITHUB_RUN_ID": "run-id"}
"""The options that take the place of variables of GitHub."""


def rewording(origins: Mapping[str, str]) -> Callable[[str, str], tuple[str, str]]:
    """Return the function that rewords the title and text of a message, and names an input as its user gave it."""

    def reword(title: str, text: str) -> tuple[str, str]:
        for words, instead in WORDS.items():
            text = re.sub(words, instead, text)
        if text.startswith("is required"):
            title = _VARIABLES.get(title, title)
        return origins.get(title, f"--{title}" if title in _OPTIONS else title), text

    return reword
