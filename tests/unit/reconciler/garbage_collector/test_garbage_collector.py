"""The collector's reading and writing: every page of it, in the right order, in batches, and nothing for free."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve

from refresh import errors
from refresh.dynamodb.transactions import Sender
from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.engine.shared_read import SharedRead
from refresh.pool import names, ownership, records
from refresh.pool.ec2_instances import Ec2Instance, Ec2State, by_exact_id, launched_from
from refresh.pool.ownership import TemplateIds
from refresh.pool.records import InstanceRecord, Unreadable, wire_time
from refresh.reconciler.garbage_collector import GarbageCollector, apply, observe
from refresh.reconciler.garbage_collector.actual import Actual
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason, Terminate
from refresh.reconciler.garbage_collector.restores import Restore
from tests.fakes.desired import TABLE, TEMPLATE, desired
from tests.fakes.serial import NOW, Serial, StillClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_ec2 import EC2Client

    from refresh.engine.change import Outcome

RUN_URL = "https://github.com/octo/widgets/actions/runs/77"
PAST = wire_time(NOW - timedelta(minutes=5))
GONE = errors.NotFound("ec2:TerminateInstances", "InvalidInstanceID.NotFound", "The instance ID 'i-00000002' does not")


def _id(number: int) -> str:
    return f"i-{number:08x}"


def _record(number: int = 1, **changed: Any) -> InstanceRecord:
    record = InstanceRecord(id=_id(number), state="idle", run_id="", threshold=PAST, updated_at=PAST)
    return evolve(record, **changed)


class _Ec2:
    """Instances by id in pages of two; `refuse` may raise for the ids of a termination."""

    def __init__(self, instances: dict[str, dict[str, Any]] | None = None, calls: list[str] | None = None) -> None:
        self.instances = instances or {}
        self.calls = [] if calls is None else calls
        self.described: list[dict[str, Any]] = []
        self.ended: list[list[str]] = []
        self.refusals: dict[str, errors.RefreshError] = {}
        self.state_after = "shutting-down"
        self.templates: dict[str, str | errors.ApiError] = {}
        """Names of templates by id, or what is answered instead."""

    def describe_launch_template_versions(self, **request: Any) -> dict[str, Any]:
        gone = errors.NotFound("ec2:DescribeLaunchTemplateVersions", "InvalidLaunchTemplateId.NotFound")
        name = self.templates.get(request["LaunchTemplateId"], gone)
        if isinstance(name, errors.ApiError):
            raise name
        return {"LaunchTemplateVersions": [{"LaunchTemplateName": name}]}

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        self.calls.append("DescribeInstances")
        self.described.append(dict(request))
        (condition,) = request["Filters"]
        found = [each for each in self.instances.values() if _matches(each, condition)]
        start = int(request.get("NextToken", "0"))
        page: dict[str, Any] = {"Reservations": [{"Instances": [each]} for each in found[start : start + 2]]}
        if start + 2 < len(found):
            page["NextToken"] = str(start + 2)
        return page

    def terminate_instances(self, **request: Any) -> dict[str, Any]:
        ids = request["InstanceIds"]
        self.ended.append(ids)
        for each in ids:
            if each in self.refusals:
                raise self.refusals[each]
        return {
            "TerminatingInstances": [{"InstanceId": each, "CurrentState": {"Name": self.state_after}} for each in ids]
        }


def _matches(instance: dict[str, Any], condition: dict[str, Any]) -> bool:
    if condition["Name"] == "instance-id":
        return instance["InstanceId"] in condition["Values"]
    key = condition["Name"].removeprefix("tag:")
    return any(tag["Key"] == key and tag["Value"] in condition["Values"] for tag in instance["Tags"])


def _instance(number: int, state: str = "running", **tags: str) -> dict[str, Any]:
    named = {ownership.TEMPLATE_TAG: "lt-ours", "Name": "secret-project", **tags}
    return {
        "InstanceId": _id(number),
        "State": {"Name": state},
        "LaunchTime": NOW,
        "Tags": [{"Key": key, "Value": value} for key, value in named.items()],
    }


class _DynamoDB:
    """Pages of records; transactions are written down."""

    def __init__(self, *pages: list[records.Item], calls: list[str] | None = None) -> None:
        self.pages = pages
        self.calls = [] if calls is None else calls
        self.queries: list[dict[str, Any]] = []
        self.transactions: list[list[dict[str, Any]]] = []

    def query(self, **request: Any) -> dict[str, Any]:
        self.calls.append("Query")
        self.queries.append(request)
        if not self.pages:
            raise errors.NotFound("dynamodb:Query", "ResourceNotFoundException")
        number = int(request.get("ExclusiveStartKey", {}).get("SK", {}).get("S", "0"))
        page: dict[str, Any] = {"Items": self.pages[number]}
        if number + 1 < len(self.pages):
            page["LastEvaluatedKey"] = {"SK": {"S": str(number + 1)}}
        return page

    def transact_write_items(self, **request: Any) -> None:
        self.transactions.append(request["TransactItems"])


def _item(number: int, **changed: str) -> records.Item:
    attributes = {"state": "idle", "runId": "", "threshold": PAST, **changed}
    return records.item(records.INSTANCE, _id(number), NOW, **attributes)


def _observe(ec2: _Ec2, dynamodb: _DynamoDB, *former: str) -> Actual:
    return evolve(_collector(ec2, dynamodb, former=former).observe(), skew=timedelta())


@pytest.mark.shows("A4")
@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (None, True),
        (TEMPLATE, True),
        (errors.PermissionDenied("ec2:DescribeLaunchTemplateVersions", "UnauthorizedOperation"), True),
        ("octo-gadgets-ci-launch-template", False),
    ],
)
def test_a_former_template_that_lives_under_another_name_is_somebody_else_s(
    answer: str | errors.ApiError | None, *, kept: bool
) -> None:
    """Only the table says which ones a pool had, and jobs may write to it."""
    ec2 = _Ec2({_id(1): _instance(1, **{ownership.TEMPLATE_TAG: "lt-former"})})
    if answer is not None:
        ec2.templates["lt-former"] = answer
    assert _observe(ec2, _DynamoDB([]), "lt-former", "lt-unused").template_ids.former == (
        ("lt-former", "lt-unused") if kept else ("lt-unused",)
    )


def test_ec2_is_read_before_the_table() -> None:
    """So an instance that was launched a moment ago is never seen without its record."""
    calls: list[str] = []
    collector = _collector(_Ec2({}, calls), _DynamoDB([], calls=calls))
    collector.observe()
    collector.observe()
    assert calls == ["DescribeInstances", "Query"] * 2


def test_every_page_of_instances_and_of_records_is_read() -> None:
    """An empty page is no end."""
    instances = {_id(number): _instance(number) for number in range(5)}
    actual = _observe(_Ec2(instances), _DynamoDB([_item(0), _item(1)], [], [_item(2)]))
    assert sorted(actual.instances) == sorted(instances)
    assert [record.id for record in actual.records if isinstance(record, InstanceRecord)] == [_id(0), _id(1), _id(2)]


def test_the_table_is_read_consistently_and_only_what_is_judged() -> None:
    """A stale record could be one that was claimed a moment ago."""
    dynamodb = _DynamoDB([])
    _observe(_Ec2(), dynamodb)
    (query,) = dynamodb.queries
    assert query["ConsistentRead"] is True
    assert query["KeyConditionExpression"] == "PK = :entity"
    assert query["ExpressionAttributeValues"] == {":entity": {"S": "TYPE#INSTANCE"}}
    projected = {query["ExpressionAttributeNames"][alias] for alias in query["ProjectionExpression"].split(", ")}
    assert projected == set(records.INSTANCE_ATTRIBUTES)


def test_only_the_pool_s_own_instances_and_recorded_ones_are_asked_for() -> None:
    """By the tag that EC2 itself sets, and by a filter that returns what exists instead of failing."""
    ec2 = _Ec2({_id(1): _instance(1), _id(9): _instance(9, **{ownership.TEMPLATE_TAG: "lt-neighbour"})})
    actual = _observe(ec2, _DynamoDB([_item(1), _item(2)]), "lt-former")
    assert [request["Filters"] for request in ec2.described] == [
        [{"Name": f"tag:{ownership.TEMPLATE_TAG}", "Values": ["lt-ours", "lt-former"]}],
        [{"Name": "instance-id", "Values": [_id(2)]}],
    ]
    assert all(request["MaxResults"] == 1000 for request in ec2.described)
    assert set(actual.instances) == {_id(1)}


def test_recorded_ids_are_asked_for_200_at_a_time() -> None:
    """A filter takes no more values."""
    ec2 = _Ec2()
    _observe(ec2, _DynamoDB([_item(number) for number in range(401)]))
    assert [len(request["Filters"][0]["Values"]) for request in ec2.described] == [1, 200, 200, 1]


def test_without_a_template_and_a_table_nothing_is_asked_of_ec2() -> None:
    """An unfiltered listing would show the whole account."""
    ec2 = _Ec2({_id(1): _instance(1)})
    launched = launched_from(cast("EC2Client", ec2), TemplateIds())
    clients = cast("EC2Client", ec2), cast("DynamoDBClient", _DynamoDB())
    actual = observe.observe(*clients, TABLE, TEMPLATE, launched, lambda: False)
    assert (actual, ec2.described) == (Actual(), [])


def test_of_an_instance_only_the_judged_tags_are_kept() -> None:
    """The others may hold anything."""
    actual = _observe(_Ec2({_id(1): _instance(1, "stopped", InitialRunId="42")}), _DynamoDB([]))
    assert actual.instances == {
        _id(1): Ec2Instance(
            _id(1), Ec2State.STOPPED, NOW, {ownership.TEMPLATE_TAG: "lt-ours", names.INITIAL_RUN_TAG: "42"}
        )
    }


@pytest.mark.parametrize(
    ("item", "problem"),
    [
        ({"SK": {"S": "ID#nonsense"}, "state": {"S": "idle"}}, "identifier"),
        ({"state": {"S": "idle"}}, "identifier"),
        ({"SK": {"S": "i-00000001"}, "state": {"S": "idle"}}, "identifier"),
        ({"SK": {"S": "ID#i-00000001"}}, "no state"),
        ({"SK": {"S": "ID#i-00000001"}, "state": {"N": "1"}}, "no state"),
        ({"SK": {"S": "ID#i-00000001"}, "state": {"S": "sleeping"}}, "its state is none that is known"),
        ({"SK": {"S": "ID#i-00000001"}, "state": {"S": "idle"}, "threshold": {"N": "5"}}, "threshold is not a string"),
        ({"SK": {"S": "ID#i-00000001"}, "state": {"S": "idle"}, "runId": {"NULL": True}}, "runId is not a string"),
    ],
)
def test_a_malformed_record_is_set_apart_and_stops_nothing(item: records.Item, problem: str) -> None:
    """Instances write to this table too."""
    actual = _observe(_Ec2(), _DynamoDB([item, _item(2)]))
    broken, sound = actual.records
    assert isinstance(broken, Unreadable)
    assert problem in broken.problem
    assert isinstance(sound, InstanceRecord)


def _mark(record: InstanceRecord) -> dict[str, Any]:
    (action,) = apply.mark(TABLE, RUN_URL, Mark(record, Reason.EXPIRED, NOW))
    return cast("dict[str, Any]", action["Update"])


def test_a_mark_is_written_as_the_others_understand_it() -> None:
    """`threshold = now` and an empty run id make the instance deregister and end itself, should this run die."""
    update = _mark(_record(state="running", run_id="4711"))
    names = update["ExpressionAttributeNames"]
    set_expression = update["UpdateExpression"].removeprefix("SET ")
    written = {}
    for assignment in set_expression.split(", "):
        alias, value = assignment.split(" = ")
        written[names[alias]] = update["ExpressionAttributeValues"][value]["S"]
    assert update["Key"] == {"PK": {"S": "TYPE#INSTANCE"}, "SK": {"S": "ID#i-00000001"}}
    assert written == {
        "state": "terminated",
        "runId": "",
        "threshold": "2026-01-31T09:05:00Z",
        "updatedAt": "2026-01-31T09:05:00Z",
        "endedState": "running",
        "endedRunId": "4711",
        "endedThreshold": PAST,
        "endedReason": "expired",
        "endedBy": RUN_URL,
    }


@pytest.mark.shows("A7")
def test_a_mark_s_condition_is_all_that_was_judged() -> None:
    """State, run id and threshold, as read, and the threshold has passed."""
    update = _mark(_record(state="running", run_id="4711"))
    assert update["ConditionExpression"] == (
        "#state = :judged_state AND #runId = :judged_runId AND #threshold = :judged_threshold "
        "AND #threshold < :threshold"
    )
    values = update["ExpressionAttributeValues"]
    judged = [values[f":judged_{name}"] for name in ("state", "runId", "threshold")]
    assert judged == [{"S": "running"}, {"S": "4711"}, {"S": PAST}]


def test_an_attribute_that_was_absent_must_still_be() -> None:
    """A run id that appeared since is a claim."""
    update = _mark(_record(run_id=None))
    assert "attribute_not_exists(#runId)" in update["ConditionExpression"]
    assert ":judged_runId" not in update["ExpressionAttributeValues"]


def test_cleaning_deletes_record_heartbeat_and_signal_and_keeps_a_history_item_together() -> None:
    """All or nothing, and the record only if it is absent or still terminated."""
    ended = _record(
        state=records.TERMINATED,
        ended=(("endedState", "idle"), ("endedReason", "expired")),
        resource_class="large",
        instance_type="m7i.large",
        usage_class="spot",
    )
    actions = apply.clean(TABLE, NOW, Clean(ended))
    record, heartbeat, signal, history = cast("list[dict[str, Any]]", actions)
    assert record["Delete"]["ConditionExpression"] == "attribute_not_exists(PK) OR #state = :terminated"
    assert record["Delete"]["ExpressionAttributeValues"] == {":terminated": {"S": "terminated"}}
    deleted = [each["Delete"]["Key"]["PK"]["S"] for each in (record, heartbeat, signal)]
    assert deleted == ["TYPE#INSTANCE", "TYPE#HEARTBEAT", "TYPE#WS"]
    assert {each["Delete"]["Key"]["SK"]["S"] for each in (record, heartbeat, signal)} == {"ID#i-00000001"}
    assert history["Put"]["Item"] == {
        "PK": {"S": "TYPE#HISTORY"},
        "SK": {"S": "ID#i-00000001"},
        "entityType": {"S": "HISTORY"},
        "identifier": {"S": "i-00000001"},
        "updatedAt": {"S": "2026-01-31T09:05:00Z"},
        "endedState": {"S": "idle"},
        "endedReason": {"S": "expired"},
        "resourceClass": {"S": "large"},
        "instanceType": {"S": "m7i.large"},
        "usageClass": {"S": "spot"},
        "endedAt": {"S": PAST},
        "expiresAt": {"N": str(int(NOW.timestamp()) + 30 * 24 * 3600)},
    }


def _terminate(
    ec2: _Ec2, *numbers: int, over: Callable[[], bool] = lambda: False, clock: StillClock | None = None
) -> list[Outcome]:
    changes = [Terminate(_id(number)) for number in numbers]
    return list(apply.terminate(cast("EC2Client", ec2), changes, clock or StillClock(), over))


def test_terminations_go_in_batches_of_100() -> None:
    """AWS advises small batches."""
    ec2 = _Ec2()
    outcomes = _terminate(ec2, *range(250))
    assert [len(ids) for ids in ec2.ended] == [100, 100, 50]
    assert outcomes == [Done(Terminate(_id(number))) for number in range(250)]


def test_a_termination_that_was_not_sent_is_left_for_the_next_run() -> None:
    """A process that was asked to end sends nothing more."""
    ec2 = _Ec2()
    ec2.refusals[_id(2)] = errors.Interrupted("not sent")
    assert _terminate(ec2, 1, 2) == [Postponed(Terminate(_id(1))), Postponed(Terminate(_id(2)))]
    assert len(ec2.ended) == 1


def test_an_unknown_instance_is_dropped_and_the_others_end() -> None:
    """One unknown id fails a whole call; the error names it, and it counts as gone."""
    ec2 = _Ec2()
    ec2.refusals[_id(2)] = GONE
    outcomes = _terminate(ec2, 1, 2, 3)
    assert ec2.ended == [[_id(1), _id(2), _id(3)], [_id(2)], [_id(1), _id(3)]]
    assert Skipped(Terminate(_id(2)), "EC2 does not know it any more") in outcomes
    assert [outcome.change for outcome in outcomes if isinstance(outcome, Done)] == [
        Terminate(_id(1)),
        Terminate(_id(3)),
    ]


def test_a_refusal_that_names_nobody_is_found_by_halves() -> None:
    """A termination-protected instance fails its whole zone: it is set apart and reported, the others end."""
    protected = errors.Rejected("ec2:TerminateInstances", "OperationNotPermitted", "termination protection is on")
    ec2 = _Ec2()
    ec2.refusals[_id(5)] = protected
    outcomes = _terminate(ec2, *range(8))
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert failed == [Failed(Terminate(_id(5)), protected)]
    assert sum(isinstance(outcome, Done) for outcome in outcomes) == 7


def test_a_refusal_that_names_everybody_is_found_by_halves_too() -> None:
    """It says no more than one that names nobody."""
    ec2 = _Ec2()
    everybody = errors.Rejected("ec2:TerminateInstances", "OperationNotPermitted", f"{_id(1)}, {_id(2)}")
    ec2.refusals = {_id(1): everybody}
    outcomes = _terminate(ec2, 1, 2)
    assert outcomes == [Failed(Terminate(_id(1)), everybody), Done(Terminate(_id(2)))]


DENIED = errors.PermissionDenied("ec2:TerminateInstances", "UnauthorizedOperation", "You are not authorized.")


@pytest.mark.shows("A21")
def test_one_instance_that_the_policy_does_not_allow_keeps_nobody_alive() -> None:
    """A policy may allow instances with certain tags only."""
    ec2 = _Ec2()
    ec2.refusals[_id(5)] = DENIED
    outcomes = _terminate(ec2, *range(150))
    assert [outcome for outcome in outcomes if isinstance(outcome, Failed)] == [Failed(Terminate(_id(5)), DENIED)]
    assert sum(isinstance(outcome, Done) for outcome in outcomes) == 149


def test_where_nothing_is_allowed_the_search_has_an_end() -> None:
    """It costs two calls an instance."""
    ec2 = _Ec2()
    ec2.refusals = {_id(number): DENIED for number in range(1000)}
    outcomes = _terminate(ec2, *range(1000))
    assert outcomes == [Failed(Terminate(_id(number)), DENIED) for number in range(1000)]
    assert 1000 < len(ec2.ended) < 1020


def test_a_batch_that_gets_no_answer_fails_and_the_next_one_is_sent() -> None:
    """Nothing is lost: the records are still marked."""
    down = errors.Unavailable("ec2:TerminateInstances", "InternalError")
    ec2 = _Ec2()
    ec2.refusals[_id(0)] = down
    outcomes = _terminate(ec2, *range(101))
    assert outcomes[:100] == [Failed(Terminate(_id(number)), down) for number in range(100)]
    assert outcomes[100:] == [Done(Terminate(_id(100)))]


THROTTLED = errors.Throttled("ec2:TerminateInstances", "RequestLimitExceeded")


def test_a_batch_that_ec2_throttles_is_sent_again_after_a_pause() -> None:
    """As long as it takes to refill the bucket at least, twice as long each time; later batches wait as well."""
    left = [THROTTLED, THROTTLED]

    class _Limited(_Ec2):
        def terminate_instances(self, **request: Any) -> dict[str, Any]:
            if left:
                raise left.pop()
            return super().terminate_instances(**request)

    ec2, clock = _Limited(), StillClock()
    outcomes = _terminate(ec2, *range(101), clock=clock)
    assert outcomes == [Done(Terminate(_id(number))) for number in range(101)]
    assert [len(each) for each in ec2.ended] == [100, 1]
    assert 5 + 10 + 5 <= sum(clock.slept) <= 1.5 * (5 + 10 + 5)
    assert max(clock.slept) <= 1, "a run that is asked to end does not sleep on"


def test_what_ec2_throttles_until_the_run_is_over_is_left_for_the_next_one() -> None:
    """It is no failure; the reason is kept."""
    ec2, clock = _Ec2(), StillClock()
    ec2.refusals = {_id(number): THROTTLED for number in range(150)}
    outcomes = _terminate(ec2, *range(150), clock=clock, over=lambda: sum(clock.slept) > 100)
    assert outcomes[:100] == [Postponed(Terminate(_id(number)), THROTTLED) for number in range(100)]
    assert outcomes[100:] == [Postponed(Terminate(_id(number))) for number in range(100, 150)]
    assert len(ec2.ended) < 6


def test_expired_credentials_end_it_at_once() -> None:
    """Every further call would fail as well."""
    ec2 = _Ec2()
    ec2.refusals[_id(0)] = errors.CredentialsExpired("ec2:TerminateInstances", "RequestExpired")
    with pytest.raises(errors.CredentialsExpired):
        _terminate(ec2, *range(101))
    assert len(ec2.ended) == 1


@pytest.mark.parametrize("state", ["running", "stopping"])
def test_success_is_the_state_in_the_answer(state: str) -> None:
    """An instance that EC2 still calls running was not ended, whatever the HTTP status."""
    ec2 = _Ec2()
    ec2.state_after = state
    (outcome,) = _terminate(ec2, 1)
    assert isinstance(outcome, Failed)
    assert f"{_id(1)} is {state}. The next run tries again; if it stays, look at the instance" in str(outcome.error)


def test_an_instance_that_the_answer_does_not_mention_was_not_ended() -> None:
    """The absence of an error is no success."""

    class _Silent(_Ec2):
        def terminate_instances(self, **_: Any) -> dict[str, Any]:
            return {"TerminatingInstances": []}

    (outcome,) = _terminate(_Silent(), 1)
    assert isinstance(outcome, Failed)


def _collector(  # noqa: PLR0913 - what differs, by name
    ec2: _Ec2,
    dynamodb: _DynamoDB,
    over: Callable[[], bool] = lambda: False,
    progress: Callable[[str, int, int], None] = lambda *_: None,
    *,
    former: tuple[str, ...] = (),
    table: Callable[[], Any] = lambda: {"TableStatus": "ACTIVE"},
) -> GarbageCollector:
    client = cast("EC2Client", ec2)
    return GarbageCollector(
        desired(),
        client,
        Sender(cast("DynamoDBClient", dynamodb), StillClock(), Serial(), over),
        SharedRead(Serial(), partial(launched_from, client, TemplateIds("lt-ours", former))),
        SharedRead(Serial(), table),
        lambda: timedelta(seconds=3),
        progress,
    )


MARKS = [Mark(_record(number), Reason.EXPIRED, NOW) for number in range(101)]
TERMINATIONS = [Terminate(_id(number)) for number in range(200, 202)]
CLEANINGS = [Clean(_record(number, state=records.TERMINATED)) for number in range(300, 326)]


def test_the_collector_marks_then_terminates_then_cleans_each_in_their_batches() -> None:
    """100 marks and 25 cleanings a transaction."""
    dynamodb = _DynamoDB()
    outcomes = list(_collector(_Ec2(), dynamodb).apply([*CLEANINGS, *TERMINATIONS, *MARKS]))
    assert outcomes == [Done(change) for change in (*MARKS, *TERMINATIONS, *CLEANINGS)]
    kinds = ["".join(sorted({kind for action in each for kind in action})) for each in dynamodb.transactions]
    assert list(zip(kinds, map(len, dynamodb.transactions), strict=True)) == [
        ("Update", 100),
        ("Update", 1),
        ("DeletePut", 100),
        ("DeletePut", 4),
    ]
    assert dynamodb.transactions[0][0]["Update"]["ExpressionAttributeValues"][":endedBy"] == {"S": RUN_URL}


def test_an_adoption_is_put_only_if_there_still_is_no_record() -> None:
    """Provision may have recorded it meanwhile."""
    dynamodb = _DynamoDB()
    adopt = Adopt(_id(1), "42", NOW, NOW - timedelta(hours=1))
    assert list(_collector(_Ec2(), dynamodb).apply([adopt])) == [Done(adopt)]
    (((action,),)) = dynamodb.transactions
    assert action["Put"]["ConditionExpression"] == "attribute_not_exists(PK)"
    assert action["Put"]["Item"] == {
        **records.key(records.INSTANCE, _id(1)),
        "entityType": {"S": "INSTANCE"},
        "identifier": {"S": _id(1)},
        "updatedAt": {"S": "2026-01-31T09:05:00Z"},
        "state": {"S": "terminated"},
        "runId": {"S": ""},
        "threshold": {"S": "2026-01-31T09:05:00Z"},
        "endedState": {"S": ""},
        "endedRunId": {"S": "42"},
        "endedThreshold": {"S": ""},
        "endedReason": {"S": "unrecorded"},
        "endedBy": {"S": RUN_URL},
    }


@pytest.mark.parametrize("reason", [Reason.VANISHED, Reason.AGED])
def test_a_mark_for_another_reason_does_not_ask_for_a_past_threshold(reason: Reason) -> None:
    """All that was judged must still hold, and the threshold was judged as not passed."""
    (action,) = apply.mark(TABLE, RUN_URL, Mark(_record(), reason, NOW))
    update = cast("dict[str, Any]", action)["Update"]
    assert update["ConditionExpression"] == (
        "#state = :judged_state AND #runId = :judged_runId AND #threshold = :judged_threshold"
    )
    assert update["ExpressionAttributeValues"][":endedReason"] == {"S": reason.value}


def test_once_the_run_is_over_no_batch_is_begun() -> None:
    """What is left is said, change by change."""
    ec2, dynamodb = _Ec2(), _DynamoDB()
    outcomes = list(_collector(ec2, dynamodb, over=lambda: True).apply([*MARKS, *TERMINATIONS, *CLEANINGS]))
    assert outcomes == [Postponed(change) for change in (*MARKS, *TERMINATIONS, *CLEANINGS)]
    assert (ec2.ended, dynamodb.transactions) == ([], [])


def test_a_run_that_ends_between_batches_keeps_what_was_done() -> None:
    """The rest is for the next one."""
    ec2 = _Ec2()
    outcomes = _terminate(ec2, *range(250), over=lambda: len(ec2.ended) >= 2)
    assert [type(outcome) for outcome in outcomes] == [Done] * 200 + [Postponed] * 50


def test_long_work_tells_its_progress_a_hundred_at_a_time() -> None:
    """And short work does not."""
    told: list[tuple[str, int, int]] = []
    collector = _collector(_Ec2(), _DynamoDB(), progress=lambda *each: told.append(each))
    list(collector.apply([*MARKS, *TERMINATIONS, *CLEANINGS]))
    assert told == [("marked", 100, 101), ("marked", 101, 101)]


def test_the_collector_observes_what_it_judges() -> None:
    """Observation and policy meet in the component; the clocks are compared."""
    collector = _collector(_Ec2({_id(1): _instance(1)}), _DynamoDB([_item(1)]))
    actual = collector.observe()
    assert actual.skew == timedelta(seconds=3)
    (mark,) = collector.plan(actual, NOW).changes
    assert isinstance(mark, Mark)
    assert mark.record.id == _id(1)


def test_whether_the_table_was_restored_is_read_where_there_is_something_to_judge() -> None:
    """From the description that is read already; one that is not ACTIVE at first may be another table later."""
    restored = {"TableStatus": "ACTIVE", "RestoreSummary": {"RestoreDateTime": NOW, "RestoreInProgress": False}}
    answers = [{"TableStatus": "CREATING"}, restored]

    def observed(*described: Any) -> Actual:
        read = iter(described)
        collector = _collector(_Ec2(), _DynamoDB([_item(1)]), table=lambda: next(read))
        if len(described) > 1:
            collector.table.invalidate()
        return collector.observe()

    assert observed(restored).restore == observed(*answers).restore == Restore(NOW, NOW)
    assert observed({"TableStatus": "ACTIVE"}).restore is None
    assert _collector(_Ec2(), _DynamoDB([]), table=lambda: restored).observe().restore is None

    def denied() -> Any:
        raise errors.PermissionDenied("dynamodb:DescribeTable", "AccessDeniedException")

    assert _collector(_Ec2(), _DynamoDB([_item(1)]), table=denied).observe().restore is None


def test_instances_without_a_record_are_not_checked_where_ec2_does_not_describe_the_template() -> None:
    """By the template they are known."""
    collector = _collector(_Ec2(), _DynamoDB([]))
    unread = Actual(template_ids=TemplateIds(unread=True))
    unchecked = collector.plan(unread, NOW).unchecked
    assert unchecked
    assert (unchecked.due, unchecked.wholly) == (True, False)
    assert collector.plan(Actual(), NOW).unchecked is None


class _Disrupted(_Ec2):
    """EC2 while it refuses what names one of these ids, or none; it knows the first 500 others."""

    def __init__(self, *down: int) -> None:
        super().__init__({_id(number): _instance(number) for number in range(500)})
        self.down = set(map(_id, down))
        self.rejected: errors.ApiError | None = None
        self.refused: set[str] = set()

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        self.calls.append("DescribeInstances")
        asked = request.get("InstanceIds")
        if self.refused & set(asked or ()):
            raise errors.Rejected("ec2:DescribeInstances", "InvalidRequest", "the request is not valid")
        if asked is None or self.down & set(asked):
            raise errors.Unavailable("ec2:DescribeInstances", "InternalError")
        if self.rejected:
            raise self.rejected
        if missing := [each for each in asked if each not in self.instances]:
            problem = f"The instance IDs '{', '.join(missing)}' do not exist"
            raise errors.NotFound("ec2:DescribeInstances", "InvalidInstanceID.NotFound", problem)
        return {"Reservations": [{"Instances": [self.instances[each]]} for each in asked]}


def _asked(
    ec2: _Disrupted, *numbers: int, over: Callable[[], bool] = lambda: False
) -> tuple[dict[str, Ec2Instance], frozenset[str]]:
    return by_exact_id(cast("EC2Client", ec2), list(map(_id, numbers)), over)


def test_by_ids_alone_everything_is_read_but_what_ec2_has_no_answer_for() -> None:
    """What it does not know is neither; what it refuses is found by halves."""
    ownership, unanswered = _asked(ec2 := _Disrupted(7, 300), *range(400), 900)
    assert unanswered == {_id(7), _id(300)}
    assert sorted(ownership) == sorted(_id(number) for number in range(400) if number not in {7, 300})
    assert len(ec2.calls) < 40


def test_where_ec2_refuses_the_first_few_ids_no_more_are_asked_for() -> None:
    """Nor once the run is over, or where too many are refused: each refusal has cost several tries."""
    assert len(_asked(ec2 := _Disrupted(*range(500)), *range(500))[1]) == 500
    assert len(ec2.calls) == 3
    assert len(_asked(ec2 := _Disrupted(), *range(500), over=lambda: True)[1]) == 500
    assert ec2.calls == []
    some = [number for number in range(500) if number % 166]
    ownership, unanswered = _asked(ec2 := _Disrupted(*some), *range(500))
    assert (sorted(ownership), len(ec2.calls)) == ([_id(0), _id(166), _id(332)], 3 + 60)
    assert len(unanswered) == 497


def test_where_ec2_is_silent_one_id_is_asked_for() -> None:
    """Each silence costs minutes, and the run has eight."""
    ec2 = _Disrupted()
    ec2.rejected = errors.Unavailable("ec2:DescribeInstances", "ReadTimeoutError")
    assert _asked(ec2, *range(500)) == ({}, frozenset(map(_id, range(500))))
    assert len(ec2.calls) == 1


def test_an_answer_that_names_none_of_the_ids_is_none() -> None:
    """An instance that counts as unknown loses its record, so nothing less than its name makes it one."""
    ec2 = _Disrupted()
    ec2.rejected = errors.Rejected("ec2:DescribeInstances", "InvalidRequest", "the request is not valid")
    assert _asked(ec2, *range(5)) == ({}, frozenset(map(_id, range(5))))
    assert len(ec2.calls) == 3


def test_an_answer_that_names_none_of_many_ids_is_looked_into_by_halves() -> None:
    """What made it fail is found, and the others are read."""
    ec2 = _Disrupted()
    ec2.refused = {_id(4)}
    ownership, unanswered = _asked(ec2, *range(9))
    assert (sorted(ownership), unanswered) == ([_id(each) for each in range(9) if each != 4], frozenset({_id(4)}))


def test_without_a_list_the_collector_judges_what_is_answered_for_and_says_so() -> None:
    """With no answer at all it fails with EC2's own."""
    collector = _collector(_Disrupted(1), _DynamoDB([_item(1), _item(2)]))
    actual = collector.observe()
    assert (sorted(actual.instances), sorted(actual.unanswered)) == ([_id(2)], [_id(1)])
    plan = collector.plan(actual, NOW)
    assert [change.subject for change in plan.changes] == [_id(2)]
    assert plan.refusals[0].startswith(
        "EC2 did not list the pool's instances (ec2:DescribeInstances: InternalError), as while a zone is disrupted"
    )
    assert f"It had no answer for {_id(1)}, which were left alone." in plan.refusals[0]
    complete = _collector(_Disrupted(), _DynamoDB([_item(1)]))
    assert "no answer" not in complete.plan(complete.observe(), NOW).refusals[0]
    for numbers in ((), (1,)):
        with pytest.raises(errors.Unavailable):
            _collector(_Disrupted(1), _DynamoDB([_item(number) for number in numbers])).observe()
