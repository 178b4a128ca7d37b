"""The options of each command: every input but the secret ones."""

from __future__ import annotations

import argparse

DESCRIPTIONS = {
    "ami": "image of the runners: an AMI id, or resolve:ssm:<parameter>",
    "iam-instance-profile": "name or ARN of the runners' instance profile",
    "security-group-ids": "the runners' security groups, separated by white space or commas",
    "subnet-ids": "subnets to launch in, separated by white space or commas",
    "github-app-id": "id of the GitHub App to call GitHub as; its key is read from INPUT_GITHUB_APP_PRIVATE_KEY",
    "runner-scope": "register runners for the repository or the organization [repository]",
    "repository": "owner/name of the repository that has the pool [GITHUB_REPOSITORY]",
    "aws-region": "region of the pool [AWS_REGION, AWS_DEFAULT_REGION]",
    "role-to-assume": "AWS role to take with GitHub's OIDC token",
    "role-session-name": "name of the role's session [refresh-action-<run id>]",
    "role-duration": "how long the role's credentials last, 20m to 12h [1h]",
    "allowed-account-ids": "AWS accounts in which a run may write, 12 digits each [any]",
    "max-idle-time": "how long an idle runner stays, as 420s, 7m or 1h [7m]",
    "max-runtime": "longest time from claim to release [30m]",
    "resource-class-config": 'sizes of runners as JSON: {"<class>": {"cpu": n, "mmem": MiB}}',
    "pre-runner-script": "shell that runs on the instance before the runner",
    "actions-runner-version": "latest, or n.n.n [latest]",
    "actions-runner-sha256": "checksums of a pinned version's archives, x64=<hex>,arm64=<hex>",
    "runner-user": "the Linux user that jobs run as [root]",
    "registration-token-min-ttl": "replace a stored registration token with less life left [40m]",
    "metadata-hop-limit": "hop limit of the instance metadata service [1]",
    "root-volume-size": "GiB of the instances' root volume [the image's]",
    "root-volume-type": "type of the root volume [the image's]",
    "delete-volumes-on-termination": "delete with each instance the volumes that the image would keep [false]",
    "tags": "lines of key=value for everything that is made",
    "max-instance-age": "end idle instances that were launched longer ago [7d]",
    "max-unexpected-terminations": "how many unrecorded instances a run may end [a fifth of the living, at least 1]",
    "clean-github-runners": "remove the registrations of ended instances [true]",
    "timeout": "start nothing new after this time [8m]",
    "mode": "the same as the command; plan changes nothing",
    "fail-on-drift": "plan exits with 1 where something would change [false]",
    "log-format": "lines for people, or one JSON object a line [text]",
}
CHOICES = {
    "runner-scope": "repository|organization",
    "root-volume-type": "gp2|gp3",
    "delete-volumes-on-termination": "true|false",
    "clean-github-runners": "true|false",
    "fail-on-drift": "true|false",
    "mode": "plan|apply",
    "log-format": "text|json",
}
"""What an input takes, where it is a choice; the inputs themselves refuse everything else."""
COMMANDS = {
    "plan": "show what apply would change, field by field, and change nothing",
    "apply": "create, repair and end what is due, once",
    "status": "show the pool: instances by class and state, thresholds, the token's remaining life; reads only",
}
_OF_STATUS = ("repository", "aws-region", "log-format")
_TOKENS = """\
GitHub's token is read from GH_TOKEN or GITHUB_TOKEN (GH_ENTERPRISE_TOKEN or GITHUB_ENTERPRISE_TOKEN on a GitHub
Enterprise Server), as gh does; never from an option, which would show in the list of processes. AWS credentials are
found as by the AWS CLI. Options override variables (INPUT_<NAME>), which override the file of --config."""
_CODES = "Exit codes: 0 as desired, 1 something failed, 2 bad input and nothing was called."
_OVERVIEW = f"""\
commands:
  plan     {COMMANDS["plan"]}
  apply    {COMMANDS["apply"]}
  status   {COMMANDS["status"]}

`refresh-action COMMAND --help` lists the options of a command. Without a command, --mode or the variable INPUT_MODE
decide, and everything else may be in variables INPUT_<NAME>, as GitHub passes them.

{_TOKENS}
{_CODES}"""


def overview() -> argparse.ArgumentParser:
    """Build the parser of the options before a command."""
    parser = _parser("refresh-action", "Keep a pool of EC2 self-hosted GitHub runners as desired.", _OVERVIEW)
    parser.usage = "refresh-action plan|apply|status [options]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    return parser


def of_command(name: str) -> argparse.ArgumentParser:
    """Build a command's parser."""
    epilog = f"AWS credentials are found as by the AWS CLI. {_CODES}" if name == "status" else f"{_TOKENS} {_CODES}"
    parser = _parser(f"refresh-action {name}", COMMANDS[name].capitalize() + ".", epilog)
    parser.add_argument("--config", metavar="FILE", help="YAML mapping of input names to values, as pool.yml")
    parser.add_argument("--json", action="store_true", help="the same as --log-format json")
    if name == "status":
        parser.add_argument("--watch", action="store_true", help="look again and again until Ctrl-C")
        parser.add_argument("--interval", metavar="DURATION", help="time between two looks, 2s to 1h [10s]")
    else:
        parser.add_argument("--report-directory", metavar="DIRECTORY", help="write refresh-report.json there")
    for option in _OF_STATUS if name == "status" else DESCRIPTIONS:
        parser.add_argument(f"--{option}", metavar=CHOICES.get(option, "VALUE"), help=DESCRIPTIONS[option])
    return parser


def _parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    usage = f"{program} [options]"
    parser = argparse.ArgumentParser(
        prog=program, usage=usage, description=description, epilog=epilog, allow_abbrev=False
    )
    # From Python 3.14 on it colours its help, and the guarded stream shows control characters as text.
    parser.color = False  # type: ignore[attr-defined] # the same
    return parser
