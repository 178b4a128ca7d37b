"""Signals that ask the run to stop. Imports little: it listens before the rest of the program is loaded."""

from __future__ import annotations

import signal
import time
from threading import Event

PATIENCE_SECONDS = 5
"""How long the run waits for calls under way once it was asked to stop; GitHub kills it after ten seconds."""


class Shutdown:
    """Whether, and how long ago, a signal asked the run to stop."""

    def __init__(self) -> None:
        self._event = Event()
        self._requested_at = 0.0

    def listen(self) -> Shutdown:
        """Handle SIGTERM and SIGINT explicitly: PID 1 in a container ignores them by default."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.request)
        return self

    def request(self, *_: object) -> None:
        """Ask it to stop; a second signal changes nothing."""
        if not self._event.is_set():
            self._requested_at = time.monotonic()
            self._event.set()

    def requested(self) -> bool:
        """Whether the run was asked to stop."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep until the run is asked to stop, at most so long."""
        self._event.wait(seconds)

    def out_of_patience(self) -> bool:
        """Whether the run no longer waits for calls under way."""
        return self.requested() and time.monotonic() - self._requested_at >= PATIENCE_SECONDS
