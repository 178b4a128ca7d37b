"""The command line: a run as in an action, or `status`, which only reads."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from refresh import errors, inputs
from refresh.actions import choice
from refresh.inputs import command_line, secrets
from refresh.inputs.command_line import wording
from refresh.output import publish
from refresh.workflow import log
from refresh.workflow.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.workflow.redacting_stream import RedactingStream
    from refresh.workflow.shutdown import Shutdown


def main(arguments: Sequence[str], out: RedactingStream, err: RedactingStream, shutdown: Shutdown) -> int:
    """Run the command and return the exit code."""
    if not arguments:
        out.write(command_line.help_text())
        return 2
    try:
        command = command_line.read(arguments, os.environ)
    except errors.InputErrors as error:
        publish.input_errors(Commands({}, out, err, reword=wording.rewording({})), error)
        return 2
    as_json = inputs.log_as_json(command.environ)
    log.configure(as_json=as_json)
    for secret in secrets.given(command.environ):
        for stream in (out, err):
            stream.conceal(secret.value)
    commands = Commands(command.environ, out, err, as_json=as_json, reword=wording.rewording(command.origins))
    if command.name == "status":
        from refresh.actions import watch  # noqa: PLC0415 - other commands do not need its code

        return watch.run(command, commands, out, shutdown)
    return choice.run(command.action, command.environ, commands, shutdown)
