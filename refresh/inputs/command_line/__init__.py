"""The command line: `refresh-action plan|apply|provision|release|status`, for a laptop or any scheduler."""

from __future__ import annotations

import difflib
import sys
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from attrs import frozen

from refresh.inputs import durations, table
from refresh.inputs.command_line import config_file, options, version
from refresh.inputs.parsers import Problem, cut

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping, Sequence

_DEFAULT_INTERVAL = timedelta(seconds=10)
_INTERVAL = durations.parser(timedelta(seconds=2), timedelta(hours=1), bare_seconds=True)
_SINCE = durations.parser(timedelta(hours=1), timedelta(days=30))
"""Older items are deleted from the table."""
_OF_A_STEP = ("GITHUB_ACTIONS", "GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")
"""Variables of a workflow's step. A typed command writes no workflow commands, outputs or summary."""
_MODES = ("plan", "apply")
"""The commands of refresh, which are the modes of its run."""
_HOSTED = (".github.com", ".ghe.com")


@frozen
class Command:
    """A typed command, as the environment that GitHub would have made of it."""

    name: str
    action: str
    """The action that it runs; `status` runs none, and has the inputs of refresh."""
    environ: Mapping[str, str]
    origins: Mapping[str, str]
    """How the user named each input that is not given as an option."""
    interval: timedelta | None = None
    """The time between two looks of `status --watch`."""
    since: timedelta | None = None
    """How far `status` looks back; None for the pool as it is now."""


def read(arguments: Sequence[str], environment: Mapping[str, str]) -> Command:
    """Read the command line; exits on --help and on unknown options, raises `InputErrors` for a bad file."""
    name, *rest = arguments
    if name not in options.COMMANDS:
        rest = list(arguments)
        name = _without_command(arguments)
    parser = options.of_command(name)
    given = {key: value for key, value in vars(parser.parse_args(rest)).items() if value}
    since = _since(parser, given) if name == "status" else None
    interval = _interval(parser, given) if name == "status" else None
    if given.pop("json", None):
        given["log_format"] = "json"
    if arguments[0] in _MODES:
        if given.get("mode", name).lower() != name:
            parser.error(f"--mode {given['mode']} contradicts the command {name}; leave the option out")
        given["mode"] = name
    action = options.action(name)
    environ, origins = _merged(given, environment, action)
    return Command(name, action, environ, origins, interval, since)


def help_text() -> str:
    """Return the overview of the commands."""
    return options.overview().format_help()


def _without_command(arguments: Sequence[str]) -> str:
    """Handle arguments without a command: options alone run in the mode that they or the environment name."""
    parser = options.overview()
    known, _ = parser.parse_known_args([each for each in arguments if each in {"-h", "--help", "--version"}])
    if known.version:
        sys.stdout.write(f"refresh-action {version.version()}\n")
        parser.exit(0)
    if not arguments[0].startswith("-"):
        close = difflib.get_close_matches(arguments[0], options.COMMANDS, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        parser.error(
            f"unknown command {arguments[0]!r}{hint} (the commands are plan, apply, provision, release and status)"
        )
    return "apply"


def _since(parser: argparse.ArgumentParser, given: dict[str, str]) -> timedelta | None:
    text = given.pop("since", None)
    if text and "watch" in given:
        parser.error("--since shows what was, once; leave --watch out")
    if "prices" in given and not text:
        parser.error("--prices needs --since: only the history has costs")
    try:
        return _SINCE(text) if text else None
    except Problem as problem:
        parser.error(f"--since: {problem.problem}, not {cut(text or '')}; {problem.remedy}")


def _interval(parser: argparse.ArgumentParser, given: dict[str, str]) -> timedelta | None:
    watch, text = given.pop("watch", None), given.pop("interval", None)
    if text and not watch:
        parser.error("--interval needs --watch")
    try:
        return (_INTERVAL(text) if text else _DEFAULT_INTERVAL) if watch else None
    except Problem as problem:
        parser.error(f"--interval: {problem.problem}; {problem.remedy}")


def _merged(
    given: dict[str, str], environment: Mapping[str, str], action: str
) -> tuple[dict[str, str], dict[str, str]]:
    """Merge the sources of the action's inputs: options override variables, and variables override the file."""
    config = given.pop("config", None)
    report = given.pop("report_directory", None)
    named = {f"INPUT_{name.upper()}": value for name, value in given.items()}
    kept = {
        name: value
        for name, value in environment.items()
        if name not in _OF_A_STEP and name.replace("-", "_") not in named
    }
    set_before = _inputs(kept)
    origins = {name: f"INPUT_{name.upper().replace('-', '_')}" for name in set_before}
    merged = {**kept, **named, **({"GITHUB_WORKSPACE": report} if report else {})}
    if config:
        for name, value in config_file.read(config, action).items():
            if name not in set_before and name.replace("-", "_") not in given:
                merged[f"INPUT_{name.upper().replace('-', '_')}"] = value
                origins[name] = f"{config}: {name}"
    identities = {each.name for each in table.of(action)} & {"github-token", "github-app-id"}
    if identities and not identities & _inputs(merged):
        variable, token = _token(merged)
        if token:
            merged["INPUT_GITHUB_TOKEN"] = token
            origins["github-token"] = variable
    return merged, origins


def _inputs(environ: Mapping[str, str]) -> set[str]:
    """List the inputs that variables give."""
    given = (name.removeprefix("INPUT_") for name, value in environ.items() if name.startswith("INPUT_") and value)
    return {name.lower().replace("_", "-") for name in given}


def _token(environ: Mapping[str, str]) -> tuple[str, str]:
    """Find GitHub's token as gh does; a token of github.com is never sent to another server, or the reverse."""
    host = urlsplit(environ.get("GITHUB_API_URL") or "https://api.github.com").hostname or ""
    prefixes = ("GH_", "GITHUB_") if host.endswith(_HOSTED) else ("GH_ENTERPRISE_", "GITHUB_ENTERPRISE_")
    found = ((f"{prefix}TOKEN", environ.get(f"{prefix}TOKEN", "")) for prefix in prefixes)
    return next((each for each in found if each[1].strip()), ("", ""))
