"""Signals that ask the run to end. Light on imports: it listens before the rest of the program is loaded."""

from __future__ import annotations

import signal
import time
from threading import Event

PATIENCE_SECONDS = 5
"""How long the calls under way are waited for once the run was asked to end: GitHub kills it ten seconds after."""


class Shutdown:
    """Whether, and how long ago, a signal asked the run to end."""

    def __init__(self) -> None:
        self._event = Event()
        self._requested_at = 0.0

    def listen(self) -> Shutdown:
        """Listen to the signals of a cancelled job (and of Ctrl-C), which a container's first process ignores else."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.request)
        return self

    def request(self, *_: object) -> None:
        """Ask it to end; a second signal changes nothing."""
        if not self._event.is_set():
            self._requested_at = time.monotonic()
            self._event.set()

    def requested(self) -> bool:
        """Whether it was asked to."""
        return self._event.is_set()

    def wait(self, seconds: float) -> None:
        """Sleep until it is asked to, at most so long."""
        self._event.wait(seconds)

    def out_of_patience(self) -> bool:
        """Whether nothing under way is waited for any longer."""
        return self.requested() and time.monotonic() - self._requested_at >= PATIENCE_SECONDS
