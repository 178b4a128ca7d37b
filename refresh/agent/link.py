"""The thread that reads the machine's record and writes its heartbeat."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING

from refresh.agent.aws import Refused, Unanswered
from refresh.agent.log import say
from refresh.agent.table import insist

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.agent.state import State
    from refresh.agent.table import Record, Table

IDLE_SECONDS, WORKING_SECONDS = 0.5, 5.0
"""Between two reads while the machine waits for a run, and otherwise; heartbeats come as often as the latter."""
TOKEN_SECONDS = 60
"""How old the token gets that is kept for the next run; it is read while the machine waits."""
_SAYS_EVERY = 60
"""Seconds between two lines of the log about calls without an answer."""


class Link:
    """What the other threads know of the table, and how they report. One thread runs `run`."""

    def __init__(self, table: Table, state: State) -> None:
        self.table = table
        self.table.report.update(state.get("report", {}))
        self.record: Record | None = None
        """The last answer; None before the first one."""
        self.beating = False
        """Whether heartbeats are written: from the time when the machine can serve."""
        self.waiting = False
        """Whether the machine waits for a run, which must be noticed soon."""
        self._state = state
        self._changed = threading.Condition()
        self._hurry = False
        self._said_at = -_SAYS_EVERY * 1.0

    def run(self) -> None:
        """Read and write without an end. Pauses do not depend on how long calls take; machines do not call at once."""
        read_at = beat_at = 0.0
        while True:
            now = time.monotonic()
            jitter = random.uniform(0.9, 1.1)  # noqa: S311 - no secret
            if now >= read_at or self._hurry:
                self._hurry = False
                self._try("record", self._read)
                read_at = now + jitter * (IDLE_SECONDS if self.waiting else WORKING_SECONDS)
            if now >= beat_at and self.beating:
                self._try("heartbeat", self.table.beat)
                beat_at = now + jitter * WORKING_SECONDS
            if self.waiting:
                self._try("token", lambda: self.table.token(TOKEN_SECONDS))
            with self._changed:
                if not self._hurry:
                    self._changed.wait(max(0.0, min(read_at, beat_at or read_at) - time.monotonic()))

    def next(self, known: Record | None, *, waiting: bool) -> Record | None:
        """Wait for a record that was read after `known` and return it; after 5 seconds without one return `known`."""
        with self._changed:
            self._hurry = waiting and not self.waiting
            self.waiting = waiting
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.record is not known, WORKING_SECONDS)
            return self.record

    def signal(self, state: str, run: str) -> None:
        """Report how far the machine is with a run, however long that takes."""
        insist(f"signal {state}", lambda: self.table.signal(state, run))
        self._state.save(report=dict(self.table.report))
        say(f"signal.written {state} run={run}")

    def signalled(self, state: str, run: str) -> bool:
        """Whether this is the last signal."""
        report = self.table.report
        return (report.get("state"), report.get("runId")) == (state, run)

    def reclaimed(self, at: str) -> None:
        """Report at once that EC2 takes the machine back at this time."""
        self.table.report["reclaimedAt"] = at
        self._state.save(report=dict(self.table.report))
        self._try("notice", self.table.beat)

    def _read(self) -> None:
        record = self.table.record()
        with self._changed:
            self.record = record
            self._changed.notify_all()

    def _try(self, what: str, call: Callable[[], object]) -> None:
        """Call, and say once a minute that AWS does not answer."""
        try:
            call()
        except (Unanswered, Refused) as error:
            if time.monotonic() - self._said_at >= _SAYS_EVERY:
                self._said_at = time.monotonic()
                say(f"unanswered: {what}: {error}")
