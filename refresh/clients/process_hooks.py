"""What the clients need of the process around them."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from attrs import field, frozen

from refresh import errors

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    Called = Callable[[str, int, float, str], None]

_TALKATIVE = ("botocore", "urllib3", "github")


@frozen(kw_only=True)
class ProcessHooks:
    """The hooks of the process."""

    mask: Callable[[str], None]
    """Given every secret that arrives later, before anything else happens to it."""
    now: Callable[[], datetime]
    """Tells the time."""
    called: Called | None = None
    """Told of each attempt of a call: operation, attempt, seconds, and the status or the error that came back."""
    stopped: Callable[[], bool] = field(default=lambda: False)
    """Whether the run was asked to end: no request is sent from then on, not even a retry."""

    def require_going_on(self, operation: str) -> None:
        """Raise `Interrupted` once the run was asked to end."""
        if self.stopped():
            raise errors.Interrupted(
                f"stopped as asked, before {operation} was sent. Nothing is lost: the next run continues."
            )


def quieten() -> None:
    """Keep the libraries' own loggers from printing: at DEBUG they show request and response bodies with tokens."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.handlers.clear()
    # It warns, with a traceback, of credentials that could not be fetched, which is raised and told as well.
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)
