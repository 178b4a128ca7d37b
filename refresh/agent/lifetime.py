"""The thread that ends the machine when its time is over, even if nothing else works."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from refresh.agent.aws import Refused, Unanswered
from refresh.agent.clock import read_wire
from refresh.agent.log import say

if TYPE_CHECKING:
    from refresh.agent.aws import Aws
    from refresh.agent.clock import Clock
    from refresh.agent.imds import Metadata
    from refresh.agent.link import Link
    from refresh.agent.state import State
    from refresh.agent.table import Record

HOUR, DAY = 3600.0, 86400.0
_OVERDUE = 60
"""Seconds from the threshold until the machine ends itself, so that a refresh that runs in time comes first."""
_LOOKS_EVERY, _JUDGES_EVERY = 5, 3
"""Seconds between two looks for a notice of EC2, and looks between two judgements of the threshold."""
_REFUSALS = 5
"""How many terminations EC2 may refuse, or not answer, before the machine shuts down."""
_SILENCES = 60
"""How often the metadata service may be silent, a quarter of an hour, before the tag counts as absent."""
_SAVES_EVERY = 600
"""Seconds that the end moves before it is saved again."""


class Lifetime:
    """Ends the machine, and learns when EC2 is going to.

    Without a readable record the machine may go on for an hour, since it cannot serve, and for a day after the last
    threshold that was read. Both are counted in seconds since the boot, which no clock changes, and saved.
    """

    def __init__(self, metadata: Metadata, clock: Clock, state: State) -> None:
        self.aws: Aws | None = None
        self.link: Link | None = None
        self.instance_id = ""
        self._metadata = metadata
        self._clock = clock
        self._state = state
        self._seen = state.get("seen", False)
        """Whether there ever was a record."""
        if state.restarted or "end" not in state:
            state.save(end=clock.uptime() + (DAY if self._seen else HOUR))
        self._end = self._saved = state["end"]
        self._judged: Record | None = None
        self._reclaimed_at: float | None = None
        self._spot: bool | None = None
        self._tag: str | None = None
        self._silences = self._refusals = 0

    def run(self) -> None:
        """Look for notices and judge the threshold, without an end. Raises nothing that AWS causes."""
        looks = 0
        while True:
            self._look_for_notice()
            if looks % _JUDGES_EVERY == 0:
                self.judge()
            looks += 1
            time.sleep(_LOOKS_EVERY)

    def spare(self) -> None:
        """Do not end the machine for the lack of a record: it is another one than the state is of."""
        self._end = float("inf")

    def judge(self) -> None:
        """End the machine if its time is over."""
        if self._overdue():
            if self._protected():
                return
            say(f"instance.overdue refusals={self._refusals}")
            if self._terminated():
                return
            self._refusals += 1
            if self._refusals < _REFUSALS:
                return
        elif self._clock.uptime() < self._end or self._protected():
            return
        else:
            say("instance.abandoned")
        # The template lets EC2 terminate a machine that shuts down.
        subprocess.run("shutdown -h now || poweroff", shell=True, check=False)  # noqa: S602, S607 - constant

    def _overdue(self) -> bool:
        """Whether the threshold of a record that was read since the last look passed more than a minute ago."""
        record = self.link.record if self.link else None
        if record is None or record is self._judged or not record.found:
            return False
        self._judged = record
        threshold = read_wire(record.threshold)
        if threshold is None:
            # Refresh reports it by name.
            if not self._seen:
                self._renew(record.read_at + DAY)
            return False
        left = min(threshold, self._reclaimed_at or threshold) - self._clock.now()
        self._renew(record.read_at + DAY + max(left, 0))
        return left < -_OVERDUE

    def _renew(self, end: float) -> None:
        self._end = end
        if not self._seen or abs(end - self._saved) > _SAVES_EVERY:
            self._seen, self._saved = True, end
            self._state.save(end=end, seen=True)

    def _terminated(self) -> bool:
        try:
            if self.aws:
                self.aws.terminate(self.instance_id)
                return True
        except (Refused, Unanswered) as error:
            say(f"instance.not_terminated {error}")
        return False

    def _protected(self) -> bool:
        """While it is unknown whether the machine has the tag, it counts as protected, for a quarter of an hour."""
        try:
            self._tag = self._metadata.get("tags/instance/refresh-action:protect")
            self._silences = 0
        except Unanswered:
            self._silences += 1
            if self._silences < _SILENCES:
                return True
        return self._tag == "true"

    def _look_for_notice(self) -> None:
        """Report when EC2 takes a spot instance back.

        https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
        """
        try:
            if self._spot is None:
                self._spot = self._metadata.get("instance-life-cycle") == "spot"
            if self._spot and self._reclaimed_at is None and self.link:
                at = str(json.loads(self._metadata.get("spot/instance-action") or "{}")["time"])
                self._reclaimed_at = read_wire(at)
                if self._reclaimed_at:
                    say(f"instance.reclaimed at={at}")
                    self.link.reclaimed(at)
        except (Unanswered, ValueError, LookupError, TypeError):
            pass
