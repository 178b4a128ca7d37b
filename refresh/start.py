"""The start of the process: signals, closed streams, missing packages; every failure is one plain line.

It imports little, to handle signals before the rest of the program is loaded.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

_STANDARD_STREAMS = 3


def action() -> NoReturn:
    """Run the action that the argument names, otherwise refresh, with inputs from the environment only."""
    leave(main(action=" ".join(sys.argv[1:]) or "refresh"))


def command() -> NoReturn:
    """Run with the arguments of the command line."""
    leave(main(sys.argv[1:]))


def main(arguments: Sequence[str] | None = None, action: str = "refresh") -> int:
    """Load the program, run it and return the exit code; `arguments` are None if there is no command line."""
    try:
        _open_closed_streams()
        from refresh.workflow.shutdown import Shutdown  # noqa: PLC0415 - see the module's docstring

        shutdown = Shutdown().listen()
        from refresh.workflow import unforeseen  # noqa: PLC0415 - the same

        unforeseen.install()
        from refresh.actions.main import main as run  # noqa: PLC0415 - the same

        return run(arguments, shutdown, action)
    except KeyboardInterrupt:
        return _ended("stopped as asked, before anything was done.", 1)
    except ImportError as error:
        from refresh.workflow.missing_packages import not_loaded  # noqa: PLC0415 - few runs need it

        return _ended(not_loaded(error), 2)


def leave(code: int) -> NoReturn:
    """End the process immediately; its output has been flushed.

    The interpreter would wait for threads that still wait for an answer, and then clean up for 40 ms.
    """
    os._exit(code)


def _open_closed_streams() -> None:
    """Open stdin, stdout and stderr if they are closed: the next file or connection would take their numbers."""
    for descriptor in range(_STANDARD_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _ended(text: str, code: int) -> int:
    try:
        print(f"error: refresh: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the log may not be loaded
    except (OSError, ValueError):
        return code  # nothing can be printed
    return code
