"""Prints defects, warnings of Python and errors of libraries as one plain line each.

A traceback may quote secrets, so only the type and the place of an unexpected error are printed.
"""

from __future__ import annotations

import logging
import sys
import threading
import traceback
import warnings
from typing import Any

from refresh import errors
from refresh.workflow import log
from refresh.workflow.missing_packages import not_loaded


class _Libraries(logging.Handler):
    """Prints the errors that libraries log. Their warnings are about retries, which the program reports itself."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError, KeyError):
            text = str(record.msg)  # its arguments do not match
        log.problem("warning", record.name, text)


def install() -> None:
    """Replace Python's own hooks."""
    sys.excepthook = lambda _, error, __: _report(error)
    threading.excepthook = lambda thread: _report(thread.exc_value)
    sys.unraisablehook = lambda unraisable: _report(unraisable.exc_value)
    warnings.showwarning = _warned
    logging.raiseExceptions = False
    logging.getLogger().addHandler(_Libraries(logging.ERROR))


def defect(error: BaseException) -> str:
    """Name the type and the place of an error; its text may hold anything, also a secret."""
    if isinstance(error, ImportError):
        return not_loaded(error)
    frames = [(frame.f_code.co_qualname, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    place = " in {} line {}".format(*frames[-1]) if frames else ""
    return f"defect: {type(error).__name__}{place}. Please report this line at {errors.ISSUES}."


def _report(error: BaseException | None) -> None:
    if error is not None:
        log.problem("error", "refresh", defect(error))


def _warned(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
    log.problem("warning", category.__name__, str(message))
