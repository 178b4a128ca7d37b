"""The command line: every input as an option, for an operator's laptop or any other scheduler."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DESCRIPTIONS = {
    "ami": "image of the runners: an AMI id, or resolve:ssm:<parameter>",
    "iam-instance-profile": "name or ARN of the runners' instance profile",
    "security-group-ids": "their security groups, separated by white space or commas",
    "subnet-ids": "subnets to launch in, separated by white space or commas",
    "github-app-id": "GitHub App in whose name GitHub is asked, with its private key in the environment",
    "runner-scope": "register runners for the repository, or the organization [repository]",
    "repository": "whose pool it is, as owner/name; else GITHUB_REPOSITORY",
    "aws-region": "region of the pool; else AWS_REGION",
    "role-to-assume": "AWS role to take with GitHub's OIDC token",
    "role-session-name": "name of its session [refresh-action-<run id>]",
    "role-duration": "how long its credentials last, 20m to 12h [1h]",
    "allowed-account-ids": "AWS accounts in which a run may write, 12 digits each [any]",
    "max-idle-time": "how long an idle runner stays, as 420s, 7m or 1h [7m]",
    "max-runtime": "longest time from claim to release [30m]",
    "resource-class-config": 'sizes of runners as JSON: {"<class>": {"cpu": n, "mmem": MiB}}',
    "pre-runner-script": "shell that runs on the instance before the runner",
    "actions-runner-version": "latest, or n.n.n [latest]",
    "actions-runner-sha256": "sums of a pinned version's archives, x64=<hex>,arm64=<hex>",
    "runner-user": "the Linux user that jobs run as [root]",
    "registration-token-min-ttl": "replace a stored registration token with less life left [40m]",
    "metadata-hop-limit": "hop limit of the instance metadata service [1]",
    "root-volume-size": "GiB of the instances' root volume; else the image's",
    "root-volume-type": "gp2 or gp3; else the image's",
    "tags": "lines of key=value for everything that is made",
    "max-instance-age": "end idle instances that were launched longer ago [7d]",
    "max-unexpected-terminations": "how many unrecorded instances a run may end [a fifth of the living, at least 1]",
    "clean-github-runners": "remove the registrations of ended instances, true or false [true]",
    "timeout": "begin nothing new after this time [8m]",
    "mode": "apply, or plan to change nothing [apply]",
    "fail-on-drift": "with mode plan: exit with 1 where something would change, true or false [false]",
    "log-format": "text, or json for one object a line [text]",
}
_EPILOG = """\
The github-token is read from the variable INPUT_GITHUB_TOKEN and the github-app-private-key from
INPUT_GITHUB_APP_PRIVATE_KEY, never from an option, which would show in the list of processes. Any other input can be
given as a variable too, INPUT_<NAME>, as GitHub does. AWS credentials are found as by the AWS command line. Exit codes:
0 as desired, 1 something failed, 2 bad input and nothing was called."""


def environ(arguments: Sequence[str], environment: Mapping[str, str]) -> dict[str, str]:
    """Give the environment with every option in it as GitHub would have put it; exits with 2 on what is no option."""
    parser = argparse.ArgumentParser(
        prog="python -m refresh",
        description="Keep a pool of EC2 self-hosted GitHub runners as desired: create, repair, end what is due.",
        epilog=_EPILOG,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--report-directory", metavar="DIRECTORY", help="write refresh-report.json there; else GITHUB_WORKSPACE"
    )
    for name, description in DESCRIPTIONS.items():
        parser.add_argument(f"--{name}", metavar="VALUE", help=description)
    given = {name: value for name, value in vars(parser.parse_args(arguments)).items() if value is not None}
    variables = {"report_directory": "GITHUB_WORKSPACE"}
    named = {variables.get(name, f"INPUT_{name.upper()}"): value for name, value in given.items()}
    # An option takes the place of both spellings of its variable.
    replaced = {name for name in named if name.startswith("INPUT_")}
    kept = {name: value for name, value in environment.items() if name.replace("-", "_") not in replaced}
    return {**kept, **named}
