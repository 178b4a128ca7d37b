"""The variables of /etc/environment, which only the runner and its jobs get, since a job can write that file."""

# ruff: noqa: PTH123
# pathlib costs memory and start-up time.

from __future__ import annotations

import re

ENVIRONMENT_FILE = "/etc/environment"
SET_BY_THE_AGENT = frozenset({"HOME", "USER", "LOGNAME", "RUNNER_ALLOW_RUNASROOT", "ACTIONS_RUNNER_INPUT_TOKEN"})
_ASSIGNMENT = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)", re.DOTALL)
_HOME = re.compile(r"\$(?:\{HOME\}|HOME(?![A-Za-z0-9_]))")


def read_environment(home: str, path: str) -> dict[str, str]:
    """Read the variables that a login gets, as text and never as shell, without those that the agent sets.

    `home` replaces `$HOME`, and `path` follows the `PATH` of the file. A file that cannot be read has no variables.
    """
    try:
        with open(ENVIRONMENT_FILE, "rb") as file:
            text = file.read().decode(errors="surrogateescape")
    except OSError:
        return {}
    variables = {}
    for line in text.replace("\0", "").split("\n"):
        found = _ASSIGNMENT.fullmatch(line.strip(" \t"))
        if not found or found[1] in SET_BY_THE_AGENT:
            continue
        value = _HOME.sub(lambda _: home, _unquoted(found[2]))
        variables[found[1]] = f"{value}:{path}" if found[1] == "PATH" else value
    return variables


def _unquoted(value: str) -> str:
    """Return what stands in quotes; without quotes, what stands before a comment."""
    if value[:1] in ("'", '"'):
        return value[1:].split(value[0], 1)[0]
    return re.split(r"[ \t]#", value, maxsplit=1)[0].strip(" \t")
