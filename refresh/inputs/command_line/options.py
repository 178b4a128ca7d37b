"""The options of each command: every input except the secrets."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from refresh.inputs import table

if TYPE_CHECKING:
    from refresh.inputs.table import Input

COMMANDS = {
    "plan": "show what apply would change, field by field, and change nothing",
    "apply": "create, repair and end what is due, once",
    "provision": "claim or launch machines for a workflow run, once",
    "release": "give the machines of a workflow run back to the pool, or end them, once",
    "status": "show the pool as it is, or with --since what it did: machines, builds, waits, costs; reads only",
}
_ACTIONS = {"provision": table.PROVISION, "release": table.RELEASE}
"""The actions of commands; the others belong to refresh."""
_OF_STATUS = ("repository", "aws-region", "prices", "log-format")
_TOKENS = """\
GitHub's token is read from GH_TOKEN or GITHUB_TOKEN (GH_ENTERPRISE_TOKEN or GITHUB_ENTERPRISE_TOKEN on a GitHub
Enterprise Server), as gh does; never from an option, which would show in the list of processes."""
_AWS = """\
AWS credentials are found as the AWS CLI finds them. Options override variables (INPUT_<NAME>), which override the file
of --config."""
_CODES = "Exit codes: 0 all is as desired, 1 something failed, 2 bad input, nothing was changed."
_CODES_OF_STATUS = "Exit codes: 0 the result was shown, 1 there is no pool or AWS did not answer, 2 bad input."
_OVERVIEW = f"""\
commands:
  plan       {COMMANDS["plan"]}
  apply      {COMMANDS["apply"]}
  provision  {COMMANDS["provision"]}
  release    {COMMANDS["release"]}
  status     {COMMANDS["status"]}

`refresh-action COMMAND --help` lists the options of a command. Without a command, --mode or the variable INPUT_MODE
decides, and every other input can be in a variable INPUT_<NAME>, as GitHub passes it.

{_TOKENS}
{_AWS}
{_CODES}"""


def action(command: str) -> str:
    """Name the action that a command runs."""
    return _ACTIONS.get(command, table.REFRESH)


def of_action(name: str) -> dict[str, Input]:
    """List the inputs of an action that are options, by name."""
    return {each.name: each for each in table.of(name) if not (each.secret or each.replaced_by or each.ignored)}


def overview() -> argparse.ArgumentParser:
    """Build the parser of the options before a command."""
    parser = _parser("refresh-action", "Keep a pool of EC2 self-hosted GitHub runners as desired.", _OVERVIEW)
    parser.usage = "refresh-action plan|apply|provision|release|status [options]"
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    return parser


def of_command(name: str) -> argparse.ArgumentParser:
    """Build a command's parser."""
    epilog = f"{_AWS} {_CODES}"
    if name == "status":
        epilog = f"AWS credentials are found as the AWS CLI finds them. {_CODES_OF_STATUS}"
    elif any(each.name in table.SECRETS for each in table.of(action(name))):
        epilog = f"{_TOKENS} {epilog}"
    parser = _parser(f"refresh-action {name}", COMMANDS[name].capitalize() + ".", epilog)
    parser.add_argument("--config", metavar="FILE", help="YAML file of input names and values, such as pool.yml")
    parser.add_argument("--json", action="store_true", help="the same as --log-format json")
    if name == "status":
        since = "show what the pool did in this time, 1h to 30d: builds, waits, machine hours, failures"
        parser.add_argument("--since", metavar="DURATION", help=since)
        parser.add_argument("--watch", action="store_true", help="repeat until Ctrl-C")
        parser.add_argument("--interval", metavar="DURATION", help="time between repetitions, 2s to 1h [10s]")
    else:
        report = f"{action(name)}-report.json"
        parser.add_argument("--report-directory", metavar="DIRECTORY", help=f"write {report} there")
    for option, each in of_action(action(name)).items():
        if name != "status" or option in _OF_STATUS:
            parser.add_argument(f"--{option}", metavar="|".join(each.words) or "VALUE", help=_help(each))
    return parser


def _help(each: Input) -> str:
    """Describe an input in a line, with what holds when it is left out."""
    default = each.default_text or each.absent
    return each.summary.replace("`", "") + (f" [{default}]" if default else "")


def _parser(program: str, description: str, epilog: str) -> argparse.ArgumentParser:
    usage = f"{program} [options]"
    parser = argparse.ArgumentParser(
        prog=program, usage=usage, description=description, epilog=epilog, allow_abbrev=False
    )
    # Python 3.14 and later colours its help, and the redacting stream shows control characters as text.
    parser.color = False  # type: ignore[attr-defined] # the same
    return parser
