"""What must hold after every call of release, and what must have come true once it has ended without faults.

D is for what both doors promise:
D1  A record changes only from a label of this release, as this process saw it last, along the table's transitions.
D3  No machine loses its record, and no record its threshold.
D4  Only a machine ends that EC2 has shown to be the pool's, that is not protected, and that no other run can have.
D6  A release after a release writes nothing.
D7  Nothing that the archived action reads changes its form, or changes at all where release has no business.
D9  No secret is in a request or in the report.

R is for release:
R1  When a message becomes visible, the machine's agent has left its run.
R2  A message is sent only for a machine that this process knows to be idle, with the threshold of its record.
R3  Only a machine whose threshold is ahead is given back.
R4  A release without faults leaves nothing to do: no machine has the label, each is offered or ended.
R5  No machine is offered twice, or after another run had it.
R6  Only a machine that cannot or must not be used again ends: EC2 takes it back, for example.
R7  A release that leaves something to do fails.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from refresh.output.release_outputs import outputs
from refresh.output.release_report import serialized
from refresh.output.release_summary import markdown
from refresh.pool import records
from refresh.pool.ownership import PROTECTION_TAG
from tests.fakes.memory.account import Seam, Watch
from tests.fakes.memory.ec2 import ALIVE
from tests.simulation.door_rest import asked_for, undone, wanted
from tests.simulation.doors import dies, release
from tests.simulation.invariants import SECRET, STRANGER, require

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from refresh.desired import DesiredRelease
    from refresh.output.release_run import ReleaseRun
    from tests.simulation.stage import Stage

MESSAGE = {
    **dict.fromkeys(("id", "resourceClass", "instanceType", "usageClass", "threshold"), str),
    **dict.fromkeys(("cpu", "mmem"), int),
}
"""The members of a message and their types."""
TEXTS = ("state", "runId", "threshold", "resourceClass", "instanceType", "usageClass")
"""The attributes that the archived action reads."""
_KEPT = ("PK", "SK", "entityType", "identifier", "resourceClass", "instanceType", "usageClass")
_MESSAGES_SEEN = 70
_TRANSITIONS = {("running", "idle"), ("claimed", "idle"), ("created", "created")}

Seen = tuple[str | None, str | None, str | None]


@define
class DoorGuard:
    """A seam that checks every call of one release before it hands over to another seam."""

    stage: Stage
    desired: DesiredRelease
    inner: Seam = field(factory=Watch)
    seen: dict[str, Seen] = field(factory=dict)
    """State, run and threshold of each record as this process read or wrote it last."""
    foreign: set[str] = field(factory=set)
    """The machines that another run had last when this process read them."""
    taken_back: set[str] = field(factory=set)
    """The machines of which this process has read that EC2 takes them back."""
    answered_back: set[str] = field(factory=set)
    """The same, in an answer that may be lost on its way."""
    described: dict[str, bool] = field(factory=dict)
    """Whether a machine lives, by what EC2 said to this process."""
    answer: dict[str, bool] = field(factory=dict)
    """The same, in an answer that may be lost on its way."""
    before_it: dict[tuple[str, str], Any] = field(factory=dict)
    """All items before the call."""
    checked: int = 0
    """How many requests were made before the call, by whichever process."""

    def start(self) -> None:
        """Watch a process from its start."""
        account = self.stage.pool.account
        account.seam, account.look = self, self.look
        account.requests.clear()
        account.calls.clear()

    def look(self, operation: str, answer: Any) -> None:
        """Remember what the process has read."""
        if operation == "dynamodb:Query":
            for item in answer["Items"]:
                identifier = records.identifier_of(item)
                self.seen[identifier] = seen_in(item)
                if not asked_for(self.desired, self.stage.last_run.get(identifier, self.desired.run_id)):
                    self.foreign.add(identifier)
        if operation == "dynamodb:BatchGetItem":
            for item in (each for items in answer["Responses"].values() for each in items):
                if records.text(records.mapping(item, "value"), "reclaimedAt"):
                    self.answered_back.add(records.identifier_of(item))
        if operation == "ec2:DescribeInstances":
            for reservation in answer["Reservations"]:
                for instance in reservation["Instances"]:
                    self.answer[instance["InstanceId"]] = instance["State"]["Name"] in ALIVE

    def before(self, number: int, operation: str) -> None:
        """Let the others act, and keep what is compared with after the effect."""
        self.answer.clear()
        self.answered_back.clear()
        self.inner.before(number, operation)
        self.stage.catch_up()
        self.before_it = dict(self.stage.pool.table.items)
        self.checked = len(self.stage.pool.account.requests)

    def after(self, number: int, operation: str) -> None:
        """Check what the call did, then let the others act."""
        requests = self.stage.pool.account.requests
        if len(requests) > self.checked:
            _, request = requests[-1]
            require(not SECRET.search(repr(request)), "D9", operation)
            match operation:
                case "ec2:TerminateInstances":
                    self._check_terminations(request["InstanceIds"])
                case "sqs:SendMessageBatch":
                    for entry in request["Entries"]:
                        check_message(self.stage, self.seen, self.foreign, entry)
                case "dynamodb:TransactWriteItems":
                    self._check_writes()
                case _:
                    require(False, "D7", f"{operation} is none of release's calls")
        self.stage.catch_up()
        self.inner.after(number, operation)
        self.described.update(self.answer)
        self.taken_back |= self.answered_back

    def _check_writes(self) -> None:
        after = self.stage.pool.table.items
        require(self.before_it.keys() == after.keys(), "D3", set(self.before_it) ^ set(after))
        for key, item in after.items():
            before = self.before_it[key]
            if item == before:
                continue
            require(key[0] == "TYPE#INSTANCE", "D7", f"{key} was changed")
            self._check_record(records.identifier_of(item), before, item)

    def _check_record(self, identifier: str, before: Any, item: Any) -> None:
        was, now = seen_in(before), seen_in(item)
        require(was == self.seen.get(identifier), "D1", f"{identifier} was {was}, seen {self.seen.get(identifier)}")
        for name in TEXTS:
            require(records.text(item, name) is not None, "D7", f"{name} of {identifier} is {item.get(name)}")
        for name in _KEPT:
            require(item.get(name) == before.get(name), "D7", f"{name} of {identifier} became {item.get(name)}")
        threshold = records.read_time(now[2] or "")
        require(threshold, "D3", f"{identifier} has the threshold {now[2]}")
        self.seen[identifier] = now
        if was == now:
            require(
                asked_for(self.desired, records.text(item, "lastRunId") or ""), "D1", f"{identifier} is of another run"
            )
            return
        require(asked_for(self.desired, was[1] or ""), "D1", f"{identifier} was of the run {was[1]}")
        require((was[0], now[0]) in _TRANSITIONS and not now[1], "D1", f"{identifier}: {was} became {now}")
        moment = self.stage.pool.account.clock.now()
        given_back = bool(threshold and threshold > moment)
        if given_back:
            require((was[2] or "") > self.stage.pool.in_time(0), "R3", f"{identifier} had expired: {was}")
            require(was[0] == "running", "R3", f"{identifier} was {was[0]}, so its agent may still register")
            longest = timedelta(seconds=self._idle_seconds)
            require(threshold and threshold <= moment + longest, "D3", f"{identifier} is idle until {now[2]}")
            require(wanted(self.stage, self.desired, before), "R6", f"{identifier} must not be used again")
            require(self.described.get(identifier, True), "R6", f"{identifier} is given back, and was dead")
            require(identifier not in self.taken_back, "R6", f"{identifier} is given back, and EC2 takes it back")
        else:
            able = wanted(self.stage, self.desired, before) and identifier in self.stage.pool.alive
            able = able and identifier not in self.taken_back
            able = able and (was[2] or "") > self.stage.pool.in_time(-1)
            require(not able, "R6", f"{identifier} was {was}, and could be used again")

    def _check_terminations(self, identifiers: list[str]) -> None:
        for identifier in identifiers:
            tags = self.stage.pool.account.state.instances[identifier].tags
            require(identifier in self.described, "D4", f"EC2 did not describe {identifier}")
            require(STRANGER not in tags, "D4", f"{identifier} is of no pool")
            require(tags.get(PROTECTION_TAG) != "true", "D4", f"{identifier} is protected")
            item = self.stage.pool.table.of(records.INSTANCE).get(identifier)
            if item is None:
                require(asked_for(self.desired, tags.get("InitialRunId", "")), "D4", f"{identifier} is of another run")
                continue
            of = (
                records.text(item, "runId") or records.text(item, "lastRunId") or records.text(item, "endedRunId") or ""
            )
            require(asked_for(self.desired, of), "D4", f"{identifier} is of the run {of}")
            late = (records.text(item, "threshold") or "") < self.stage.pool.in_time(0)
            # Refresh may have marked it meanwhile, or the provision of this very run may have recorded it.
            ending = records.text(item, "state") == records.TERMINATED or identifier not in self.seen
            require(late or ending, "D4", f"{identifier} has time left: {seen_in(item)}")

    @property
    def _idle_seconds(self) -> int:
        settings = self.stage.pool.table.of(records.SETTINGS)["doors"]["value"]["M"]
        return int(settings["idleTimeSec"]["N"])


def check_message(stage: Stage, seen: Mapping[str, Seen], foreign: Collection[str], entry: Any) -> None:
    """Check a message that is sent: its form, and that it is for a machine that this process knows to be idle."""
    message = json.loads(entry["MessageBody"])
    require({name: type(it) for name, it in message.items()} == MESSAGE, "D7", message)
    identifier, threshold = message["id"], message["threshold"]
    known = seen.get(identifier)
    require(known == ("idle", "", threshold), "R2", f"{identifier} was seen as {known}: {message}")
    require(identifier not in foreign, "R5", f"{identifier} was of {stage.last_run.get(identifier)}")
    stage.sent.append((identifier, threshold))
    visible = stage.pool.account.clock.now() + timedelta(seconds=entry.get("DelaySeconds", 0))
    stage.at(visible, lambda: _check_agent(stage, identifier, threshold))


def _check_agent(stage: Stage, identifier: str, threshold: str) -> None:
    """Look at the machine as its message becomes visible: the receiver may claim the machine immediately."""
    item = stage.pool.table.of(records.INSTANCE).get(identifier, {})
    if seen_in(item) == ("idle", "", threshold):
        agent = stage.agents.get(identifier)
        require(
            agent is None or agent.deregistered,
            "R1",
            f"{identifier} is offered while its agent is {agent and agent.phase}",
        )


def watched(stage: Stage, desired: DesiredRelease, seam: Seam | None = None) -> ReleaseRun:
    """Release under a seam, every call and everything that is published checked."""
    DoorGuard(stage, desired, seam or Watch()).start()
    run = release(stage.pool, desired)
    published = "".join((markdown(run), *serialized(run), *outputs(run, "report.json").values(), repr(run)))
    require(not SECRET.search(published), "D9", "what is published")
    require("defect" not in str(run.component.error), "no defect", lambda: markdown(run))
    return run


def crashed(stage: Stage, desired: DesiredRelease, seam: Seam) -> bool:
    """Release under a seam, every call checked; return whether the process died."""
    DoorGuard(stage, desired, seam).start()
    return dies(stage.pool, desired)


def failing(stage: Stage, desired: DesiredRelease, seam: Seam) -> None:
    """Release while something fails, which must be reported unless all is done; then without faults."""
    report = watched(stage, desired, seam)
    require(report.exit_code == 1 or not undone(stage, desired), "R7", lambda: undone(stage, desired))
    settle(stage, desired)


def settle(stage: Stage, desired: DesiredRelease, *, once: bool = False) -> None:
    """Release without faults, check that all is done, and that another release writes nothing.

    `once` is whether no machine may have been offered twice, which a lost answer or a crash can cause.
    """
    report = watched(stage, desired)
    require(report.exit_code == 0, "R4", lambda: markdown(report))
    require(not undone(stage, desired), "R4", lambda: undone(stage, desired))
    again = watched(stage, desired)
    require(again.exit_code == 0, "D6", lambda: markdown(again))
    require(stage.pool.account.writes == [], "D6", stage.pool.account.writes)
    require(not once or len(stage.sent) == len(set(stage.sent)), "R5", stage.sent)
    stage.pass_time(_MESSAGES_SEEN)


def seen_in(item: Any) -> Seen:
    """Give state, run and threshold of a record."""
    return records.text(item, "state"), records.text(item, "runId"), records.text(item, "threshold")
