"""The worlds on servers, instances and queues on moto, the table on DynamoDB Local; and a run that dies there.

moto's clock is the machine's and its instances end at once, so what takes AWS minutes is simulated on the fake only.
"""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen
from moto.backends import get_backend

from refresh import errors, inputs
from refresh.output.job_summary import markdown
from refresh.pool import names, records
from refresh.reconciler import reconciliation
from refresh.reconciler.garbage_collector.policy import UNRECORDED_GRACE
from tests.fakes import operations
from tests.fakes.desired import LARGE_QUEUE, OTHER_IMAGE, REGION
from tests.fakes.memory.account import Crash
from tests.fakes.serial import Serial
from tests.fakes.world import SleeplessClock, World, in_minutes
from tests.simulation.invariants import require

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from refresh.engine.report import Report
    from refresh.ports import Clients, GitHub
    from tests.fakes.memory.account import Phase

ALIVE = ("pending", "running")
_ARTIFACTS = ("TYPE#HEARTBEAT", "TYPE#WS")


@define
class Boundary:
    """Counts the calls of a run, every attempt over the wire, and dies at one, before or after its effect."""

    number: int = -1
    phase: Phase = "before"
    calls: list[str] = field(factory=list)

    @contextmanager
    def around(self, clients: Clients) -> Iterator[Clients]:
        """Look on at a run."""
        of_aws = (clients.dynamodb, clients.ec2, clients.sqs)
        for client in of_aws:
            # First: a handler that answers in AWS's place would keep the others from being asked.
            client.meta.events.register_first("before-send", self._sent, unique_id="boundary-sent")
            client.meta.events.register("response-received", self._answered, unique_id="boundary-answered")
        try:
            yield evolve(clients, github=_Bounded(clients.github, self))
        finally:
            for client in of_aws:
                client.meta.events.unregister("before-send", unique_id="boundary-sent")
                client.meta.events.unregister("response-received", unique_id="boundary-answered")

    @property
    def writes(self) -> list[str]:
        """The calls that change something."""
        return [call for call in self.calls if not operations.reads(call)]

    def sent(self, operation: str) -> None:
        """See a call that has had no effect yet."""
        self.calls.append(operation)
        self._die("before")

    def answered(self) -> None:
        """See a call that has had its effect."""
        self._die("after")

    def _sent(self, event_name: str, **_: Any) -> None:
        self.sent(event_name.partition(".")[2].replace(".", ":"))

    def _answered(self, **_: Any) -> None:
        self.answered()

    def _die(self, phase: Phase) -> None:
        if (len(self.calls) - 1, phase) == (self.number, self.phase):
            raise Crash(self.calls[-1])


class _Bounded:
    """GitHub behind the same boundary."""

    def __init__(self, github: GitHub, boundary: Boundary) -> None:
        self._github = github
        self._boundary = boundary

    def __getattr__(self, name: str) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self._boundary.sent(f"github:{name}")
            answer = getattr(self._github, name)(*args)
            self._boundary.answered()
            return answer

        return call


def run(world: World, boundary: Boundary) -> Report:
    """Run refresh once, in one thread."""
    desired = inputs.load(world.environ()).desired
    with boundary.around(world.clients()) as clients:
        return reconciliation.begin(desired, clients, SleeplessClock(), Serial()).report()


def build(world: World, name: str) -> World:
    """Empty the account and give the named world in it."""
    world.delete_table()
    world.aws.forget_everything()
    world = World(world.aws, world.github, dynamodb_url=world.dynamodb_url)
    if name not in _BEFORE_REFRESH:
        require(run(world, Boundary()).exit_code == 0, "L3", "the first run")
    WORLDS[name](world, world.clients())
    return world


def _create_table(world: World, clients: Clients) -> None:
    clients.dynamodb.create_table(
        TableName=world.table,
        KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
        BillingMode="PAY_PER_REQUEST",
    )


def _drifted_template(world: World, clients: Clients) -> None:
    _add_version(world, clients)
    clients.ec2.modify_launch_template(LaunchTemplateName=world.template, DefaultVersion="2")


def _outdated_template(world: World, clients: Clients) -> None:
    """Leave no version that is right."""
    clients.ec2.delete_launch_template(LaunchTemplateName=world.template)
    clients.ec2.create_launch_template(LaunchTemplateName=world.template, LaunchTemplateData={"ImageId": OTHER_IMAGE})


def _add_version(world: World, clients: Clients) -> None:
    clients.ec2.create_launch_template_version(
        LaunchTemplateName=world.template, SourceVersion="1", LaunchTemplateData={"ImageId": OTHER_IMAGE}
    )


def _deleted_template(world: World, clients: Clients) -> None:
    """Delete the template while its instances live."""
    world.record(clients, _launched(world, clients))
    clients.ec2.delete_launch_template(LaunchTemplateName=world.template)


def _without_template_record(world: World, clients: Clients) -> None:
    world.delete_metadata(clients, names.LAUNCH_TEMPLATE_IDENTIFIER)


def _deleted_queue(_: World, clients: Clients) -> None:
    clients.sqs.delete_queue(QueueUrl=_queue_url(clients))


def _other_attributes(_: World, clients: Clients) -> None:
    attributes: Any = {"VisibilityTimeout": "0", "MessageRetentionPeriod": "60"}
    clients.sqs.set_queue_attributes(QueueUrl=_queue_url(clients), Attributes=attributes)


def _queue_url(clients: Clients) -> str:
    return clients.sqs.get_queue_url(QueueName=LARGE_QUEUE)["QueueUrl"]


def _stale_token(world: World, clients: Clients) -> None:
    item = world.item(clients, records.METADATA, "gh_registration_token")
    item["value"]["M"]["expires_at"] = {"S": in_minutes(5)}
    clients.dynamodb.put_item(TableName=world.table, Item=item)


def _mixed(world: World, clients: Clients) -> None:
    """One in each state, expired and not; one vanished, one aged, one unrecorded; and a stranger's, forged."""
    for state in sorted(records.LIVING_STATES):
        run_id = "" if state == "idle" else "77"
        world.record(clients, _launched(world, clients), state=state, runId=run_id)
        world.record(clients, _launched(world, clients), state=state, runId=run_id, threshold=in_minutes(120))
    vanished, aged, unrecorded = (_launched(world, clients) for _ in range(3))
    clients.ec2.terminate_instances(InstanceIds=[vanished])
    _launched_before(aged, timedelta(days=8))
    _launched_before(unrecorded, timedelta(hours=1))
    for identifier in (vanished, aged):
        world.record(clients, identifier, threshold=in_minutes(120))
    world.record(clients, _stranger(clients), state=records.TERMINATED)


def _marked(world: World, clients: Clients) -> None:
    """Leave what a run that died between its marks and its terminations leaves."""
    for _ in range(2):
        world.record(clients, _launched(world, clients), state=records.TERMINATED, threshold=in_minutes(-1))
    world.record(clients, _launched(world, clients), state="running", runId="77", threshold=in_minutes(120))


def _terminated(world: World, clients: Clients) -> None:
    """Leave what a run that died between its terminations and its cleaning leaves."""
    for _ in range(3):
        identifier = _launched(world, clients)
        world.record(clients, identifier, state=records.TERMINATED, threshold=in_minutes(-1))
        clients.ec2.terminate_instances(InstanceIds=[identifier])


def _launched(world: World, clients: Clients) -> str:
    (identifier,) = world.launch(clients)
    return identifier


def _stranger(clients: Clients) -> str:
    """Launch an instance that is not the pool's."""
    launched = clients.ec2.run_instances(ImageId=OTHER_IMAGE, InstanceType="t3.micro", MinCount=1, MaxCount=1)
    return launched["Instances"][0]["InstanceId"]


def _launched_before(identifier: str, age: timedelta) -> None:
    for account in get_backend("ec2").values():
        account[REGION].get_instance(identifier).launch_time = datetime.now(UTC) - age


WORLDS: dict[str, Callable[[World, Clients], object]] = {
    "empty account": lambda *_: None,
    "table only": _create_table,
    "up to date": lambda *_: None,
    "drifted template": _drifted_template,
    "outdated template": _outdated_template,
    "deleted template": _deleted_template,
    "template record missing": _without_template_record,
    "queue deleted": _deleted_queue,
    "queue with other attributes": _other_attributes,
    "stale token": _stale_token,
    "mixed instances": _mixed,
    "marked, not terminated": _marked,
    "terminated, not cleaned": _terminated,
}
"""Those of the fake, but for the table that is being created: here it is there at once."""
_BEFORE_REFRESH = ("empty account", "table only")


@frozen
class Instances:
    """The living instances of a world, by what a run must do to them, and the keys of what belongs to them."""

    due: frozenset[str]
    kept: frozenset[str]
    artifacts: frozenset[str]


def instances(world: World) -> Instances:
    """Return the instances that must end; strangers and those with a later threshold must live."""
    clients = world.clients()
    found = clients.ec2.describe_instances()["Reservations"]
    living = [each for some in found for each in some["Instances"] if each["State"]["Name"] in ALIVE]
    due = {each["InstanceId"] for each in living if _is_due(world, clients, each)}
    identifiers = frozenset(each["InstanceId"] for each in living)
    return Instances(frozenset(due), identifiers - due, frozenset(_artifacts(world, identifiers)))


def _artifacts(world: World, identifiers: Collection[str]) -> Iterator[str]:
    try:
        items = world.items(world.clients())
    except errors.NotFound:
        return
    for key, item in items.items():
        if item["PK"]["S"] in _ARTIFACTS and item["SK"]["S"].removeprefix("ID#") in identifiers:
            yield key


def _is_due(world: World, clients: Clients, instance: Any) -> bool:
    if not any(tag["Key"] == "InitialRunId" for tag in instance.get("Tags", [])):
        return False
    record = world.item(clients, records.INSTANCE, instance["InstanceId"])
    age: timedelta = datetime.now(UTC) - instance["LaunchTime"]
    if not record:
        return age > UNRECORDED_GRACE
    state, threshold = records.text(record, "state"), records.text(record, "threshold") or ""
    return state == records.TERMINATED or threshold < in_minutes(0) or (state == "idle" and age > timedelta(days=7))


def settle(world: World, before: Instances) -> None:
    """Run twice without faults, check that all has come true, and that a third run writes nothing."""
    check(world, before)
    for _ in range(2):
        report = run(world, Boundary())
        require(report.exit_code == 0, "L3", markdown(report))
    check(world, before)
    left = {each for each, state in world.states(world.clients()).items() if state in ALIVE}
    require(left == before.kept, "L1", left ^ before.kept)
    items = world.items(world.clients()).values()
    left_over = {
        item["SK"]["S"].removeprefix("ID#") for item in items if item["PK"]["S"] in ("TYPE#INSTANCE", *_ARTIFACTS)
    }
    require(left_over <= before.kept, "L2", left_over - before.kept)
    quiet = Boundary()
    report = run(world, quiet)
    require(report.exit_code == 0, "L3", markdown(report))
    require(quiet.writes == [], "L3", quiet.writes)
    _check_result(world)


def check(world: World, before: Instances) -> None:
    """Check what must hold at any time: no instance is harmed, and no living one has lost its items."""
    clients = world.clients()
    states = world.states(clients)
    for identifier in before.kept:
        require(states[identifier] in ALIVE, "S3", f"{identifier} is {states[identifier]}")
    alive = {each for each, state in states.items() if state in ALIVE}
    missed = {key for key in before.artifacts if key.partition(" ID#")[2] in alive} - set(_artifacts(world, alive))
    require(not missed, "S5", missed)


def _check_result(world: World) -> None:
    """Look at what is there with eyes of our own: an empty plan could be a mistake of the plan."""
    clients = world.clients()
    template = world.default_version(clients)["LaunchTemplateData"]
    require(template["ImageId"] == world.inputs["ami"], "L3", template)
    recorded = world.metadata(clients, names.RESOURCE_CLASS_CONFIG_IDENTIFIER)["M"].values()
    queues = {each["M"]["queueUrl"]["S"].rpartition("/")[2] for each in recorded}
    require(queues == set(world.queues(clients)), "L3", queues)
