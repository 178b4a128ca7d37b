"""The program on an instance, as far as the doors notice it, driven by the simulated clock."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from enum import Enum, auto
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
ABANDONED_AFTER = timedelta(hours=1)
"""How long an agent waits for a record."""
BOOTING, WAITING, REGISTERING, SERVING, LEAVING = "booting", "waiting", "registering", "serving", "leaving"
REFUSED, EXITED = "refused", "exited"
"""Its registration has failed for this run; or it is of no use any more, and only waits for its threshold."""
_BEGINS = {"created": REGISTERING, "claimed": REGISTERING, "running": SERVING, "idle": WAITING}


_time = functools.cache(records.read_time)


class Fault(Enum):
    """What goes wrong on a machine."""

    NEVER_BOOTS = auto()
    SCRIPT_FAILS = auto()
    REGISTRATION_FAILS = auto()
    HANGS = auto()
    """It never comes to an end with its registration."""
    DIES = auto()
    """It ends before it has registered."""
    SILENT = auto()
    """It registers, and does not beat."""


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
    fault: Fault | None = None


USUAL = Pace()
SLOW = Pace(register=9, notice_release=10, leave=40)
FAST = Pace(boot=30, register=1, notice_release=1, leave=4)


@define
class Agent:
    """An instance's agent; it reads its record at once when something changed, and acts when it is due."""

    pool: Pool = field(repr=False)
    id: str
    pace: Pace = USUAL
    phase: str = BOOTING
    run: str = ""
    """The run that it is registered for, or about to be."""
    due: datetime | None = None
    since: datetime = field(init=False)
    beaten: datetime | None = None
    registered_at: datetime | None = None
    silent: bool = field(init=False)
    late_since: datetime | None = None
    """Since when its threshold is a minute ago."""

    def __attrs_post_init__(self) -> None:
        """Begin in the phase that fits the record and the last signal; without a record it boots."""
        self.since = self._now
        self.silent = self.pace.fault is Fault.SILENT
        if record := self._record:
            self._begin(record)
        if self.phase in {BOOTING, REGISTERING} and self.pace.fault is not Fault.NEVER_BOOTS:
            self._later(self.pace.boot if self.phase == BOOTING else self.pace.register)

    def _begin(self, record: dict[str, Any]) -> None:
        state = records.text(record, "state") or ""
        self.phase = _BEGINS.get(state, WAITING)
        self.run = self._wanted
        beat = records.read_time(records.text(self._item(records.HEARTBEAT), "updatedAt") or "")
        if state == "created" and beat is None:
            self.phase, self.run = BOOTING, ""
            return
        if state == "created" and not self.run:
            self.phase = WAITING
        self.silent |= state == "idle" and (beat is None or self._now - beat > timedelta(seconds=3 * BEAT))
        signal = records.mapping(self._item(records.SIGNAL), "value")
        served = records.text(signal, "runId")
        if records.text(signal, "state") == "UD_REG_OK" and served and served == (self.run or self._last_run):
            self.phase, self.run = SERVING, served

    @property
    def alive(self) -> bool:
        """Whether its instance lives."""
        return self._instance.state(self._now) in ALIVE

    @property
    def deregistered(self) -> bool:
        """Whether no job can come to it."""
        return self.phase == WAITING or not self.alive

    def serves(self, run: str) -> bool:
        """Whether a job that asks for a run can come to it."""
        return self.alive and self.phase == SERVING and self.run == run

    def look(self, record: Item) -> None:
        """Live until now, and notice a change of its record (empty if it has none), to act on it in time."""
        self._live(record)
        if self.due is not None or self.phase not in {WAITING, SERVING, REFUSED}:
            return
        wanted = records.text(record, "runId") or ""
        if self.phase == WAITING and wanted:
            self._later(self.pace.notice_claim)
        if self.phase in {SERVING, REFUSED} and wanted != self.run:
            self._later(self.pace.notice_release)

    def act(self) -> None:
        """Go on to the next phase."""
        self.due = None
        if not self.alive:
            return
        match self.phase:
            case "booting":
                failed = self.pace.fault is Fault.SCRIPT_FAILS
                self._signal("UD_FAILED" if failed else "UD_OK", self._initial_run)
                self.phase = EXITED if failed else WAITING
            case "waiting":
                self.run = self._wanted
                if self.run:
                    self.phase = REGISTERING
                    self._later(self.pace.register)
            case "registering":
                self._register()
            case "refused":
                self.phase, self.run = WAITING, ""
            case "serving":
                # A run may have taken it again before it noticed that it was released.
                if self._wanted != self.run:
                    self.phase = LEAVING
                    self._later(self.pace.leave)
            case _:
                self._signal("UD_REMOVE_REG_OK", self.run)
                self._signal("UD_REMOVE_REG_REMOVE_RUN_OK", self.run)
                self.phase, self.run = WAITING, ""

    def _register(self) -> None:
        match self.pace.fault:
            case Fault.REGISTRATION_FAILS:
                self._signal("UD_REG_FAILED", self.run)
                self.phase = REFUSED
            case Fault.DIES:
                self._end()
            case Fault.HANGS:
                pass
            case _:
                self._signal("UD_REG_OK", self.run)
                self.phase, self.registered_at = SERVING, self._now

    def _live(self, record: Item) -> None:
        """Beat as often as it has until now, and end when its threshold is long past."""
        now = self._now
        if self.phase == BOOTING or self._instance.state(now) not in ALIVE:
            return
        beat = now - timedelta(seconds=(now - self.since).total_seconds() % BEAT)
        if beat != self.beaten and not self.silent and self.phase != EXITED:
            self.beaten = beat
            self.pool.table.put(records.item(records.HEARTBEAT, self.id, beat, value="PING"))
        if not record and now - self.since >= ABANDONED_AFTER:
            self._end()
        threshold = _time(records.text(record, "threshold") or "")
        if threshold is None or now - threshold <= ENDS_AFTER:
            self.late_since = None
            return
        self.late_since = self.late_since or max(threshold + ENDS_AFTER, self.since)
        if now - self.late_since >= timedelta(seconds=self.pace.end):
            self._end()

    @property
    def _now(self) -> datetime:
        return self.pool.account.clock.now()

    @property
    def _instance(self) -> Instance:
        found: Instance = self.pool.account.state.instances[self.id]
        return found

    @property
    def _record(self) -> Item:
        return self._item(records.INSTANCE)

    @property
    def _last_run(self) -> str:
        return records.text(self._record, "lastRunId") or ""

    def _item(self, entity: str) -> Item:
        return self.pool.table.items.get((f"TYPE#{entity}", f"ID#{self.id}"), {})

    def _end(self) -> None:
        self._instance.ended_at = self._now

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
