"""One queue a resource class: kept, recorded when complete, never received from, purged or deleted."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode, ResourceClass
from refresh.engine import tagging
from refresh.engine.change import Difference, Plan
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.engine.tagging import TagResource
from refresh.pool import names, records
from refresh.reconciler.resource_pools import ResourcePools, policy, predict
from refresh.reconciler.resource_pools.actual import Actual, Pool
from refresh.reconciler.resource_pools.changes import CreateQueue, PoolChange, RecordPools, SetQueueAttributes
from tests.fakes.desired import LARGE, LARGE_QUEUE, XLARGE, desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import Serial, StillClock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_sqs import SQSClient

    from refresh.desired import DesiredState
    from refresh.engine.report import ComponentReport

HOST = "https://sqs.eu-west-1.amazonaws.com"
CONFIG = names.RESOURCE_CLASS_CONFIG_IDENTIFIER
RIGHT = (("VisibilityTimeout", "30"), ("MessageRetentionPeriod", "3600"))
XLARGE_QUEUE = "octo-widgets-xlarge-ci-pool"
ABSENT = errors.NotFound("sqs:GetQueueUrl", "QueueDoesNotExist")
LONG = (RIGHT[0], ("MessageRetentionPeriod", "345600"))


def _url(queue: str) -> str:
    return f"{HOST}/123456789012/{queue}"


def _config(**urls: str) -> dict[str, Any]:
    sizes = {"large": (2, 4096), "xlarge": (4, 8192)}
    return records.to_wire(
        {name: {"cpu": sizes[name][0], "mmem": sizes[name][1], "queueUrl": url} for name, url in urls.items()}
    )


RECORDED = _config(large=_url(LARGE_QUEUE), xlarge=_url(XLARGE_QUEUE))
POOLS = (Pool(LARGE, _url(LARGE_QUEUE), RIGHT), Pool(XLARGE, _url(XLARGE_QUEUE), RIGHT))


@pytest.mark.parametrize(
    ("idle", "retention"),
    [
        (timedelta(seconds=1), 3600),
        (timedelta(minutes=7), 3600),
        (timedelta(minutes=50), 3600),
        (timedelta(minutes=50, seconds=1), 7200),
        (timedelta(hours=1), 7200),
        (timedelta(hours=1, minutes=50), 7200),
        (timedelta(days=1), 25 * 3600),
    ],
)
def test_a_message_outlives_its_idle_runner_by_ten_minutes_in_whole_hours(idle: timedelta, retention: int) -> None:
    """Rounded up, so that a small change of the idle time changes no queue."""
    assert policy.attributes(desired(max_idle_time=idle)) == (
        ("VisibilityTimeout", "30"),
        ("MessageRetentionPeriod", str(retention)),
    )


def test_queues_as_desired_and_recorded_are_not_touched() -> None:
    """The plan is empty."""
    assert policy.plan(desired(), Actual(POOLS, RECORDED)) == Plan()


def test_nothing_is_recorded_before_every_queue_exists() -> None:
    """Provision must never be sent to a queue that is not there."""
    pools = (POOLS[0], Pool(XLARGE))
    assert policy.plan(desired(), Actual(pools, None)).changes == (CreateQueue(XLARGE_QUEUE, RIGHT),)


@pytest.mark.parametrize(
    "recorded",
    [
        None,
        {"S": "nonsense"},
        {"M": {}},
        _config(large=_url(LARGE_QUEUE)),
        _config(large=_url(LARGE_QUEUE), xlarge=_url("other")),
        {"M": {**RECORDED["M"], "large": {"M": {**RECORDED["M"]["large"]["M"], "cpu": {"S": "2"}}}}},
        {"M": {**RECORDED["M"], "gone": {"S": "nonsense"}}},
    ],
)
def test_a_record_that_differs_is_replaced_as_a_whole(recorded: Any) -> None:
    """One item holds all classes: a crash leaves the old or the new."""
    (change,) = policy.plan(desired(), Actual(POOLS, recorded)).changes
    assert isinstance(change, RecordPools)
    assert change.pools == ((LARGE, _url(LARGE_QUEUE)), (XLARGE, _url(XLARGE_QUEUE)))
    assert change.differences[0].after == "large xlarge"


@pytest.mark.parametrize("attributes", [(), RIGHT[:1], (("VisibilityTimeout", "0"), RIGHT[1])])
def test_attributes_that_differ_are_set_and_hold_up_no_record(attributes: tuple[tuple[str, str], ...]) -> None:
    """An existing queue is repaired, not created again."""
    pools = (Pool(LARGE, _url(LARGE_QUEUE), attributes), POOLS[1])
    plan = policy.plan(desired(), Actual(pools, None))
    assert [type(change) for change in plan.changes] == [SetQueueAttributes, RecordPools]
    assert plan.changes[0].subject == LARGE_QUEUE
    assert plan.warnings == ()


@pytest.mark.parametrize("others", [POOLS[1:], (evolve(POOLS[1], attributes=LONG),)])
def test_a_lowered_retention_is_said_once_for_all_queues(others: tuple[Pool, ...]) -> None:
    """Older messages go with it. A later look, at which one of them is read back late, says the same."""
    pools = (Pool(LARGE, _url(LARGE_QUEUE), LONG), *others)
    plan = policy.plan(desired(), Actual(pools, RECORDED))
    assert plan.warnings == (
        "the retention of queues is lowered to 3600 s (the changes name them); messages older than that go.",
    )
    assert list(map(str, plan.changes[0].differences)) == ["MessageRetentionPeriod: 345600 -> 3600"]


def test_a_raised_retention_is_not_worth_a_word() -> None:
    """Nothing is lost."""
    pools = (Pool(LARGE, _url(LARGE_QUEUE), (RIGHT[0], ("MessageRetentionPeriod", "60"))), POOLS[1])
    assert policy.plan(desired(), Actual(pools, RECORDED)).warnings == ()


def test_the_changes_say_what_they_do() -> None:
    """As the log and the summary show them."""
    create = CreateQueue(LARGE_QUEUE, RIGHT)
    assert str(create) == f"create queue {LARGE_QUEUE}"
    assert list(map(str, create.differences)) == [
        "VisibilityTimeout: (none) -> 30",
        "MessageRetentionPeriod: (none) -> 3600",
    ]
    assert str(SetQueueAttributes(_url(LARGE_QUEUE), (), RIGHT)) == f"set attributes of queue {LARGE_QUEUE}"
    assert str(RecordPools((), None)) == "record resource class config"


class _Sqs:
    """Queues by URL, with their attributes; `hidden` ones exist but are not shown yet."""

    meta = SimpleNamespace(endpoint_url=HOST)

    def __init__(self, *queues: str) -> None:
        self.queues = {_url(queue): dict(RIGHT) for queue in queues}
        self.hidden: set[str] = set()
        self.calls: list[tuple[str, str]] = []

    def get_queue_attributes(self, **request: Any) -> dict[str, Any]:
        url = request["QueueUrl"]
        self.calls.append(("GetQueueAttributes", url))
        if url not in self.queues or url in self.hidden:
            raise ABSENT
        return {"Attributes": {name: self.queues[url][name] for name in request["AttributeNames"]}}

    def get_queue_url(self, **request: Any) -> dict[str, Any]:
        url = _url(request["QueueName"])
        self.calls.append(("GetQueueUrl", url))
        if url not in self.queues or url in self.hidden:
            raise ABSENT
        return {"QueueUrl": url}

    def create_queue(self, **request: Any) -> dict[str, Any]:
        url = _url(request["QueueName"])
        self.calls.append(("CreateQueue", url))
        self.queues[url] = request["Attributes"]
        return {"QueueUrl": url}

    def set_queue_attributes(self, **request: Any) -> None:
        self.calls.append(("SetQueueAttributes", request["QueueUrl"]))
        self.queues[request["QueueUrl"]] = request["Attributes"]

    @property
    def writes(self) -> list[tuple[str, str]]:
        return [call for call in self.calls if not call[0].startswith("Get")]


class _DynamoDB(Items):
    """METADATA items, and the instance records page by page: living ones, and one that has ended on each."""

    def __init__(self, recorded: Any = None, *pages: list[str]) -> None:
        super().__init__({CONFIG: recorded} if recorded else {})
        self.pages = pages

    def query(self, **request: Any) -> dict[str, Any]:
        """Give one page of resource classes."""
        self.calls.append("Query")
        assert request["ConsistentRead"] is True
        assert request["ExpressionAttributeValues"] == {":entity": {"S": "TYPE#INSTANCE"}}
        number = int(request.get("ExclusiveStartKey", {"page": 0})["page"])
        if number >= len(self.pages):
            raise errors.NotFound("dynamodb:Query", "ResourceNotFoundException")
        ended = {"state": {"S": "terminated"}, "resourceClass": {"S": "xlarge"}}
        page = {"Items": [ended, *({"resourceClass": {"S": name}} if name else {} for name in self.pages[number])]}
        return page | ({"LastEvaluatedKey": {"page": number + 1}} if number + 1 < len(self.pages) else {})


def _component(sqs: _Sqs, dynamodb: _DynamoDB, state: DesiredState, clock: StillClock | None = None) -> ResourcePools:
    clients = cast("SQSClient", sqs), cast("DynamoDBClient", dynamodb)
    return ResourcePools(state, *clients, metadata(dynamodb), Serial(), clock or StillClock())


def _refresh(sqs: _Sqs, dynamodb: _DynamoDB, **changes: Any) -> ComponentReport:
    component = _component(sqs, dynamodb, desired(**changes))
    return converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None).report


def test_a_pool_as_desired_costs_one_call_a_queue() -> None:
    """The recorded URL is enough."""
    sqs, dynamodb = _Sqs(LARGE_QUEUE, XLARGE_QUEUE), _DynamoDB(RECORDED)
    report = _refresh(sqs, dynamodb)
    assert report.status == "as desired"
    assert sqs.calls == [("GetQueueAttributes", _url(LARGE_QUEUE)), ("GetQueueAttributes", _url(XLARGE_QUEUE))]
    assert dynamodb.calls == ["BatchGetItem"]


def test_a_first_run_creates_every_queue_and_records_them_together() -> None:
    """With the URLs that SQS gave."""
    sqs, dynamodb = _Sqs(), _DynamoDB()
    report = _refresh(sqs, dynamodb)
    assert not report.failed
    assert not report.pending
    assert sqs.writes == [("CreateQueue", _url(LARGE_QUEUE)), ("CreateQueue", _url(XLARGE_QUEUE))]
    assert dynamodb.items[CONFIG]["value"] == RECORDED
    assert len(dynamodb.puts) == 1


def test_a_queue_that_cannot_be_created_keeps_the_record_back() -> None:
    """The other queue is created all the same."""

    class _Deleted(_Sqs):
        def create_queue(self, **request: Any) -> dict[str, Any]:
            if request["QueueName"] == LARGE_QUEUE:
                raise errors.Rejected("sqs:CreateQueue", "AWS.SimpleQueueService.QueueDeletedRecently")
            return super().create_queue(**request)

    sqs, dynamodb = _Deleted(), _DynamoDB()
    report = _refresh(sqs, dynamodb)
    assert [failure.change for failure in report.failures] == [CreateQueue(LARGE_QUEUE, RIGHT)]
    assert (_url(XLARGE_QUEUE) in sqs.queues, dynamodb.puts) == (True, [])


def test_a_queue_that_is_not_shown_yet_is_not_created_twice_and_is_recorded_as_acknowledged() -> None:
    """SQS gave its URL and has it usable within a second; asking for it again could only be answered late."""

    class _Late(_Sqs):
        def create_queue(self, **request: Any) -> dict[str, Any]:
            self.hidden.add(_url(request["QueueName"]))
            return super().create_queue(**request)

    sqs, dynamodb = _Late(LARGE_QUEUE), _DynamoDB()
    report = _refresh(sqs, dynamodb)
    assert (report.pending, report.failed) == ((), False)
    assert (len(sqs.writes), len(dynamodb.puts)) == (1, 1)
    assert _url(XLARGE_QUEUE) in str(dynamodb.items[CONFIG])
    # The next run has its doubts and asks; SQS gives the same queue again.
    assert not _refresh(sqs, dynamodb).failed
    assert len(dynamodb.puts) == 1


def test_a_created_queue_is_found_by_its_url_while_its_name_is_not_known_yet() -> None:
    """SQS told the URL when it was made; a recorded one that is gone does not stand in its way."""

    class _Nameless(_Sqs):
        def get_queue_url(self, **request: Any) -> dict[str, Any]:
            self.calls.append(("GetQueueUrl", _url(request["QueueName"])))
            raise ABSENT

    big = ResourceClass("x-y", 2, 4096)
    recorded = records.to_wire({"x-y": {"cpu": 2, "mmem": 4096, "queueUrl": _url("octo-widgets-x-y-ci-pool")}})
    sqs, dynamodb = _Nameless(), _DynamoDB(recorded)
    report = _refresh(sqs, dynamodb, resource_classes=(big,))
    assert (report.pending, report.failed) == ((), False)
    assert "-ci-pool-" in dynamodb.items[CONFIG]["value"]["M"]["x-y"]["M"]["queueUrl"]["S"]


def test_attributes_are_repaired_and_read_back() -> None:
    """With SetQueueAttributes; creating it with others would be refused."""
    sqs, dynamodb = _Sqs(LARGE_QUEUE, XLARGE_QUEUE), _DynamoDB(RECORDED)
    sqs.queues[_url(LARGE_QUEUE)] = {"VisibilityTimeout": "0", "MessageRetentionPeriod": "3600"}
    report = _refresh(sqs, dynamodb)
    assert sqs.writes == [("SetQueueAttributes", _url(LARGE_QUEUE))]
    assert not report.pending


def test_attributes_that_are_read_back_late_are_not_set_twice() -> None:
    """Neither when all of them are old nor when one already is new."""

    class _Late(_Sqs):
        def set_queue_attributes(self, **request: Any) -> None:
            self.calls.append(("SetQueueAttributes", request["QueueUrl"]))
            self.queues[request["QueueUrl"]]["VisibilityTimeout"] = request["Attributes"]["VisibilityTimeout"]

    sqs, dynamodb = _Late(LARGE_QUEUE, XLARGE_QUEUE), _DynamoDB(RECORDED)
    sqs.queues[_url(LARGE_QUEUE)] = {"VisibilityTimeout": "0", "MessageRetentionPeriod": "60"}
    report = _refresh(sqs, dynamodb)
    assert sqs.writes == [("SetQueueAttributes", _url(LARGE_QUEUE))]
    assert (len(report.pending), report.failed) == (1, False)


@pytest.mark.shows("A14")
@pytest.mark.parametrize(
    "url",
    [
        f"https://sqs.evil.example/123456789012/{LARGE_QUEUE}",
        f"{HOST}.evil.example/123456789012/{LARGE_QUEUE}",
        f"http://sqs.eu-west-1.amazonaws.com/123456789012/{LARGE_QUEUE}",
        _url("octo-widgets-stolen-ci-pool"),
        _url("octo-widgets-xlarge-ci-pool"),
        "",
    ],
)
def test_a_recorded_url_of_a_foreign_host_or_name_is_not_used(url: str) -> None:
    """Instances write to the table too, and provision talks to whatever is recorded."""
    sqs, dynamodb = _Sqs(LARGE_QUEUE, XLARGE_QUEUE), _DynamoDB(_config(large=url, xlarge=_url(XLARGE_QUEUE)))
    report = _refresh(sqs, dynamodb)
    assert dynamodb.items[CONFIG]["value"] == RECORDED
    assert (sqs.writes, report.failed) == ([], False)
    assert ("GetQueueUrl", _url(LARGE_QUEUE)) in sqs.calls


def test_the_original_s_queue_of_a_class_with_a_dash_is_kept_while_it_exists() -> None:
    """Its messages are living runners."""
    small = ResourceClass("x-y", 2, 4096)
    recorded = records.to_wire({"x-y": {"cpu": 2, "mmem": 4096, "queueUrl": _url("octo-widgets-x-y-ci-pool")}})
    sqs, dynamodb = _Sqs("octo-widgets-x-y-ci-pool"), _DynamoDB(recorded)
    assert _refresh(sqs, dynamodb, resource_classes=(small,)).status == "as desired"
    assert sqs.writes == []


def test_a_plain_queue_that_is_not_recorded_is_not_taken_for_a_class_with_a_dash() -> None:
    """It may be that of another repository's class."""
    sqs, dynamodb = _Sqs("octo-widgets-x-y-ci-pool"), _DynamoDB()
    _refresh(sqs, dynamodb, resource_classes=(ResourceClass("x-y", 2, 4096),))
    ((operation, url),) = sqs.writes
    assert (operation, url == _url("octo-widgets-x-y-ci-pool")) == ("CreateQueue", False)


def test_a_class_that_is_no_longer_asked_for_stays_while_living_records_name_it() -> None:
    """Their release still needs its queue; every page of the records is read."""
    sqs, dynamodb = _Sqs(LARGE_QUEUE, XLARGE_QUEUE), _DynamoDB(RECORDED, ["large", ""], [], ["xlarge"])
    report = _refresh(sqs, dynamodb, resource_classes=(LARGE,))
    assert (report.status, dynamodb.puts) == ("as desired", [])
    assert report.warnings == (
        "resource class xlarge: no longer asked for, but living instances are of it; it stays recorded until they end.",
    )
    assert dynamodb.calls.count("Query") == 3


def test_a_class_that_nothing_uses_leaves_the_record_and_its_queue_stays() -> None:
    """It is named, so that its owner can delete it; we never do."""
    sqs, dynamodb = _Sqs(LARGE_QUEUE, XLARGE_QUEUE), _DynamoDB(RECORDED, ["large"])
    report = _refresh(sqs, dynamodb, resource_classes=(LARGE,))
    assert dynamodb.items[CONFIG]["value"] == _config(large=_url(LARGE_QUEUE))
    assert (sqs.writes, len(sqs.queues)) == ([], 2)
    assert report.warnings == (
        (
            f"resource class xlarge: nothing uses it any more, so it leaves the table; its queue {_url(XLARGE_QUEUE)} "
            "stays and can be deleted."
        ),
    )


def test_a_dropped_class_leaves_when_there_is_no_table_to_ask() -> None:
    """No table, no living records."""
    report = _refresh(_Sqs(LARGE_QUEUE, XLARGE_QUEUE), _DynamoDB(RECORDED), resource_classes=(LARGE,))
    assert "nothing uses it any more" in report.warnings[0]


def test_the_records_are_not_read_while_every_recorded_class_is_wanted() -> None:
    """It would cost every run a page a megabyte."""
    dynamodb = _DynamoDB(RECORDED, [])
    _refresh(_Sqs(LARGE_QUEUE, XLARGE_QUEUE), dynamodb)
    assert "Query" not in dynamodb.calls


@pytest.mark.parametrize(
    "entry",
    [
        {"S": "nonsense"},
        {"M": {}},
        records.to_wire({"cpu": 0, "mmem": 1, "queueUrl": "u"}),
        records.to_wire({"cpu": "2", "mmem": 1, "queueUrl": "u"}),
        records.to_wire({"cpu": 2, "queueUrl": "u"}),
        records.to_wire({"cpu": 2, "mmem": 1, "queueUrl": ""}),
    ],
)
def test_a_malformed_entry_leaves_the_record_and_stops_nothing(entry: Any) -> None:
    """Nobody could use it; of a desired class it is mended."""
    sqs = _Sqs(LARGE_QUEUE, XLARGE_QUEUE)
    dynamodb = _DynamoDB({"M": {**RECORDED["M"], "gone": entry, "large": entry}}, ["gone"])
    report = _refresh(sqs, dynamodb)
    assert dynamodb.items[CONFIG]["value"] == RECORDED
    assert (report.failed, report.warnings, sqs.writes) == (False, (), [])


def test_a_lost_queue_of_a_draining_class_is_made_again() -> None:
    """Its living instances go back to it."""
    sqs, dynamodb = _Sqs(LARGE_QUEUE), _DynamoDB(RECORDED, ["xlarge"])
    report = _refresh(sqs, dynamodb, resource_classes=(LARGE,))
    assert sqs.writes == [("CreateQueue", _url(XLARGE_QUEUE))]
    assert (report.failed, dynamodb.items[CONFIG]["value"]) == (False, RECORDED)


def test_a_new_queue_is_waited_for_once_so_that_the_same_run_records_it() -> None:
    """SQS shows it after a second; runs that create nothing wait for nothing."""
    clock = StillClock()
    sqs, dynamodb = _Sqs(), _DynamoDB()
    component = _component(sqs, dynamodb, desired(), clock)
    converge(component, Run(mode=Mode.APPLY, clock=clock), lambda: None)
    converge(component, Run(mode=Mode.APPLY, clock=clock), lambda: None)
    assert clock.slept == [1]


TAGS = (("team", "ci"),)
OTHER_TAGS = (("env", "prod"),)


def test_queues_are_made_with_their_tags_and_get_them_back() -> None:
    """By their URL; those that cannot be read are told."""
    tagged = desired(tags=TAGS)
    (create,) = policy.plan(tagged, Actual((Pool(LARGE),), None)).changes
    assert isinstance(create, CreateQueue)
    assert (create.tags, create.differences[-1]) == (TAGS, Difference("tag team", None, "ci"))
    pools = (POOLS[0], evolve(POOLS[1], tags=tagging.Found(unread="no.")))
    assert policy.plan(tagged, Actual(pools, RECORDED)) == Plan(
        (TagResource(f"queue {LARGE_QUEUE}", _url(LARGE_QUEUE), TAGS, ()),),
        refusals=(f"the tags of queue {XLARGE_QUEUE} were not compared: no.",),
    )


def test_a_queue_that_another_run_made_in_between_gets_the_tags_that_it_lacks() -> None:
    """SQS takes its creation for ours and sets none."""

    class _Untagged(_Sqs):
        def __init__(self) -> None:
            super().__init__()
            self.tags: dict[str, dict[str, str]] = {}

        def list_queue_tags(self, **request: Any) -> dict[str, Any]:
            return {"Tags": self.tags.get(request["QueueUrl"], {})}

        def tag_queue(self, **request: Any) -> None:
            self.tags[request["QueueUrl"]] = request["Tags"]

    sqs = _Untagged()
    assert not _refresh(sqs, _DynamoDB(), tags=TAGS).failed
    assert sqs.tags == {_url(name): dict(TAGS) for name in (LARGE_QUEUE, XLARGE_QUEUE)}


def test_the_record_shows_which_classes_it_had() -> None:
    """And none where there was nothing that could be read."""
    for recorded, before in ((_config(xlarge="x", large="y"), "large xlarge"), ({"S": "nonsense"}, None), (None, None)):
        (change,) = policy.plan(desired(), Actual(POOLS, recorded)).changes
        assert change.differences == (Difference("classes", before, "large xlarge"),)


def test_one_warning_hides_no_other() -> None:
    """A lowered retention, a class that is dropped and one that drains."""
    pools = (Pool(LARGE, _url(LARGE_QUEUE), LONG), POOLS[1])
    actual = Actual(pools, None, draining=("old",), dropped=(("gone", "https://x/gone"),))
    assert policy.plan(desired(), actual).warnings == (
        "the retention of queues is lowered to 3600 s (the changes name them); messages older than that go.",
        (
            "resource class gone: nothing uses it any more, so it leaves the table; its queue https://x/gone stays "
            "and can be deleted."
        ),
        "resource class old: no longer asked for, but living instances are of it; it stays recorded until they end.",
    )


def test_what_will_be_is_what_the_changes_say() -> None:
    """A dry run tells what would follow by it."""
    tagged = desired(tags=TAGS)
    actual = Actual((Pool(LARGE, _url(LARGE_QUEUE), (), tagging.Found(OTHER_TAGS)), Pool(XLARGE)), None, ("old",))
    changes: list[PoolChange] = [
        CreateQueue(XLARGE_QUEUE, RIGHT, TAGS),
        SetQueueAttributes(_url(LARGE_QUEUE), (), RIGHT[:1]),
        TagResource("queue", _url(LARGE_QUEUE), (("a", "1"),), ()),
        RecordPools(((LARGE, _url(LARGE_QUEUE)), (XLARGE, _url(XLARGE_QUEUE))), None),
    ]
    assert predict.predict(tagged, actual, changes) == Actual(
        (
            Pool(LARGE, _url(LARGE_QUEUE), RIGHT[:1], tagging.Found((("a", "1"), *OTHER_TAGS))),
            Pool(XLARGE, _url(XLARGE_QUEUE), RIGHT, tagging.Found(TAGS)),
        ),
        RECORDED,
        ("old",),
    )


@pytest.mark.parametrize(
    ("recorded", "url"),
    [
        (None, XLARGE_QUEUE),
        (_config(large="nowhere"), XLARGE_QUEUE),
        ({"M": {"large": {"S": "nonsense"}}}, XLARGE_QUEUE),
        (_config(large=f"{HOST}/9/any"), f"{HOST}/9/{XLARGE_QUEUE}"),
    ],
)
def test_a_queue_that_is_to_be_made_is_told_by_the_url_that_it_will_have(recorded: Any, url: str) -> None:
    """Like those that are recorded; by its name alone where nothing tells the account."""
    actual = Actual((Pool(XLARGE),), recorded)
    (pool,) = predict.predict(desired(), actual, [CreateQueue(XLARGE_QUEUE, RIGHT)]).pools
    assert pool == Pool(XLARGE, url, RIGHT)
