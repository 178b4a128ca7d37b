"""What must hold after every call of provision, and what must have come true once it has ended.

D is for what both doors promise (door_invariants has those of release):
D1  A record changes only as this process saw it last, along the table's transitions, to and from its own label.
D2  After success enough machines run for the label: registered under it after this claim, beating, and within the
    maximum runtime.
D3  A launched machine is recorded with a threshold, or found by its template and the run in its tags.
D4  Only a machine ends that EC2 has shown to be the pool's, that is not protected, and that no other label has.
D5  Only a machine is claimed that waits for a run and is what was asked for, by the word of its own agent, and that EC2
    does not take back.
D6  A later attempt adds nothing to what is complete; in one attempt a label has one provision.
D7  Nothing that the archived action reads changes its form, or changes at all where provision has no business.
D8  An hour after the last refresh no machine of the label lives.
D9  No secret is in a request or in what is published.
D10 Of simultaneous provisions on enough machines each gets what it wants, and none launches.

P is for provision:
P1  Only a machine that does not work, or that EC2 takes back, ends or goes back, unless the provision as a whole fails.
P2  What can be had is got, and what cannot is a failure.
P3  A client token is that of one request, and is sent again only while that has no answer.
P4  No more is launched than is missing, nor more than the pool may have.
P5  A failed provision leaves nothing with the label; after a killed one, its release and a refresh leave nothing.
P6  Once it is stopped, it writes only the records of machines that it has launched.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from refresh import errors
from refresh.pool import lifecycle, records, runs
from refresh.pool.ownership import PROTECTION_TAG, TEMPLATE_TAG
from tests.fakes.desired import TEMPLATE
from tests.fakes.memory.account import Seam, Watch
from tests.simulation.agents import BOOTING, EXITED, LEAVING, REFUSED, SERVING, WAITING, Agent
from tests.simulation.door_invariants import TEXTS, Seen, check_message, seen_in
from tests.simulation.invariants import SECRET, STRANGER, require
from tests.simulation.paces import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.desired import DesiredProvision
    from tests.simulation.stage import Stage

_KEPT = ("PK", "SK", "entityType", "identifier", "resourceClass", "instanceType", "usageClass")
_STALLED = timedelta(seconds=5)


@define
class ProvisionGuard:
    """A seam that checks every call of one provision before it hands over to another seam."""

    stage: Stage
    desired: DesiredProvision
    inner: Seam = field(factory=Watch)
    strict: bool = True
    """Whether no other program touches the machines of the label meanwhile."""
    seen: dict[str, Seen] = field(factory=dict)
    """State, run and threshold of each record as this process read or wrote it last."""
    taken_back: set[str] = field(factory=set)
    """The machines of which this process has read that EC2 takes them back."""
    described: set[str] = field(factory=set)
    """The machines that EC2 has shown to this process, or launched for it."""
    answer: list[Any] = field(factory=list)
    """What was read, in an answer that may be lost on its way."""
    tokens: dict[str, bool] = field(factory=dict)
    """The client tokens that were sent, and whether their request has been answered."""
    claimed_at: dict[str, datetime] = field(factory=dict)
    given_up: dict[str, str] = field(factory=dict)
    """Machines that worked and were given up nevertheless, and how."""
    stopped: Callable[[], bool] = lambda: False
    """Whether it was stopped."""
    cancelled: bool = False
    """Whether that was before the call."""
    items: dict[tuple[str, str], Any] = field(factory=dict)
    """All items before the call."""
    instances: set[str] = field(factory=set)
    """All machines before the call."""
    checked: int = 0
    leased: bool = False
    """Whether it has taken the label."""
    blind: bool = False
    """Whether EC2 has refused to show machines."""
    launched: set[str] = field(factory=set)
    """The machines that EC2 has launched for it."""
    claims: set[str] = field(factory=set)
    """The machines that it has claimed."""
    slow_write: bool = False
    """Whether a write took so long that the time in it was over."""
    asked_at: datetime | None = None
    """When the call was made; others may act for long before it has its effect."""

    def start(self) -> None:
        """Watch a process from its start."""
        account = self.stage.pool.account
        account.seam, account.look = self, self.look
        account.requests.clear()
        account.calls.clear()

    @property
    def label(self) -> str:
        """The label that is provided."""
        return self.desired.label

    def look(self, operation: str, answer: Any) -> None:
        """Remember what is read, until the answer has arrived."""
        self.answer.append((operation, answer))

    def before(self, number: int, operation: str) -> None:
        """Let the others act, and keep what is compared with after the effect."""
        self.answer.clear()
        self.asked_at, self.cancelled = self._now, self.stopped()
        self._pass_on(self.inner.before, number, operation)
        self.stage.catch_up()
        account = self.stage.pool.account
        self.items = dict(self.stage.pool.table.items)
        self.instances = set(account.state.instances)
        self.checked = len(account.requests)

    def after(self, number: int, operation: str) -> None:
        """Check what the call did, then let the others act."""
        requests = self.stage.pool.account.requests
        request = requests[-1][1] if len(requests) > self.checked else None
        self._check_items(operation)
        if request is not None:
            self.slow_write |= self._stalled
            require(self.leased, "D6", f"{operation} without the label")
            require(not SECRET.search(repr(request)), "D9", operation)
            match operation:
                case "ec2:TerminateInstances":
                    self._check_terminations(request["InstanceIds"])
                case "ec2:CreateFleet":
                    self._check_launch(request)
                case "sqs:SendMessageBatch":
                    for entry in request["Entries"]:
                        check_message(self.stage, self.seen, (), entry)
                case "dynamodb:PutItem" | "dynamodb:UpdateItem" | "dynamodb:TransactWriteItems":
                    pass
                case _:
                    require(False, "D7", f"{operation} is none of provision's calls")
            recording = operation in {"dynamodb:PutItem", "dynamodb:TransactWriteItems"} and self._recorded_only()
            require(recording or not self.cancelled, "P6", f"{operation} after it was stopped")
        self.stage.catch_up()
        self._pass_on(self.inner.after, number, operation)
        self._arrived(operation, request)

    def _pass_on(self, see: Callable[[int, str], None], number: int, operation: str) -> None:
        try:
            see(number, operation)
        except errors.ApiError:
            self.blind |= operation == "ec2:DescribeInstances"
            raise

    def _arrived(self, operation: str, request: Any) -> None:
        """Take in what the process has learnt."""
        if operation == "ec2:CreateFleet" and request is not None:
            self.tokens[request["ClientToken"]] = True
            self.described |= set(self.stage.pool.account.state.instances) - self.instances
        for _, answer in self.answer:
            for item in _items_in(answer):
                if records.text(item, "state"):
                    self.seen[records.identifier_of(item)] = seen_in(item)
                if records.text(records.mapping(item, "value"), "reclaimedAt"):
                    self.taken_back.add(records.identifier_of(item))
            for reservation in answer.get("Reservations", []):
                self.described.update(each["InstanceId"] for each in reservation["Instances"])

    def _recorded_only(self) -> bool:
        """Whether only new records were written, or the label was taken, which is sent with the first reads."""
        after = self.stage.pool.table.items
        changed = {key: item for key, item in after.items() if self.items.get(key) != item}
        return all(
            records.text(records.mapping(item, "value"), "result") == ""
            if key[0] == "TYPE#RUN"
            else key[0] == "TYPE#INSTANCE" and key not in self.items
            for key, item in changed.items()
        )

    def _check_items(self, operation: str) -> None:
        after = self.stage.pool.table.items
        require(self.items.keys() <= after.keys(), "D3", set(self.items) - set(after))
        for key, item in after.items():
            before = self.items.get(key)
            if item is before or item == before:
                continue
            match records.entity_of(item):
                case records.RUN:
                    self._check_run(before, item)
                case records.INSTANCE:
                    self._check_record(records.identifier_of(item), before, item)
                case other:
                    require(False, "D7", f"{operation} changed {other} {key}")

    def _check_run(self, before: Any, item: Any) -> None:
        """Check that the label is taken where it is free, and concluded where it is held."""
        require(records.identifier_of(item) == self.label, "D7", f"the RUN item of {records.identifier_of(item)}")
        was, now = records.mapping(before or {}, "value"), records.mapping(item, "value")
        if not was or (self.leased and records.text(was, "holder") == records.text(now, "holder")):
            self.leased = True
            return
        result, deadline = records.text(was, "result"), records.text(was, "deadline") or ""
        free = (
            (records.number(was, "attempt") or 0) < self.desired.attempt
            or result == runs.FAILED
            or (result == "" and deadline <= self.stage.pool.in_time(0))
        )
        require(free, "D6", f"the label was taken from {was}")
        self.leased = True

    def _check_record(self, identifier: str, before: Any, item: Any) -> None:
        for name in TEXTS:
            require(records.text(item, name) is not None, "D7", f"{name} of {identifier} is {item.get(name)}")
        now = seen_in(item)
        threshold = records.read_time(now[2] or "")
        if threshold is None:
            require(False, "D3", f"{identifier} has the threshold {now[2]}")
            return
        if before is None:
            self._check_created(identifier, item, threshold)
        else:
            for name in _KEPT:
                require(item.get(name) == before.get(name), "D7", f"{name} of {identifier} became {item.get(name)}")
            was = seen_in(before)
            require(was == self.seen.get(identifier), "D1", f"{identifier} was {was}, seen {self.seen.get(identifier)}")
            self._check_change(identifier, before, item, threshold)
        self.seen[identifier] = now

    def _check_created(self, identifier: str, item: Any, threshold: datetime) -> None:
        instance = self.stage.pool.account.state.instances.get(identifier)
        require(instance is not None, "D3", f"{identifier} is recorded and does not exist")
        tags = instance.tags if instance else {}
        require(tags.get("InitialRunId") == self.label and TEMPLATE_TAG in tags, "D1", f"{identifier}: {tags}")
        require(seen_in(item)[:2] == ("created", self.label), "D1", f"{identifier} is recorded as {seen_in(item)}")
        latest = self._now + lifecycle.CREATED_FOR
        ahead = threshold > self._now or self._stalled
        require(ahead and threshold <= latest, "D3", f"{identifier} is recorded until {threshold}")
        require(records.text(item, "resourceClass") == self.desired.resource_class, "D7", f"{identifier}: {item}")
        usage = records.text(item, "usageClass")
        require(usage == getattr(instance, "lifecycle", usage), "D7", f"{identifier} is recorded as {usage}")
        self.claimed_at[identifier] = instance.launched_at if instance else self._now

    def _check_change(self, identifier: str, before: Any, item: Any, threshold: datetime) -> None:
        was, now = seen_in(before), seen_in(item)
        ahead = threshold > self._now
        match was, now:
            case ("idle" | "created", "", _), ("claimed", self.label, _):
                self._check_claim(identifier, before, threshold)
            case ("created" | "claimed" | "running", self.label, _), ("running", self.label, _):
                self._check_start(identifier, was, threshold)
            case ("running" | "claimed", self.label, _), ("idle", "", _) if ahead:
                latest = self._now + self.stage.pool.desired.max_idle_time
                require(threshold <= latest, "D3", f"{identifier} is idle until {threshold}")
                require((was[2] or "") > self.stage.pool.in_time(0), "D1", f"{identifier} had expired: {was}")
                self._gave_up(identifier, "given back")
            case ("created", self.label, _), ("created", "", _) if not ahead:
                self._gave_up(identifier, "retired")
            case ("running" | "claimed", self.label, _), ("idle", "", _):
                self._gave_up(identifier, "retired")
            case ("idle", "", kept), ("idle", "", same) if kept == same:
                require(records.text(before, "lastRunId") == self.label, "D1", f"{identifier} is of another run")
            case _:
                require(False, "D1", f"{identifier}: {was} became {now}")

    def _check_claim(self, identifier: str, before: Any, threshold: datetime) -> None:
        agent, desired = self.stage.agents.get(identifier), self.desired
        pool = self.stage.pool
        expired = (seen_in(before)[2] or "") <= pool.in_time(-1)
        require(not expired or self._stalled, "D5", f"{identifier} had expired: {before}")
        waits = agent is None or (agent.phase == WAITING and (agent.beats or self._stalled) and self._believed(agent))
        require(waits or identifier not in pool.alive, "D5", f"{identifier} was claimed as {agent}")
        require(identifier not in self.taken_back, "D5", f"{identifier} was claimed while EC2 takes it back")
        kind = records.text(before, "usageClass") in {each.value for each in desired.usage_classes}
        kind = kind and records.text(before, "resourceClass") == desired.resource_class
        kind = kind and (records.text(before, "instanceType") or "")[0] in {each[0] for each in desired.instance_types}
        require(kind, "D5", f"{identifier} is not what was asked for: {before}")
        fresh = records.text(before, "state") == "created" or before.get("freshFor") == before["threshold"]
        require(desired.reuse or fresh, "D5", f"{identifier} has served before: {before}")
        require(threshold <= self._now + lifecycle.CLAIMED_FOR, "D1", f"{identifier} is claimed until {threshold}")
        self.claimed_at[identifier] = self._now
        self.claims.add(identifier)

    def _check_start(self, identifier: str, was: Seen, threshold: datetime) -> None:
        longest = self.desired.max_runtime or self.stage.pool.desired.max_runtime
        ahead = threshold > self._now or self._stalled
        require(ahead and threshold <= self._now + longest, "D2", f"{identifier} runs until {threshold}")
        if was[0] == "running":
            return
        agent = self.stage.agents[identifier]
        served = agent.run == self.label and agent.phase in {SERVING, LEAVING} and self._believed(agent)
        require(served or not agent.alive, "D2", f"{identifier} is started as {agent}")
        since, registered = self.claimed_at.get(identifier), agent.registered_at
        require(since is None or registered is None or registered >= since, "D2", f"{identifier}: {registered}")

    def _gave_up(self, identifier: str, how: str) -> None:
        """Note a machine that is given up although it works, or may still boot, and is needed."""
        agent = self.stage.agents.get(identifier)
        if agent is None or not agent.alive or agent.phase in {EXITED, REFUSED}:
            return
        if agent.pace.fault and (agent.pace.fault is not Fault.TAKEN_BACK or agent.taken_back_at):
            return
        began = self.claimed_at.get(identifier)
        if began and self._now - began >= lifecycle.REGISTERS_WITHIN and not agent.serves(self.label):
            return
        silent = agent.phase != BOOTING and not agent.beats
        if not silent and len(self._of_label()) < self.desired.count:
            self.given_up[identifier] = how

    def _check_launch(self, request: Any) -> None:
        token = request.get("ClientToken") or ""
        require(token, "P3", "a launch without a client token")
        require(not self.tokens.get(token), "P3", f"the client token {token} is used again")
        used = self.stage.tokens.setdefault(token, self.label)
        require(used == self.label, "P3", f"the client token {token} is one of {used}")
        self.tokens[token] = False
        pool, known = self.stage.pool, self.stage.pool.account.state
        new = [known.instances[each] for each in known.instances if each not in self.instances]
        template = known.templates[TEMPLATE]
        for each in new:
            require(each.tags.get(TEMPLATE_TAG) == template.id, "D3", f"{each.id} has the tags {each.tags}")
            require(each.tags.get("InitialRunId") == self.label, "D3", f"{each.id} has the tags {each.tags}")
            require(each.tags.get("AllowSelfTermination") == "true", "D3", f"{each.id} has the tags {each.tags}")
        self.launched.update(each.id for each in new)
        self.stage.catch_up()
        if not new or not self.strict or self.slow_write:
            return
        require(len(self.launched | self.claims) <= 2 * self.desired.count, "P4", f"{self.launched | self.claims}")
        working = [each for each in self._of_label() if self.stage.agents[each].pace.fault is None]
        require(len(working) <= self.desired.count, "P4", f"{working} for {self.desired.count}")
        caps = records.mapping(pool.table.of(records.SETTINGS)["doors"]["value"]["M"], "maxInstances")
        if (most := records.number(caps, self.desired.resource_class)) is not None:
            expired = [each for each, item in pool.table.of(records.INSTANCE).items() if self._expired(item)]
            living = set(pool.alive) - set(expired)
            require(len(living) <= most, "P4", f"{living} of {most} machines")

    def _of_label(self) -> list[str]:
        """List the living machines that have the label, or were launched for it and are not recorded."""
        found, recorded = [], self.stage.pool.table.of(records.INSTANCE)
        for identifier in self.stage.pool.alive:
            tags = self.stage.pool.account.state.instances[identifier].tags
            item = recorded.get(identifier)
            run = tags.get("InitialRunId") if item is None else records.text(item, "runId")
            late = item is not None and self._expired(item)
            hidden = item is None and self.blind and identifier not in self.described
            if run == self.label and not (late or hidden) and TEMPLATE_TAG in tags and STRANGER not in tags:
                found.append(identifier)
        return found

    def _expired(self, item: Any) -> bool:
        return (seen_in(item)[2] or "") <= self.stage.pool.in_time(0)

    def _check_terminations(self, identifiers: list[str]) -> None:
        pool = self.stage.pool
        for identifier in identifiers:
            tags = pool.account.state.instances[identifier].tags
            require(identifier in self.described, "D4", f"EC2 did not show {identifier}")
            require(STRANGER not in tags, "D4", f"{identifier} is of no pool")
            require(tags.get(PROTECTION_TAG) != "true", "D4", f"{identifier} is protected")
            item = pool.table.of(records.INSTANCE).get(identifier)
            if item is None:
                require(tags.get("InitialRunId") == self.label, "D4", f"{identifier} is of another run")
                self._gave_up(identifier, "ended")
                continue
            of = next(filter(None, (records.text(item, each) for each in ("runId", "lastRunId", "endedRunId"))), "")
            require(of == self.label, "D4", f"{identifier} is of the run {of}")
            late = (records.text(item, "threshold") or "") < pool.in_time(0)
            ending = records.text(item, "state") == records.TERMINATED
            require(late or ending, "D4", f"{identifier} has time left: {seen_in(item)}")

    def _believed(self, agent: Agent) -> bool:
        """Whether the agent says itself that its machine can be used, where no other machine can say it."""
        settings = records.mapping(self.stage.pool.table.of(records.SETTINGS)["doors"], "value")
        return not records.text(settings, "runnerRoleId") or agent.pace.fault is not Fault.OLD

    @property
    def _stalled(self) -> bool:
        """Whether much has happened between the decision and its effect."""
        return self.asked_at is not None and self._now - self.asked_at > _STALLED

    @property
    def _now(self) -> datetime:
        return self.stage.pool.account.clock.now()


def _items_in(answer: Any) -> list[Any]:
    """List the items that DynamoDB has returned."""
    if "Responses" in answer:
        return [item for items in answer["Responses"].values() for item in items]
    return [*answer.get("Items", []), *([answer["Item"]] if answer.get("Item") else [])]


def working(stage: Stage, desired: DesiredProvision) -> list[str]:
    """List the machines that work for the label, with eyes other than provision's."""
    now = stage.pool.account.clock.now()
    longest = desired.max_runtime or stage.pool.desired.max_runtime
    found = []
    for identifier, item in stage.pool.table.of(records.INSTANCE).items():
        state, run, threshold = seen_in(item)
        until = records.read_time(threshold or "")
        if (state, run) != ("running", desired.label) or until is None or not now < until <= now + longest:
            continue
        if stage.agents[identifier].beats and stage.agents[identifier].serves(desired.label):
            found.append(identifier)
    return found


def later(desired: DesiredProvision) -> DesiredProvision:
    """Return what the next attempt of the run wants."""
    return evolve(desired, attempt=desired.attempt + 1)
