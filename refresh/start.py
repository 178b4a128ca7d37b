"""The start of the process: signals, closed streams, missing packages; whatever happens is one plain line.

It imports little: it must handle signals before the rest of the program is loaded.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Sequence

_STANDARD_STREAMS = 3


def action() -> NoReturn:
    """Run as the action does, with inputs in the environment alone."""
    leave(main())


def command() -> NoReturn:
    """Run with the arguments of the command line."""
    leave(main(sys.argv[1:]))


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the program, run it and give the exit code; `arguments` are None where there is no command line."""
    try:
        _open_closed_streams()
        from refresh.workflow.shutdown import Shutdown  # noqa: PLC0415 - see the module's docstring

        shutdown = Shutdown().listen()
        from refresh.workflow import unforeseen  # noqa: PLC0415 - the same

        unforeseen.install()
        from refresh.actions import refresh  # noqa: PLC0415 - the same

        return refresh.main(arguments, shutdown)
    except KeyboardInterrupt:
        return _ended("stopped as asked, before anything was done.", 1)
    except ImportError as error:
        from refresh.workflow.missing_packages import not_loaded  # noqa: PLC0415 - few runs need it

        return _ended(not_loaded(error), 2)


def leave(code: int) -> NoReturn:
    """End the process, whose output is flushed, at once.

    The interpreter would wait for threads that still wait for an answer, and tidy up for 40 ms what ends with it.
    """
    os._exit(code)


def _open_closed_streams() -> None:
    """Open what is closed of stdin, stdout and stderr: the next file or connection would take its number."""
    for descriptor in range(_STANDARD_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)


def _ended(text: str, code: int) -> int:
    try:
        print(f"error: refresh: {text}", file=sys.stderr, flush=True)  # noqa: T201 - the log may not be loaded
    except (OSError, ValueError):
        return code  # no one can read it
    return code
