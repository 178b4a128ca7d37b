"""The process around every action: streams without secrets, the chosen action, and every failure as one plain line.

Exit code 0: everything is as desired. 1: something failed or did not converge. 2: bad input, nothing was changed.
"""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING

from refresh import inputs
from refresh.actions import choice
from refresh.inputs import secrets, table
from refresh.workflow import log, unforeseen
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from refresh.workflow.shutdown import Shutdown

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None, shutdown: Shutdown | None = None, action: str = table.REFRESH) -> int:
    """Redact the output streams and run; `arguments` are None if there is no command line, which names the action."""
    out, err = RedactingStream(sys.stdout), RedactingStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    # Before the inputs are read: the text of a defect may quote a secret.
    for secret in secrets.given(os.environ):
        out.conceal(secret.value)
        err.conceal(secret.value)
    try:
        shutdown = shutdown or Shutdown().listen()
        if arguments is None or (not arguments and any(name.startswith("INPUT_") for name in os.environ)):
            return from_environment(action, out, err, shutdown)
        from refresh.actions import terminal  # noqa: PLC0415 - a step has no command line

        return terminal.main(arguments, out, err, shutdown)
    except SystemExit as ended:  # the parser of the command line has reported why
        return int(ended.code or 0)
    except Exception as error:  # noqa: BLE001 - one line instead of a traceback
        return _defect(error, action, out, err)
    finally:
        out.flush()
        err.flush()
        _report_lost(out, "standard output", err)
        _report_lost(err, "standard error", out)


def from_environment(action: str, out: RedactingStream, err: RedactingStream, shutdown: Shutdown) -> int:
    """Run the action with inputs from the environment only."""
    as_json = inputs.log_as_json(os.environ)
    log.configure(as_json=as_json)
    commands = Commands(os.environ, out, err, as_json=as_json)
    if action not in choice.ACTIONS:
        known = f"{', '.join(choice.ACTIONS[:-1])} and {choice.ACTIONS[-1]}"
        commands.annotate("error", "refresh", f"there is no action {action!r}; the actions are {known}.")
        commands.show_annotations()
        return 2
    return choice.run(action, os.environ, commands, shutdown)


def _defect(error: Exception, action: str, out: RedactingStream, err: RedactingStream) -> int:
    commands = Commands(os.environ, out, err, as_json=log.as_json())
    commands.annotate("error", action, unforeseen.defect(error))
    commands.show_annotations()
    return 2 if isinstance(error, ImportError) else 1


def _report_lost(stream: RedactingStream, name: str, other: RedactingStream) -> None:
    """Report that output was lost, unless its reader ended early, as `head` does."""
    if stream.lost and stream.lost.errno != errno.EPIPE:
        other.write(f"warning: {name}: {stream.lost.strerror}; later output there is lost\n")
