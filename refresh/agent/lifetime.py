"""The thread that ends the machine when its time is over, whatever else works."""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING

from refresh.agent.aws import Refused, Unanswered
from refresh.agent.clock import read_wire
from refresh.agent.log import say

if TYPE_CHECKING:
    from typing import Any

    from refresh.agent.aws import Aws
    from refresh.agent.clock import Clock
    from refresh.agent.imds import Metadata
    from refresh.agent.link import Link
    from refresh.agent.state import State
    from refresh.agent.table import Record

HOUR, DAY = 3600, 86400
OVERDUE_SECONDS = 60
"""How long after the threshold the machine ends itself, so that a refresh that runs in time comes first."""
_LOOKS_EVERY, _JUDGES_EVERY = 5, 3
"""Seconds between two looks for a notice of EC2, and looks between two judgements of the threshold."""
_REFUSALS = 5
_SILENCES = 60
"""How often the metadata service may be silent, a quarter of an hour, before the tag counts as absent."""
_SAVES_EVERY = 600


class Fuse:
    """Until when the machine may go on without a readable record; in seconds since the boot, which no clock changes.

    An hour without any record, since it cannot serve either; a day after the last threshold that was read.
    """

    def __init__(self, state: State, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._seen = bool(state.get("seen", default=False))
        self.end: float = HOUR
        if self._seen:
            self.end = clock.uptime() + DAY if state.restarted else state.get("fuse", default=HOUR)
        self._judged: Record | None = None

    def overdue(self, record: Record | None, reclaimed_at: float | None) -> bool:
        """Whether the threshold of a record that was read since the last call passed more than a minute ago."""
        if record is None or record is self._judged or not record.found:
            return False
        self._judged = record
        threshold = read_wire(record.threshold)
        if threshold is None:
            # Refresh reports it by name.
            if not self._seen:
                self._renew(record.read_at + DAY)
            return False
        if reclaimed_at is not None:
            threshold = min(threshold, reclaimed_at)
        left = threshold - self._clock.now()
        self._renew(record.read_at + DAY + max(left, 0))
        return left < -OVERDUE_SECONDS

    def _renew(self, end: float) -> None:
        if not self._seen or end - self._state.get("fuse", default=0) > _SAVES_EVERY:
            self._state.save(seen=True, fuse=end)
        self._seen, self.end = True, end


class Lifetime:
    """Ends the machine, and learns when EC2 is going to."""

    def __init__(self, metadata: Metadata, clock: Clock, fuse: Fuse) -> None:
        self.aws: Aws | None = None
        self.link: Link | None = None
        self.instance_id = ""
        self._metadata = metadata
        self._clock = clock
        self._fuse = fuse
        self._reclaimed_at: float | None = None
        self._spot: bool | None = None
        self._tag = ""
        self._silences = 0
        self._refusals = 0

    def run(self) -> None:
        """Look for ever."""
        looks = 0
        while True:
            self._look_for_notice()
            if looks % _JUDGES_EVERY == 0:
                self.judge()
            looks += 1
            time.sleep(_LOOKS_EVERY)

    def judge(self) -> None:
        """End the machine if its time is over."""
        record = self.link.record if self.link else None
        if self._fuse.overdue(record, self._reclaimed_at):
            if self._protected():
                return
            say(f"instance.overdue refusals={self._refusals}")
            if self._terminated():
                return
            self._refusals += 1
            if self._refusals < _REFUSALS:
                return
        elif self._clock.uptime() < self._fuse.end or self._protected():
            return
        else:
            say("instance.abandoned")
        # The template lets EC2 terminate a machine that shuts down.
        for command in (["shutdown", "-h", "now"], ["poweroff"]):
            try:
                if subprocess.run(command, check=False).returncode == 0:  # noqa: S603 - constant
                    return
            except OSError as error:
                say(f"{command[0]}.failed error={error.errno}")

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
            self._tag = self._metadata.get("tags/instance/refresh-action:protect") or ""
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
            if not self._spot or self._reclaimed_at is not None or self.link is None:
                return
            notice: Any = json.loads(self._metadata.get("spot/instance-action") or "{}")
            text = str(notice.get("time", ""))
            self._reclaimed_at = read_wire(text)
        except (Unanswered, ValueError, AttributeError):
            return
        if self._reclaimed_at is not None:
            say(f"instance.reclaimed at={text} action={notice.get('action')}")
            self.link.reclaimed(text)
