"""The program on an instance, as far as the doors notice it, driven by the simulated clock."""

from __future__ import annotations

import functools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from refresh.pool import records, signals
from refresh.pool.signals import Report, Signal
from tests.fakes import instance_items
from tests.fakes.memory.ec2 import ALIVE
from tests.fakes.runner_role import ROLE_ID
from tests.simulation.paces import USUAL, Fault, Pace

if TYPE_CHECKING:
    from tests.fakes.memory.ec2 import Instance
    from tests.simulation.pool import Pool

    Item = dict[str, Any]

BEAT = 5
ENDS_AFTER = timedelta(minutes=1)
ABANDONED_AFTER = timedelta(hours=1)
"""How long an agent waits for a record."""
TAKEN_BACK_IN = timedelta(minutes=2)
"""How long before it takes a spot machine back EC2 says so."""
BOOTING, WAITING, REGISTERING, SERVING, LEAVING = "booting", "waiting", "registering", "serving", "leaving"
REFUSED, EXITED = "refused", "exited"
"""Its registration has failed for this run; or it is of no use any more, and only waits for its threshold."""
_BEGINS = {"created": REGISTERING, "claimed": REGISTERING, "running": SERVING, "idle": WAITING}


_time = functools.cache(records.read_time)


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
    """When it last wrote its report."""
    signal: Signal | None = None
    """Its last one."""
    taken_back_at: datetime | None = None
    """When EC2 takes the machine back, once that has been reported."""
    registered_at: datetime | None = None
    silent: bool = field(init=False)
    late_since: datetime | None = None
    """Since when its threshold is a minute ago."""

    def __attrs_post_init__(self) -> None:
        """Begin in the phase that fits the record and the last signal; without a record it boots."""
        self.since = self._now
        self.silent = self.pace.fault is Fault.SILENT
        last = self._last_report
        self.signal, self.beaten = last.signal, last.beat
        if record := self._record:
            self._begin(record)
        if self.phase in {BOOTING, REGISTERING} and self.pace.fault is not Fault.NEVER_BOOTS:
            self._later(self.pace.boot if self.phase == BOOTING else self.pace.register)

    def _begin(self, record: dict[str, Any]) -> None:
        state = records.text(record, "state") or ""
        self.phase = _BEGINS.get(state, WAITING)
        self.run = self._wanted
        if state == "created" and self.beaten is None:
            self.phase, self.run = BOOTING, ""
            return
        if state == "created" and not self.run:
            self.phase = WAITING
        self.silent |= state == "idle" and not self.beats
        served = self.signal.run_id if self.signal and self.signal.state == signals.REGISTERED else ""
        if served and served == (self.run or self._last_run):
            self.phase, self.run = SERVING, served

    @property
    def alive(self) -> bool:
        """Whether its instance lives."""
        return self._instance.state(self._now) in ALIVE

    @property
    def beats(self) -> bool:
        """Whether its last report is recent."""
        return self.beaten is not None and self._now - self.beaten <= timedelta(seconds=3 * BEAT)

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
        """Beat as often as it has until now, and end when its threshold is long past or EC2 takes the machine back."""
        now = self._now
        self._be_taken_back(now)
        if self.phase == BOOTING or self._instance.state(now) not in ALIVE:
            return
        beat = now - timedelta(seconds=(now - self.since).total_seconds() % BEAT)
        later = self.beaten is None or beat > self.beaten
        if later and not self.silent and self.phase != EXITED:
            if self.original_modes:
                self.pool.table.put(instance_items.heartbeat(self.id, beat))
            self._report(beat)
        if not record and now - self.since >= ABANDONED_AFTER:
            self._end()
        threshold = _time(records.text(record, "threshold") or "")
        if threshold is None or now - threshold <= ENDS_AFTER:
            self.late_since = None
            return
        self.late_since = self.late_since or max(threshold + ENDS_AFTER, self.since)
        if now - self.late_since >= timedelta(seconds=self.pace.end):
            self._end()

    def _be_taken_back(self, now: datetime) -> None:
        said_at = self.since + timedelta(seconds=self.pace.taken_back)
        if self.pace.fault is not Fault.TAKEN_BACK or now < said_at or not self.alive:
            return
        if now >= said_at + TAKEN_BACK_IN:
            self._end()
        elif self.taken_back_at is None:
            self.taken_back_at = said_at + TAKEN_BACK_IN
            self._report(now)

    @property
    def original_modes(self) -> bool:
        """Whether it writes where the original action reads."""
        settings = self.pool.table.items.get(("TYPE#SETTINGS", "ID#doors"), {})
        return records.truth(records.mapping(settings, "value"), "originalModes") is not False

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

    @property
    def _last_report(self) -> Report:
        """What it has written itself, where only it can write; an older one has only the original action's items."""
        places = [signals.agent_entity(ROLE_ID, self.id)]
        if self.pace.fault is Fault.OLD or not self._item(*places):
            places = [records.HEARTBEAT, records.SIGNAL]
        found = {(each, self.id): self._item(each) for each in places if self._item(each)}
        return signals.read_reports(found).get(self.id, Report())

    def _signal(self, state: str, run: str) -> None:
        self.signal = Signal(state, run, self._now)
        if self.original_modes:
            self.pool.table.put(instance_items.signal(self.id, self._now, state, run))
        self._report(self._now)

    def _report(self, beat: datetime) -> None:
        """Write the item that only this agent can write: beat and signal together."""
        self.beaten = beat
        if self.pace.fault is Fault.OLD:
            return
        last = self.signal or Signal("")
        self.pool.table.put(
            instance_items.report(
                self.id, beat, last.state, last.run_id, signalled_at=last.at, reclaimed_at=self.taken_back_at
            )
        )
