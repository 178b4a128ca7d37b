"""The archived action's `provision` as another process, from what is known of its calls, faults included."""

from __future__ import annotations

from collections import Counter
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from attrs import define, field

from refresh.pool import records
from tests.fakes.desired import TEMPLATE
from tests.simulation.original_calls import CALL, CLAIMED_FOR, Message, OriginalCalls

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from tests.simulation.pool import Pool

ITEMS = ("resource_class_config", "idle_time_sec", "max_runtime_min", "subnet_ids", "launch_template")
TOKEN = "gh_registration_token"
HEALTHY_SECONDS = 15
CLAIM_LOOKS, CLAIM_PAUSE = 20, 0.5
BOOT_LOOKS, BOOT_PAUSE = 18, 10
BEAT_LOOKS, BEAT_PAUSE = 3, 5
FREQUENCY = 5
TYPES = ("c*", "m*", "r*", "t*")


@define
class OriginalProvision:
    """One run of it, which wants machines of the class `large`."""

    pool: Pool
    run_id: str
    count: int = 1
    skew: float = 0
    usage_class: str = "on-demand"
    capacity: int = 100
    """How many instances EC2 has for it."""
    claimed: dict[str, Message] = field(factory=dict)
    created: list[str] = field(factory=list)
    provided: list[str] = field(factory=list)
    """The machines that work for the run, once it has succeeded."""
    outcome: str = "unfinished"
    calls: OriginalCalls = field(init=False)
    values: dict[str, Any] = field(factory=dict)
    seen: Counter[str] = field(factory=Counter)

    def __attrs_post_init__(self) -> None:
        """Use the clock of the machine that it runs on."""
        self.calls = OriginalCalls(self.pool, self.skew)

    def steps(self) -> Iterator[float]:
        """Give the seconds before each call."""
        self.outcome = "failed"
        for identifier in (*ITEMS, TOKEN):
            yield CALL
            self.values[identifier] = self.calls.get(records.METADATA, identifier).get("value")
        token = records.text(records.mapping(self.values, TOKEN), "expires_at") or ""
        if not all(self.values.values()) or token <= self.calls.time():
            return
        for _ in range(self.count):
            yield from self._claim()
        success = True
        if len(self.claimed) < self.count:
            success = yield from self._create(self.count - len(self.claimed))
        yield from self._finish() if success else self._give_back()

    def _claim(self) -> Iterator[float]:
        """Take messages until a machine is claimed, or none is left."""
        while (message := (yield from self._pick_up())) is not None:
            identifier = message["id"]
            yield CALL
            claimed = {"state": "claimed", "runId": self.run_id, "threshold": self.calls.time(CLAIMED_FOR)}
            if not self.calls.change(identifier, "idle", "", **claimed):
                continue
            yield CALL
            beat = self.calls.get(records.HEARTBEAT, identifier)
            if self.calls.age(records.text(beat, "updatedAt")) > HEALTHY_SECONDS:
                yield CALL
                self.calls.expire(identifier, "claimed", self.run_id)
                continue
            if (yield from self._registered(identifier)):
                self.claimed[identifier] = message
                return
            yield CALL
            self.calls.end([identifier])
            yield CALL
            self.calls.expire(identifier, "claimed", self.run_id)

    def _pick_up(self) -> Generator[float, None, Message | None]:
        while True:
            yield CALL
            received = self.calls.receive(self._queue)
            if received is None:
                return None
            handle, message = received
            yield CALL
            self.calls.drop(self._queue, handle)
            self.seen[message["id"]] += 1
            often = self.seen[message["id"]] > FREQUENCY
            if not often and not self._fits(message):
                continue
            if often or message["usageClass"] != self.usage_class or not _allowed(message["instanceType"]):
                yield CALL
                self.calls.send(self._queue, message)
                if often:
                    return None
                continue
            return message

    def _fits(self, message: Message) -> bool:
        """Whether it does not drop the message."""
        size = self._class
        return bool(
            message["cpu"] == records.number(size, "cpu")
            and message["mmem"] >= (records.number(size, "mmem") or 0)
            and message["threshold"] > self.calls.time()
            and message["usageClass"]
        )

    def _registered(self, identifier: str) -> Generator[float, None, bool]:
        for _ in range(CLAIM_LOOKS):
            yield CLAIM_PAUSE
            state = self._signal(identifier)
            if state == "UD_REG_OK":
                return True
            if state.endswith("FAILED"):
                return False
        return False

    def _create(self, number: int) -> Generator[float, None, bool]:
        """Launch, record and wait for all; one that fails ends all, and their records stay."""
        yield CALL
        launched = min(number, self.capacity)
        tags = {"AllowSelfTermination": "true", "InitialRunId": self.run_id}
        new = [each.id for each in self.pool.ec2.launch(TEMPLATE, launched, tags=tags)] if launched else []
        success = len(new) == number
        if success:
            for identifier in new:
                yield CALL
                size = {"resourceClass": "large", "instanceType": "c5.large", "usageClass": self.usage_class}
                self.calls.create(identifier, self.run_id, **size)
            self.created = new
            success = yield from self._booted(new)
        if not success and new:
            yield CALL
            self.calls.end(new)
        return success

    def _booted(self, new: list[str]) -> Generator[float, None, bool]:
        for _ in range(BOOT_LOOKS):
            yield BOOT_PAUSE
            states = {self._signal(each) for each in new}
            if any(state.endswith("FAILED") for state in states):
                return False
            if states == {"UD_REG_OK"}:
                break
        else:
            return False
        for _ in range(BEAT_LOOKS):
            yield BEAT_PAUSE
            beats = [self.calls.get(records.HEARTBEAT, each) for each in new]
            if all(self.calls.age(records.text(each, "updatedAt")) <= HEALTHY_SECONDS for each in beats):
                return True
        return False

    def _finish(self) -> Iterator[float]:
        """Put all to work; one that cannot be changed deletes and ends all."""
        runtime = (records.number(self.values, "max_runtime_min") or 0) * 60
        for state, some in (("created", self.created), ("claimed", list(self.claimed))):
            for identifier in some:
                yield CALL
                working = {"state": "running", "threshold": self.calls.time(runtime)}
                if not self.calls.change(identifier, state, self.run_id, **working):
                    yield from self._dump()
                    return
        self.provided = [*self.claimed, *self.created]
        self.outcome = "provided"

    def _give_back(self) -> Iterator[float]:
        """Return what was claimed, each with a message before its agent has left the run."""
        idle = records.number(self.values, "idle_time_sec") or 0
        for identifier, message in self.claimed.items():
            yield CALL
            changed = {"state": "idle", "runId": "", "threshold": self.calls.time(idle)}
            if not self.calls.change(identifier, "claimed", self.run_id, **changed):
                yield from self._dump()
                return
            yield CALL
            self.calls.send(self._queue, message)

    def _dump(self) -> Iterator[float]:
        """Delete the records and end the instances; those of created ones without a condition."""
        for identifier in self.claimed:
            yield CALL
            if self.calls.delete(identifier, self.run_id):
                yield CALL
                self.calls.end([identifier])
        for identifier in self.created:
            yield CALL
            self.calls.delete(identifier, None)
            yield CALL
            self.calls.end([identifier])
        self.outcome = "dumped"

    @property
    def _class(self) -> Any:
        return records.mapping(records.mapping(self.values, "resource_class_config"), "large")

    @property
    def _queue(self) -> str:
        return records.text(self._class, "queueUrl") or ""

    def _signal(self, identifier: str) -> str:
        """Give the state of the signal, if it is of this run."""
        value = records.mapping(self.calls.get(records.SIGNAL, identifier), "value")
        return (records.text(value, "state") or "") if records.text(value, "runId") == self.run_id else ""


def _allowed(instance_type: str) -> bool:
    return any(fnmatchcase(instance_type, pattern) for pattern in TYPES)
