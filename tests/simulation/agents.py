"""The program on an instance, as far as the doors notice it, driven by the simulated clock."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from refresh.pool import records
from tests.fakes.memory.ec2 import ALIVE

if TYPE_CHECKING:
    from tests.fakes.memory.ec2 import Instance
    from tests.simulation.pool import Pool

    Item = dict[str, Any]

BEAT = 5
ENDS_AFTER = timedelta(minutes=1)
BOOTING, WAITING, REGISTERING, SERVING, LEAVING = "booting", "waiting", "registering", "serving", "leaving"
_BEGINS = {"created": REGISTERING, "claimed": REGISTERING, "running": SERVING, "idle": WAITING}


_time = functools.cache(records.read_time)


@frozen
class Pace:
    """How long an agent takes, in seconds."""

    boot: float = 50
    notice_claim: float = 0.25
    register: float = 4
    notice_release: float = 10
    leave: float = 20
    """To remove its registration and to stop the runner."""
    end: float = 15
    """To notice that its threshold passed a minute ago, and to end itself."""


USUAL = Pace()
SLOW = Pace(register=9, notice_release=10, leave=40)
FAST = Pace(boot=30, register=1, notice_release=1, leave=4)


@define
class Agent:
    """An instance's agent; it reads its record at once when something changed, and acts when it is due."""

    pool: Pool
    id: str
    pace: Pace = USUAL
    phase: str = BOOTING
    run: str = ""
    """The run that it is registered for, or about to be."""
    due: datetime | None = None
    since: datetime = field(init=False)
    beaten: datetime | None = None
    late_since: datetime | None = None
    """Since when its threshold is a minute ago."""

    def __attrs_post_init__(self) -> None:
        """Begin in the phase that fits the record; without one it boots."""
        self.since = self._now
        record = self._record
        if record:
            self.phase = _BEGINS.get(records.text(record, "state") or "", WAITING)
            self.run = records.text(record, "runId") or ""
        if self.phase in {BOOTING, REGISTERING}:
            self._later(self.pace.boot if self.phase == BOOTING else self.pace.register)

    @property
    def alive(self) -> bool:
        """Whether its instance lives."""
        return self._instance.state(self._now) in ALIVE

    @property
    def deregistered(self) -> bool:
        """Whether no job can come to it."""
        return self.phase == WAITING or not self.alive

    def look(self, record: Item) -> None:
        """Live until now, and notice a change of its record (empty if it has none), to act on it in time."""
        self._live(record)
        if self.due is not None or self.phase not in {WAITING, SERVING}:
            return
        wanted = records.text(record, "runId") or ""
        if self.phase == WAITING and wanted:
            self._later(self.pace.notice_claim)
        if self.phase == SERVING and wanted != self.run:
            self._later(self.pace.notice_release)

    def act(self) -> None:
        """Go on to the next phase."""
        self.due = None
        if not self.alive:
            return
        match self.phase:
            case "booting":
                self._signal("UD_OK", self._initial_run)
                self.phase = WAITING
            case "waiting":
                self.run = self._wanted
                if self.run:
                    self.phase = REGISTERING
                    self._later(self.pace.register)
            case "registering":
                self._signal("UD_REG_OK", self.run)
                self.phase = SERVING
            case "serving":
                # A run may have taken it again before it noticed that it was released.
                if self._wanted != self.run:
                    self.phase = LEAVING
                    self._later(self.pace.leave)
            case _:
                self._signal("UD_REMOVE_REG_OK", self.run)
                self._signal("UD_REMOVE_REG_REMOVE_RUN_OK", self.run)
                self.phase, self.run = WAITING, ""

    def _live(self, record: Item) -> None:
        """Beat as often as it has until now, and end when its threshold is long past."""
        now = self._now
        if self.phase == BOOTING or self._instance.state(now) not in ALIVE:
            return
        beat = now - timedelta(seconds=(now - self.since).total_seconds() % BEAT)
        if beat != self.beaten:
            self.beaten = beat
            self.pool.table.put(records.item(records.HEARTBEAT, self.id, beat, value="PING"))
        threshold = _time(records.text(record, "threshold") or "")
        if threshold is None or now - threshold <= ENDS_AFTER:
            self.late_since = None
            return
        self.late_since = self.late_since or max(threshold + ENDS_AFTER, self.since)
        if now - self.late_since >= timedelta(seconds=self.pace.end):
            self._instance.ended_at = now

    @property
    def _now(self) -> datetime:
        return self.pool.account.clock.now()

    @property
    def _instance(self) -> Instance:
        found: Instance = self.pool.account.state.instances[self.id]
        return found

    @property
    def _record(self) -> Item:
        return self.pool.table.items.get(("TYPE#INSTANCE", f"ID#{self.id}"), {})

    @property
    def _wanted(self) -> str:
        return records.text(self._record, "runId") or ""

    @property
    def _initial_run(self) -> str:
        return self._instance.tags.get("InitialRunId", "")

    def _later(self, seconds: float) -> None:
        self.due = self._now + timedelta(seconds=seconds)

    def _signal(self, state: str, run: str) -> None:
        value = {"state": state, "runId": run}
        self.pool.table.put(records.item(records.SIGNAL, self.id, self._now, value=value))
