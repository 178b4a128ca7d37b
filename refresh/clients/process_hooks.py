"""What the clients need from the process around them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import field, frozen

from refresh import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    Called = Callable[[str, int, float, str], None]

_LIBRARIES = ("botocore", "urllib3", "github")


@frozen(kw_only=True)
class ProcessHooks:
    """Callbacks into the process."""

    mask: Callable[[str], None]
    """Called with every secret that arrives during the run, before it is used."""
    now: Callable[[], datetime]
    """Returns the current time."""
    called: Called | None = None
    """Called after each attempt of a call: operation, attempt, seconds, and the status or the type of the error."""
    stopped: Callable[[], bool] = field(default=lambda: False)
    """Whether the run was asked to stop: from then on no request is sent, not even a retry."""

    def require_not_stopped(self, operation: str) -> None:
        """Raise `Interrupted` once the run was asked to stop."""
        if self.stopped():
            raise errors.Interrupted(
                f"stopped as asked, before {operation} was sent. Nothing is lost: the next run continues."
            )


def silence_loggers() -> None:
    """Silence the libraries' loggers: at DEBUG they print request and response bodies with tokens."""
    for name in _LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.handlers.clear()
    # It prints a traceback for credentials that could not be fetched, which is also raised and reported.
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)
