"""What must hold after every call, and what must have come true once all faults have stopped.

S is for safety:
S1  Only an instance that this process read as `terminated` is ended, and only while its record says so.
S2  A record is marked only as this process judged it, for a reason that holds; one that is adopted is past its grace.
    No living instance is marked by a record that comes from a backup. One is marked as abandoned only after two looks
    at its run, both of which showed the same attempt as long completed; its runner was seen in between, without a job,
    and its record was not written since it was read.
S3  An instance that is not the pool's, or not due, is not ended.
S4  A write to a parameter leaves the others alone, and what a parameter names is there. The template's default version
    moves to none that names a script which is not stored.
S5  No heartbeat or signal is deleted while its instance has not ended.
S6  The template's default version is there and complete. It moves to none that EC2 finds fault with, and no such
    template is recorded.
S8  No secret is in a request, but for the token in its own item, and none is in a report.
S11 A run that leaves a marked instance alive fails, unless it marked it as abandoned: its agent ends it.

L is for liveness, in runs without faults:
L1  The first ends whatever was marked or had expired.
L2  Nothing but history is left of these.
L3  Each succeeds, all is as it is wanted, SETTINGS repeat what is recorded, and the last writes nothing.
L4  The stored registration token lives long enough.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from refresh.output.job_summary import markdown
from refresh.pool import names, records
from refresh.pool.ownership import PROTECTION_TAG
from refresh.reconciler.garbage_collector.policy import UNKNOWN_GRACE, UNRECORDED_GRACE
from tests.fakes import canaries
from tests.fakes.desired import REPOSITORY, TABLE, TEMPLATE
from tests.fakes.memory.account import Crash, Seam, Watch
from tests.fakes.memory.ec2 import ALIVE
from tests.fakes.runner_role import ROLE_ID
from tests.simulation.pool import Pool
from tests.simulation.worlds import LARGE_SCRIPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refresh.engine.report import Report

STRANGER = "Stranger"
"""The tag of an instance that is not the pool's; no rule of refresh looks at it."""

COOL_DOWN = timedelta(seconds=61)
"""How long SQS refuses the name of a deleted queue."""

SECRET = re.compile(f"{canaries.REGISTRATION}|{canaries.PAT}")
_COMPLETE = {"ImageId", "IamInstanceProfile", "SecurityGroupIds", "UserData", "MetadataOptions"}


class Violation(BaseException):
    """A promise was broken; nothing that is tested may catch it."""


def require(condition: object, promise: str, details: object = "") -> None:
    """Break off where a promise does not hold; details that take long to write are given as a function."""
    if not condition:
        raise Violation(f"{promise}: {details() if callable(details) else details}")


@contextmanager
def explained(schedule: object) -> Iterator[None]:
    """Name the schedule that was drawn when it breaks a promise."""
    try:
        yield
    except Violation as violation:
        raise Violation(f"{violation} after {schedule}") from None


@define
class Guard:
    """A seam that checks every call of one process before it hands over to another seam.

    It knows what this process has read, which is all that the process may act on.
    """

    pool: Pool
    inner: Seam = field(factory=Watch)
    marked: set[str] = field(factory=set)
    """Ids that a read of this process showed as `terminated`."""
    judged: dict[str, tuple[str | None, ...]] = field(factory=dict)
    """State, run and threshold of each record as last read."""
    ended: set[str] = field(factory=set)
    """Ids that EC2 called terminated."""
    metadata: dict[str, Any] = field(factory=dict)
    living: dict[str, tuple[str | None, ...]] = field(factory=dict)
    artifacts: set[str] = field(factory=set)
    written: dict[str, str] = field(factory=dict)
    """When each record was written last, by its own word."""
    read: dict[str, str] = field(factory=dict)
    """The same, as last read."""
    looks: list[Any] = field(factory=list)
    """What GitHub answered about runs, and the names of busy runners when it listed them."""

    def start(self) -> None:
        """Watch a process from its start."""
        self.pool.account.seam = self
        self.pool.account.look = self.look
        self.pool.account.requests.clear()
        self.pool.account.calls.clear()

    def look(self, operation: str, answer: Any) -> None:
        """Remember what the process has read."""
        if operation == "github:GetRun":
            self.looks.append(answer)
        if operation == "github:ListRunners":
            self.looks.append([each.name for each in answer if each.busy])
        if operation == "dynamodb:BatchGetItem":
            found = (item for items in answer["Responses"].values() for item in items)
            self._remember(each for each in found if records.entity_of(each) == records.INSTANCE)
        if operation == "dynamodb:Query":
            self._remember(answer["Items"])
        if operation == "ec2:DescribeInstances":
            for reservation in answer["Reservations"]:
                for instance in reservation["Instances"]:
                    if instance["State"]["Name"] == "terminated":
                        self.ended.add(instance["InstanceId"])

    def _remember(self, found: Iterable[Any]) -> None:
        for item in found:
            identifier = (records.text(item, "SK") or "").removeprefix("ID#")
            if records.text(item, "state"):
                self.judged[identifier] = _judged(item)
                self.read[identifier] = records.text(item, "updatedAt") or ""
            if records.text(item, "state") == records.TERMINATED:
                self.marked.add(identifier)

    def before(self, number: int, operation: str) -> None:
        """Let the other seam act, and keep what is compared with after the effect."""
        self.inner.before(number, operation)
        table = self.pool.dynamodb.table(TABLE)
        found = {} if table is None else table.of(records.INSTANCE)
        self.living = {key: _judged(each) for key, each in found.items()}
        self.written = {key: records.text(each, "updatedAt") or "" for key, each in found.items()}
        self.metadata = {} if table is None else table.of(records.METADATA)
        self.artifacts = set() if table is None else _artifacts(self.pool)

    def after(self, number: int, operation: str) -> None:
        """Check what the call did, then let the other seam act."""
        if self.pool.account.requests and self.pool.account.requests[-1][0] == operation:
            request = self.pool.account.requests[-1][1]
            match operation:
                case "ec2:TerminateInstances":
                    self._check_terminations(request["InstanceIds"])
                case "dynamodb:TransactWriteItems":
                    self._check_marks()
                    self._check_cleaning()
                    require(not SECRET.search(repr(request)), "S8", operation)
                case "dynamodb:PutItem":
                    self._check_metadata(request)
                case "ec2:ModifyLaunchTemplate" | "ec2:CreateLaunchTemplate" | "ec2:DeleteLaunchTemplateVersions":
                    self._check_template()
                    if operation != "ec2:DeleteLaunchTemplateVersions":
                        _check_script(self.pool, "S4")
                    if operation == "ec2:ModifyLaunchTemplate":
                        self._check_fault()
                    require(not SECRET.search(repr(request)), "S8", operation)
                case _:
                    require(not SECRET.search(repr(request)), "S8", operation)
        self.inner.after(number, operation)

    def _check_terminations(self, identifiers: list[str]) -> None:
        for identifier in identifiers:
            require(identifier in self.marked, "S1", f"{identifier} was not read as terminated")
            tags = self.pool.account.state.instances[identifier].tags
            require(STRANGER not in tags, "S3", f"{identifier} is of no pool")
            item = self.pool.table.of(records.INSTANCE).get(identifier)
            state = records.text(item, "state") if item else None
            require(state in (None, records.TERMINATED), "S1", f"{identifier} is {state} in the table")

    def _check_marks(self) -> None:
        now = self.pool.account.clock.now()
        for identifier, item in self.pool.table.of(records.INSTANCE).items():
            if records.text(item, "state") != records.TERMINATED:
                continue
            before = self.living.get(identifier)
            if before is None:
                age = now - self.pool.account.state.instances[identifier].launched_at
                require(age > UNRECORDED_GRACE, "S2", f"{identifier} was adopted within its grace")
            elif before[0] != records.TERMINATED:
                require(before == self.judged.get(identifier), "S2", f"{identifier}: {before} was not judged")
                self._check_reason(identifier, item, before, now)

    def _check_reason(self, identifier: str, item: Any, before: tuple[str | None, ...], now: datetime) -> None:
        threshold = records.read_time(before[2] or "")
        reason = records.text(item, "endedReason")
        if reason in {"expired", "aged", "abandoned"} and self.pool.ec2.state(identifier) in ALIVE:
            require(not self._from_a_backup(identifier), "S2", f"{identifier} lives, and its record is a restored one")
        match reason:
            case "expired":
                require(threshold and threshold < now, "S2", f"{identifier} had not expired: {before}")
            case "vanished":
                require(identifier in self.ended, "S2", f"{identifier} had not vanished")
            case "aged":
                age = now - self.pool.account.state.instances[identifier].launched_at
                require(before[0] == "idle" and age > timedelta(days=7), "S2", f"{identifier} was not aged: {before}")
            case "abandoned":
                self._check_abandoned(identifier, before, now)
            case _:
                require(False, "S2", f"{identifier} ended for {reason}")

    def _check_abandoned(self, identifier: str, before: tuple[str | None, ...], now: datetime) -> None:
        instance = self.pool.account.state.instances[identifier]
        require(PROTECTION_TAG not in instance.tags and STRANGER not in instance.tags, "S3", identifier)
        require(self.written[identifier] == self.read.get(identifier), "S2", f"{identifier} was written meanwhile")
        require(before[0] != "idle", "S2", f"{identifier} is held by no run")
        run_id = (before[1] or "").partition("-")[0]
        answers = [number for number, each in enumerate(self.looks) if getattr(each, "id", "") == run_id]
        require(len(answers) > 1, "S2", f"{identifier}: run {run_id} was looked at {len(answers)} times")
        first, second = (self.looks[number] for number in answers[-2:])
        for look in (first, second):
            ended = look.completed_at
            require(ended and now - ended > timedelta(minutes=2), "S2", f"{identifier}: {look} was not over")
        require(first.attempt == second.attempt, "S2", f"{identifier}: {second} is another attempt")
        listed = [each for each in self.looks[answers[-2] : answers[-1]] if isinstance(each, list)]
        require(listed, "S2", f"{identifier}: its runner was not looked at")
        require(not any(identifier in name for name in listed[-1]), "S2", f"{identifier} had a job")

    def _from_a_backup(self, identifier: str) -> bool:
        table = self.pool.table
        return table.restored_to is not None and self.written[identifier] < records.wire_time(table.created_at)

    def _check_cleaning(self) -> None:
        for key in self.artifacts - _artifacts(self.pool):
            identifier = key.partition(" ")[2]
            state = self.pool.ec2.state(identifier)
            require(state not in (*ALIVE, "shutting-down"), "S5", f"{key} deleted while its instance is {state}")

    def _check_metadata(self, request: dict[str, Any]) -> None:
        item = request["Item"]
        identifier = records.text(item, "identifier")
        after = self.pool.table.of(records.METADATA)
        for other, value in self.metadata.items():
            require(other == identifier or after.get(other) == value, "S4", other)
        if identifier == "resource_class_config":
            for each in item["value"]["M"].values():
                queue = each["M"]["queueUrl"]["S"].rpartition("/")[2]
                require(queue in self.pool.account.state.queues, "S4", f"{queue} is recorded and does not exist")
        if identifier == "launch_template":
            templates = self.pool.account.state.templates
            require(item["value"]["M"]["name"]["S"] in templates, "S4", "a template is recorded that does not exist")
            self._check_fault()
        if identifier != "gh_registration_token":
            require(not SECRET.search(repr(request)), "S8", identifier)

    def _check_template(self) -> None:
        template = self.pool.account.state.templates.get(TEMPLATE)
        if template is not None:
            default = template.versions.get(template.default)
            require(default is not None and set(default) >= _COMPLETE, "S6", template.default)

    def _check_fault(self) -> None:
        state = self.pool.account.state
        template = state.templates[TEMPLATE]
        fault = state.faults.get(template.versions[template.default]["ImageId"])
        require(fault is None, "S6", f"EC2 finds fault with version {template.default}: {fault}")


def settle(pool: Pool) -> None:
    """Run without faults until everything must have come true, and check that it has."""
    pool.account.clock.moment += COOL_DOWN
    marked = _marked_and_alive(pool)
    due = [*marked, *_expired_and_alive(pool)]
    first = watched(pool, Watch())
    for identifier in due:
        require(pool.ec2.state(identifier) not in ALIVE, "L1", f"{identifier} still lives after a clean run")
    pool.account.clock.moment += UNKNOWN_GRACE + timedelta(minutes=1)
    second = watched(pool, Watch())
    for key in _artifacts(pool):
        # Artifacts whose record another process deleted are looked for when they are an hour old.
        require(key.partition(" ")[2] not in pool.table.of(records.HISTORY), "L2", f"{key} is left")
    for identifier in due:
        require(identifier not in pool.table.of(records.INSTANCE), "L2", f"the record of {identifier} is left")
    require(first.exit_code == 0, "L3", lambda: markdown(first))
    require(second.exit_code == 0, "L3", lambda: markdown(second))
    last = watched(pool, Watch())
    require(last.exit_code == 0, "L3", lambda: markdown(last))
    require(pool.account.writes == [], "L3", pool.account.writes)
    _check_result(pool)
    _check_token(pool)


def _check_result(pool: Pool) -> None:
    """Look at what is there with eyes of our own: an empty plan could be a mistake of the plan."""
    state, wanted = pool.account.state, pool.desired
    metadata = pool.table.of(records.METADATA)
    parameters = {each for each in metadata if not each.startswith("pre_runner_script_")}
    optional = {names.DAILY_SUMMARY_IDENTIFIER} if wanted.daily_summary else set()
    require(parameters == {*names.METADATA_IDENTIFIERS, *optional}, "L3", set(metadata))
    script = _check_script(pool, "L3")
    require(not script or script == wanted.pre_runner_script, "L3", script)
    require(script or wanted.pre_runner_script != LARGE_SCRIPT, "L3", "the script is not named")
    require(pool.table.time_to_live and pool.table.time_to_live[0] == "expiresAt", "L3", "time-to-live is off")
    template = state.templates.get(TEMPLATE)
    require(template and template.versions[template.default]["ImageId"] == wanted.image, "L3", "the template")
    _check_settings(metadata, pool.table.of(records.SETTINGS)["doors"]["value"]["M"])
    tags = dict(wanted.tags)
    require(pool.table.tags == tags, "L3", "the table's tags")
    require(template and template.tags == tags, "L3", "the template's tags")
    for each in wanted.resource_classes:
        queue = state.queues.get(names.queue(wanted.repository, each.name))
        recorded = metadata["resource_class_config"]["value"]["M"][each.name]["M"]
        require(queue and queue.attributes["MessageRetentionPeriod"] == "3600", "L3", f"the queue of {each.name}")
        require(queue and queue.tags == tags, "L3", f"the tags of the queue of {each.name}")
        require(recorded["queueUrl"]["S"].endswith(names.queue(wanted.repository, each.name)), "L3", recorded)


def _check_script(pool: Pool, promise: str) -> str:
    """Return the stored script that the default version names; "" if it names none."""
    template = pool.account.state.templates[TEMPLATE]
    program = gzip.decompress(base64.b64decode(template.versions[template.default]["UserData"]))
    named = re.findall(rb"^export PRE_RUNNER_SCRIPT_SHA256=(\w+)$", program, re.MULTILINE)
    if not named:
        return ""
    texts = [item["value"]["S"] for item in pool.table.of(records.METADATA).values() if "S" in item["value"]]
    found = [each for each in texts if hashlib.sha256(each.encode()).hexdigest().encode() == named[0]]
    require(found, promise, "a script is named that is not stored")
    return str(found[0])


def _check_settings(metadata: dict[str, Any], settings: dict[str, Any]) -> None:
    """Compare what SETTINGS repeat, with eyes of our own."""
    template = metadata["launch_template"]["value"]["M"]
    repeated = {
        "repository": {"S": str(REPOSITORY)},
        "server": {"S": "github.com"},
        "classes": metadata["resource_class_config"]["value"],
        "subnetIds": metadata["subnet_ids"]["value"],
        "templateName": template["name"],
        "templateId": template["id"],
        "templateVersion": template["version"],
        "idleTimeSec": metadata["idle_time_sec"]["value"],
        "maxRuntimeMin": metadata["max_runtime_min"]["value"],
        "tokenValidUntil": metadata["gh_registration_token"]["value"]["M"]["expires_at"],
        "maxInstances": {"M": {}},
        "originalModes": {"BOOL": True},
        "runnerRoleId": {"S": ROLE_ID},
    }
    require(settings == repeated, "L3", settings)


def watched(pool: Pool, seam: Seam, **changes: Any) -> Report:
    """Run under a seam, every call and the report checked; `changes` are wishes other than the pool's."""
    Guard(pool, seam).start()
    report = pool.run(**changes)
    require(not SECRET.search(f"{markdown(report)}{report!r}"), "S8", "the report")
    require(not any("defect" in str(each.error) for each in report.components), "no defect", lambda: markdown(report))
    return report


def failing(pool: Pool, seam: Seam) -> None:
    """Run while a call fails, which must be reported, then without faults until everything is right."""
    before = _marked_and_alive(pool)
    report = watched(pool, seam)
    left = [each for each in _marked_and_alive(pool) if each in before or not _abandoned(pool, each)]
    require(report.exit_code == 1 or not left, "S11", lambda: markdown(report))
    settle(pool)


def _abandoned(pool: Pool, identifier: str) -> bool:
    return records.text(pool.table.of(records.INSTANCE)[identifier], "endedReason") == "abandoned"


def crashed(pool: Pool, seam: Seam) -> bool:
    """Run under a seam, checking every call; return whether the process died."""
    Guard(pool, seam).start()
    try:
        pool.run()
    except Crash:
        return True
    return False


def _check_token(pool: Pool) -> None:
    value = pool.table.of(records.METADATA)["gh_registration_token"]["value"]["M"]
    expires_at = records.read_time(value["expires_at"]["S"])
    left = expires_at - pool.account.clock.now() if expires_at else timedelta()
    require(left > pool.desired.registration_token_min_ttl - timedelta(minutes=1), "L4", left)


def _marked_and_alive(pool: Pool) -> list[str]:
    """List the pool's own instances that are marked and still live."""
    return [
        identifier for identifier, item in _own_and_alive(pool) if records.text(item, "state") == records.TERMINATED
    ]


def _expired_and_alive(pool: Pool) -> list[str]:
    now = records.wire_time(pool.account.clock.now())
    return [
        identifier
        for identifier, item in _own_and_alive(pool)
        if records.read_time(threshold := records.text(item, "threshold") or "") and threshold < now
    ]


def _own_and_alive(pool: Pool) -> list[tuple[str, Any]]:
    table = pool.dynamodb.table(TABLE)
    return [
        (identifier, item)
        for identifier, item in (table.of(records.INSTANCE) if table else {}).items()
        if pool.ec2.state(identifier) in ALIVE and STRANGER not in pool.account.state.instances[identifier].tags
    ]


def _judged(item: Any) -> tuple[str | None, ...]:
    return records.text(item, "state"), records.text(item, "runId"), records.text(item, "threshold")


def _artifacts(pool: Pool) -> set[str]:
    return {f"{entity} {each}" for entity in (records.HEARTBEAT, records.SIGNAL) for each in pool.table.of(entity)}
