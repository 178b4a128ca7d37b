"""The state table: created once, claimed once, and never touched where it is another's."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve

from refresh import errors
from refresh.clients import aws_errors
from refresh.desired import Mode
from refresh.engine import tagging
from refresh.engine.change import Difference, Done, Plan
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.engine.shared_read import SharedRead
from refresh.engine.tagging import TagResource
from refresh.pool import names, records
from refresh.reconciler.prefetch import describe_table
from refresh.reconciler.state_table import StateTable, policy, predict
from refresh.reconciler.state_table.actual import Actual, Claim, TimeToLive
from refresh.reconciler.state_table.changes import AwaitTable, ClaimTable, CreateTable, EnableTimeToLive, TableChange
from tests.fakes.desired import TABLE, desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, Serial, StillClock

if TYPE_CHECKING:
    from types_boto3_dynamodb import DynamoDBClient

    from refresh.engine.component import Converged

KEYS = (("PK", "HASH", "S"), ("SK", "RANGE", "S"))
OURS = "octo/widgets"
SERVER = "github.com"
CLAIM = Claim(OURS, SERVER)
TAGS = (("team", "ci"),)
RIGHT = Actual(
    status="ACTIVE", keys=KEYS, deletion_protection=True, time_to_live=TimeToLive("ENABLED", "expiresAt"), claim=CLAIM
)
ABSENT = errors.NotFound("dynamodb:DescribeTable", "ResourceNotFoundException")


def _actual(**changes: Any) -> Actual:
    return evolve(RIGHT, **changes)


@pytest.mark.parametrize(
    ("actual", "changes"),
    [
        (Actual(), (CreateTable(TABLE),)),
        (RIGHT, ()),
        (_actual(time_to_live=TimeToLive("ENABLING", "expiresAt")), ()),
        (_actual(time_to_live=TimeToLive("DISABLED")), (EnableTimeToLive(TABLE),)),
        (_actual(time_to_live=TimeToLive("DISABLING", "expiresAt")), (EnableTimeToLive(TABLE),)),
        (_actual(claim=None), (ClaimTable(TABLE, OURS, SERVER),)),
        (
            _actual(claim=None, time_to_live=TimeToLive("DISABLED")),
            (ClaimTable(TABLE, OURS, SERVER), EnableTimeToLive(TABLE)),
        ),
        *(
            (_actual(status=status, claim=None, time_to_live=TimeToLive("DISABLED")), (AwaitTable(TABLE, status),))
            for status in (
                "CREATING",
                "UPDATING",
                "DELETING",
                "UNKNOWN",
            )
        ),
    ],
)
def test_each_status_has_its_plan(actual: Actual, changes: tuple[TableChange, ...]) -> None:
    """Nothing but the step that is due; a time-to-live that is being enabled is fine."""
    assert policy.plan(desired(), actual) == Plan(changes)


@pytest.mark.parametrize(
    "keys",
    [
        (),
        (("PK", "HASH", "S"),),
        (("id", "HASH", "S"),),
        (("PK", "HASH", "S"), ("SK", "RANGE", "N")),
        (("SK", "HASH", "S"), ("PK", "RANGE", "S")),
    ],
)
@pytest.mark.parametrize("status", ["ACTIVE", "CREATING", "DELETING"])
def test_a_table_with_another_key_is_refused_and_never_changed(
    keys: tuple[tuple[str, str, str], ...], status: str
) -> None:
    """It is another application's, whatever it says about its owner."""
    with pytest.raises(errors.Refused, match="another application's"):
        policy.plan(desired(), _actual(keys=keys, status=status))


@pytest.mark.shows("A34")
@pytest.mark.parametrize("owner", ["octo-widgets/x", "Octo/widgets", "unknown ({'N': '1'})", "unknown ({'S': ''})"])
def test_a_table_that_is_another_s_is_refused_and_never_claimed(owner: str) -> None:
    """`a-b/c` and `a/b-c` share a table's name."""
    with pytest.raises(errors.Refused) as refused:
        policy.plan(desired(), _actual(claim=Claim(owner, SERVER)))
    assert owner in str(refused.value)


@pytest.mark.parametrize(
    ("actual", "word"),
    [
        (_actual(time_to_live=TimeToLive("ENABLED", "gone_at")), "'gone_at' and was left alone"),
        (_actual(deletion_protection=False), "deletion protection"),
        (_actual(on_demand=False), "on-demand"),
    ],
)
def test_what_an_owner_may_have_wanted_is_left_alone_with_a_warning(actual: Actual, word: str) -> None:
    """Time-to-live on another attribute, protection and throughput are not repaired."""
    plan = policy.plan(desired(), actual)
    assert plan.changes == ()
    assert [word in warning for warning in plan.warnings] == [True]


def test_the_changes_say_what_they_do() -> None:
    """As the log and the summary show them."""
    assert list(
        map(
            str,
            (
                CreateTable("t"),
                AwaitTable("t", "CREATING"),
                EnableTimeToLive("t"),
                ClaimTable("t", "o/r", "github.com"),
            ),
        )
    ) == [
        "create table t",
        "await table t (CREATING)",
        "enable time to live on t (expiresAt)",
        "claim table t for o/r on github.com",
    ]


class _DynamoDB(Items):
    """One table; `statuses` are answered one by one, the last one for ever, and None means that there is none."""

    def __init__(self, *statuses: str | None, owner: Any = None, server: Any = None) -> None:
        super().__init__({names.POOL_IDENTIFIER: owner} if owner else {})
        if owner and server is not None:
            self.items[names.POOL_IDENTIFIER]["server"] = server
        self.statuses = list(statuses)
        self.created: dict[str, Any] = {}
        self.key = ""
        self.key_schema = [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}]
        self.time_to_live = {"TimeToLiveStatus": "ENABLED", "AttributeName": "expiresAt"}

    def describe_table(self, **_: Any) -> dict[str, Any]:
        """Give what it looks like now."""
        self.calls.append("DescribeTable")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if status is None:
            raise ABSENT
        return {
            "Table": {
                "TableStatus": status,
                "KeySchema": self.key_schema,
                "AttributeDefinitions": [{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
                "DeletionProtectionEnabled": True,
                "BillingModeSummary": {"BillingMode": "PAY_PER_REQUEST"},
                **({"SSEDescription": {"KMSMasterKeyArn": self.key}} if self.key else {}),
            }
        }

    def describe_time_to_live(self, **_: Any) -> dict[str, Any]:
        """Give its time-to-live."""
        return {"TimeToLiveDescription": self.time_to_live}

    def update_time_to_live(self, **request: Any) -> None:
        """Enable it, as slowly as DynamoDB does."""
        self.calls.append("UpdateTimeToLive")
        assert request["TimeToLiveSpecification"] == {"Enabled": True, "AttributeName": "expiresAt"}
        self.time_to_live = {"TimeToLiveStatus": "ENABLING", "AttributeName": "expiresAt"}

    def create_table(self, **request: Any) -> None:
        """Take the request for a table."""
        self.calls.append("CreateTable")
        self.created = request


def _component(dynamodb: _DynamoDB, clock: StillClock | None = None) -> StateTable:
    client = cast("DynamoDBClient", dynamodb)
    description = SharedRead(Serial(), partial(describe_table, client, TABLE))
    return StateTable(desired(), client, metadata(dynamodb), description, clock or StillClock())


def _converge(dynamodb: _DynamoDB, clock: StillClock | None = None) -> Converged[Actual]:
    clock = clock or StillClock()
    return converge(_component(dynamodb, clock), Run(mode=Mode.APPLY, clock=clock), lambda: None)


def test_a_table_as_desired_is_read_and_not_written() -> None:
    """Its description, its time-to-live and its owner."""
    dynamodb = _DynamoDB("ACTIVE", owner={"S": OURS}, server={"S": SERVER})
    converged = _converge(dynamodb)
    assert (converged.actual, converged.report.outcomes, converged.report.warnings) == (RIGHT, (), ())
    assert policy.usable(desired(), RIGHT)


def test_a_table_is_created_with_the_contract_s_schema_and_protected() -> None:
    """On demand, PK and SK, with deletion protection; then it is claimed and gets its time-to-live."""
    dynamodb = _DynamoDB(None, "ACTIVE")
    dynamodb.time_to_live = {"TimeToLiveStatus": "DISABLED"}
    converged = _converge(dynamodb)
    assert dynamodb.created == {
        "TableName": TABLE,
        "AttributeDefinitions": [
            {"AttributeName": "PK", "AttributeType": "S"},
            {"AttributeName": "SK", "AttributeType": "S"},
        ],
        "KeySchema": [{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        "BillingMode": "PAY_PER_REQUEST",
        "DeletionProtectionEnabled": True,
    }
    assert converged.report.done == (CreateTable(TABLE), ClaimTable(TABLE, OURS, SERVER), EnableTimeToLive(TABLE))
    item = dynamodb.items[names.POOL_IDENTIFIER]
    assert (item["value"], item["server"]) == ({"S": OURS}, {"S": SERVER})
    assert not converged.report.failed


def test_a_new_table_that_is_not_shown_yet_is_waited_for() -> None:
    """DescribeTable may not know it for a moment; a run that gave up here would write nothing at all."""
    clock = StillClock()
    dynamodb = _DynamoDB(None, None, None, "CREATING", "ACTIVE")
    converged = _converge(dynamodb, clock)
    assert converged.actual == evolve(RIGHT)
    assert (converged.report.pending, converged.report.failed) == ((), False)
    assert dynamodb.calls.count("CreateTable") == 1
    assert clock.slept == [1] * 3


def test_a_table_that_somebody_else_creates_first_is_taken_as_it_comes() -> None:
    """ResourceInUse is a lost race, not a failure."""

    class _Raced(_DynamoDB):
        def create_table(self, **_: Any) -> None:
            raise errors.AlreadyExists("dynamodb:CreateTable", "ResourceInUseException")

    converged = _converge(_Raced(None, "CREATING", "CREATING", "ACTIVE"))
    assert not converged.report.failed
    assert converged.actual == RIGHT


def test_a_table_whose_creation_was_not_answered_is_found_and_awaited() -> None:
    """The answer was lost, not the table; nothing else would be written in this run."""

    class _Lost(_DynamoDB):
        def create_table(self, **request: Any) -> None:
            super().create_table(**request)
            raise errors.Unavailable("dynamodb:CreateTable", "ReadTimeoutError")

    dynamodb = _Lost(None, "CREATING", "ACTIVE")
    converged = _converge(dynamodb)
    assert not converged.report.failed
    assert converged.actual == RIGHT
    assert dynamodb.calls.count("CreateTable") == 1


@pytest.mark.parametrize("status", ["CREATING", "UPDATING"])
def test_a_table_on_its_way_is_awaited(status: str) -> None:
    """One second at a time, until it is ACTIVE."""
    clock = StillClock()
    converged = _converge(_DynamoDB(status, status, status, "ACTIVE", owner={"S": OURS}, server={"S": SERVER}), clock)
    assert converged.report.done == (AwaitTable(TABLE, status),)
    assert clock.slept == [1, 1]


def test_a_table_that_is_being_deleted_is_created_anew_when_it_is_gone() -> None:
    """Not before: the name is still taken."""
    dynamodb = _DynamoDB("DELETING", "DELETING", None, None, "ACTIVE")
    converged = _converge(dynamodb)
    assert converged.report.done[:2] == (AwaitTable(TABLE, "DELETING"), CreateTable(TABLE))
    assert not converged.report.failed


@pytest.mark.parametrize("status", ["CREATING", "UPDATING"])
def test_a_table_that_does_not_become_active_fails_after_sixty_seconds(status: str) -> None:
    """Named, and nothing else is tried."""
    clock = StillClock()
    dynamodb = _DynamoDB(status)
    converged = _converge(dynamodb, clock)
    assert f"still not ACTIVE after 60 s, but {status}." in str(converged.report.failures[0].error)
    assert sum(clock.slept) == 60
    assert set(dynamodb.calls) == {"BatchGetItem", "DescribeTable"}
    assert converged.actual is not None
    assert not policy.usable(desired(), converged.actual)


KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"


@pytest.mark.shows("F34")
@pytest.mark.parametrize("key", [KEY, ""])
@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        pytest.param(
            "INACCESSIBLE_ENCRYPTION_CREDENTIALS",
            "kms:Decrypt again; after seven days DynamoDB archives the table.",
            id="F34-inaccessible",
        ),
        pytest.param("ARCHIVING", "restore the backup that DynamoDB made", id="F34-archiving"),
        pytest.param("ARCHIVED", "restore the backup that DynamoDB made", id="F34-archived"),
    ],
)
def test_a_table_whose_key_is_gone_is_not_waited_for(status: str, remedy: str, key: str) -> None:
    """It does not come back by itself; the key is named, and what has to be done with it."""
    clock = StillClock()
    dynamodb = _DynamoDB(status)
    dynamodb.key = key
    converged = _converge(dynamodb, clock)
    told = str(converged.report.error)
    assert remedy in told
    assert f"table {TABLE} ({status}): DynamoDB cannot use " in told
    assert (KEY in told) == bool(key)
    assert clock.slept == []


def test_a_key_that_the_role_may_not_use_is_named() -> None:
    """DynamoDB does not say which; the table's description does."""

    class _Denied(_DynamoDB):
        def batch_get_item(self, **_: Any) -> dict[str, Any]:
            said = {"Error": {"Code": "AccessDeniedException", "Message": "KMS key access denied error: (AWSKMS)"}}
            raise aws_errors.from_aws("dynamodb:BatchGetItem", 400, said)

    dynamodb = _Denied("ACTIVE")
    dynamodb.key = KEY
    told = str(_converge(dynamodb).report.error)
    assert f"Allow kms:Decrypt on the KMS key {KEY} in the IAM policy" in told
    dynamodb.key = ""
    assert "`aws dynamodb describe-table` shows it as SSEDescription" in str(_converge(dynamodb).report.error)


def test_a_claim_without_a_server_is_completed_once() -> None:
    """Earlier versions recorded the repository alone; they read the completed one as theirs."""
    dynamodb = _DynamoDB("ACTIVE", owner={"S": OURS})
    converged = _converge(dynamodb)
    assert converged.report.done == (ClaimTable(TABLE, OURS, SERVER),)
    (put,) = dynamodb.puts
    assert (put["Item"]["value"], put["Item"]["server"]) == ({"S": OURS}, {"S": SERVER})
    assert put["ConditionExpression"].endswith("OR (#value = :repository AND attribute_not_exists(#server))")
    assert put["ExpressionAttributeValues"] == {":repository": {"S": OURS}}
    assert _converge(dynamodb).report.outcomes == ()


@pytest.mark.parametrize(
    ("server", "named"), [({"S": "ghes.example.com"}, "ghes.example.com"), ({"N": "1"}, "unknown ({'N': '1'})")]
)
def test_a_table_of_another_server_s_repository_is_refused(server: Any, named: str) -> None:
    """Both have an octo/widgets: one would end the other's instances."""
    dynamodb = _DynamoDB("ACTIVE", owner={"S": OURS}, server=server)
    converged = _converge(dynamodb)
    assert str(converged.report.error) == (
        f"table {TABLE}: it belongs to the runner pool of {OURS} on {named}, not on {SERVER}. Nothing was changed: use "
        "another AWS account or region for one of them. If the server has a new name, write github.com into the "
        "attribute server of the table's item TYPE#METADATA, ID#pool."
    )
    assert dynamodb.puts == []


def test_a_new_table_that_does_not_become_active_fails_too() -> None:
    """It is not created a second time."""
    dynamodb = _DynamoDB(None)
    converged = _converge(dynamodb)
    assert dynamodb.calls.count("CreateTable") == 1
    assert converged.report.failed


def test_a_lost_claim_is_read_back_and_refused() -> None:
    """Another repository with the same table name was faster: it keeps the table."""

    class _Raced(_DynamoDB):
        def put_item(self, **request: Any) -> dict[str, Any]:
            assert request["ConditionExpression"].startswith("attribute_not_exists(PK) OR ")
            self.items[names.POOL_IDENTIFIER] = {**request["Item"], "value": {"S": "octo-widgets/x"}}
            raise errors.ConditionFailed("dynamodb:PutItem", "ConditionalCheckFailedException")

    converged = _converge(_Raced("ACTIVE"))
    assert isinstance(converged.report.error, errors.Refused)
    assert "octo-widgets/x" in str(converged.report.error)
    assert converged.actual is not None
    assert not policy.usable(desired(), converged.actual)


def test_a_claim_whose_answer_was_lost_is_found_to_be_ours() -> None:
    """The repeated put loses its condition against itself; reading back tells."""

    class _Lost(_DynamoDB):
        def put_item(self, **request: Any) -> dict[str, Any]:
            super().put_item(**request)
            raise errors.ConditionFailed("dynamodb:PutItem", "ConditionalCheckFailedException")

    converged = _converge(_Lost("ACTIVE"))
    assert not converged.report.failed
    assert converged.actual == RIGHT


@pytest.mark.parametrize("value", [{"S": ""}, {"N": "1"}, {"M": {}}, None])
def test_an_owner_that_names_nobody_is_refused_and_not_overwritten(value: Any) -> None:
    """Whoever wrote it, it is not ours to guess."""
    dynamodb = _DynamoDB("ACTIVE")
    dynamodb.items[names.POOL_IDENTIFIER] = records.key(records.METADATA, "pool") | ({"value": value} if value else {})
    converged = _converge(dynamodb)
    assert isinstance(converged.report.error, errors.Refused)
    assert dynamodb.puts == []


def test_a_foreign_table_is_not_asked_for_our_items() -> None:
    """Its key does not take them: the refusal must say why, not what DynamoDB thinks of the question."""

    class _Foreign(_DynamoDB):
        def batch_get_item(self, **_: Any) -> dict[str, Any]:
            raise errors.Rejected("dynamodb:BatchGetItem", "ValidationException", "The provided key element...")

    dynamodb = _Foreign("ACTIVE")
    dynamodb.key_schema = [{"AttributeName": "LockID", "KeyType": "HASH"}]
    converged = _converge(dynamodb)
    assert "its key is LockID (HASH, ?) where PK (HASH, S), SK (RANGE, S) is expected" in str(converged.report.error)


def test_a_table_that_is_not_active_is_not_asked_for_more() -> None:
    """Reading it would fail."""
    dynamodb = _DynamoDB("CREATING", owner={"S": OURS}, server={"S": SERVER})
    actual = _component(dynamodb).observe()
    assert (actual.claim, actual.time_to_live) == (None, TimeToLive())


@pytest.mark.parametrize(
    "actual",
    [
        Actual(),
        _actual(status="CREATING"),
        _actual(status="DELETING"),
        _actual(claim=None),
        _actual(claim=Claim("octo-widgets/x", SERVER)),
        _actual(claim=Claim(OURS, "ghes.example.com")),
        _actual(claim=Claim(OURS, "")),
        _actual(keys=(("SK", "HASH", "S"), ("PK", "RANGE", "S"))),
    ],
)
def test_nobody_may_write_to_a_table_that_is_not_active_and_ours(actual: Actual) -> None:
    """Shape, state and owner; nothing less opens it."""
    assert not policy.usable(desired(), actual)


def test_a_change_that_dynamodb_refuses_fails_and_the_others_are_made() -> None:
    """Time-to-live is not worth a pool's standstill."""

    class _Stubborn(_DynamoDB):
        def update_time_to_live(self, **_: Any) -> None:
            raise errors.Rejected("dynamodb:UpdateTimeToLive", "ValidationException", "Time to live has been modified")

    dynamodb = _Stubborn("ACTIVE")
    dynamodb.time_to_live = {"TimeToLiveStatus": "DISABLED"}
    converged = _converge(dynamodb)
    assert converged.report.outcomes[0] == Done(ClaimTable(TABLE, OURS, SERVER))
    assert [failure.change for failure in converged.report.failures] == [EnableTimeToLive(TABLE)]
    assert converged.actual is not None
    assert policy.usable(desired(), converged.actual)


@pytest.mark.parametrize("kind", [errors.PermissionDenied, errors.Throttled])
def test_a_time_to_live_that_cannot_be_read_fails_the_table_and_keeps_nobody_from_writing(
    kind: type[errors.ApiError],
) -> None:
    """A policy of the original's does not allow it, and a pool without a new token stands still in an hour."""

    class _Silent(_DynamoDB):
        def describe_time_to_live(self, **_: Any) -> dict[str, Any]:
            raise kind("dynamodb:DescribeTimeToLive", "No", "no.")

    dynamodb = _Silent("ACTIVE")
    converged = _converge(dynamodb)
    assert converged.report.done == (ClaimTable(TABLE, OURS, SERVER),)
    (refusal,) = converged.report.refusals
    assert refusal.startswith(
        f"table {TABLE}: its time-to-live was not looked at: {kind.__name__}: dynamodb:DescribeTime"
    )
    assert (converged.report.failed, "UpdateTimeToLive" in dynamodb.calls) == (True, False)
    assert converged.actual is not None
    assert policy.usable(desired(), converged.actual)


@pytest.mark.parametrize("kind", [errors.CredentialsExpired, errors.NotFound])
def test_a_table_that_is_gone_and_credentials_that_are_refused_still_end_the_look(kind: type[errors.ApiError]) -> None:
    """Nothing could be written then."""

    class _Gone(_DynamoDB):
        def describe_time_to_live(self, **_: Any) -> dict[str, Any]:
            raise kind("dynamodb:DescribeTimeToLive", "No", "no.")

    converged = _converge(_Gone("ACTIVE", owner={"S": OURS}, server={"S": SERVER}))
    assert (type(converged.report.error), converged.actual) == (kind, None)


def test_no_refusal_hides_another() -> None:
    """Neither that of the tags nor that of the time-to-live."""
    actual = _actual(time_to_live=TimeToLive(unread="one."), tags=tagging.Found(unread="two."))
    assert policy.plan(desired(tags=TAGS), actual).refusals == (
        f"table {TABLE}: its time-to-live was not looked at: one.",
        f"the tags of table {TABLE} were not compared: two.",
    )


@pytest.mark.parametrize(
    ("actual", "told"),
    [
        (
            _actual(keys=()),
            (
                f"table {TABLE}: its key is empty where PK (HASH, S), SK (RANGE, S) is expected; it is "
                "another application's. Nothing was changed: rename one of the two, or delete the table if it is yours "
                "to delete."
            ),
        ),
        (
            _actual(claim=Claim("octo-widgets/x", SERVER)),
            (
                f"table {TABLE}: it belongs to the runner pool of octo-widgets/x, not of {OURS}; the two names give "
                "the same table. Nothing was changed: use another AWS account or region for one of them."
            ),
        ),
    ],
)
def test_a_refusal_tells_what_was_found_and_what_to_do(actual: Actual, told: str) -> None:
    """Word for word: a person has nothing else to go by."""
    with pytest.raises(errors.Refused) as refused:
        policy.plan(desired(), actual)
    assert str(refused.value) == told


def test_each_warning_names_the_table_and_what_is_lost() -> None:
    """Word for word, as the summary shows it."""
    actual = _actual(time_to_live=TimeToLive("ENABLED", "gone_at"), deletion_protection=False, on_demand=False)
    assert policy.plan(desired(), actual).warnings == (
        (
            "table octo-widgets-ci-table: its time-to-live is on 'gone_at' and was left alone; history and heartbeats "
            "do not expire by themselves until it is on 'expiresAt'."
        ),
        "table octo-widgets-ci-table: it has no deletion protection; switch it on, it was not created by this action.",
        f"table {TABLE}: it has provisioned throughput, not on-demand; a burst of runners may be throttled.",
    )


def test_a_table_is_made_with_its_tags_and_gets_them_back() -> None:
    """By its ARN; those that cannot be read are told."""
    tagged, tags = desired(tags=TAGS), tagging.Found(unread="no.")
    (create,) = policy.plan(tagged, Actual()).changes
    assert create == CreateTable(TABLE, TAGS)
    assert create.differences == (Difference("tag team", None, "ci"),)
    assert policy.plan(tagged, _actual(arn="arn:t")).changes == (TagResource(f"table {TABLE}", "arn:t", TAGS, ()),)
    unread = policy.plan(tagged, _actual(arn="arn:t", tags=tags))
    assert unread == Plan(refusals=(f"the tags of table {TABLE} were not compared: no.",))


def test_what_will_be_is_what_the_changes_say() -> None:
    """A dry run tells what would follow by it."""
    tagged = desired(tags=TAGS)
    made = predict.predict(tagged, Actual(), [CreateTable(TABLE, TAGS)])
    assert made == Actual(status="ACTIVE", keys=KEYS, deletion_protection=True, tags=tagging.Found(TAGS))
    steps: list[TableChange] = [
        ClaimTable(TABLE, OURS, SERVER),
        EnableTimeToLive(TABLE),
        TagResource("table", "arn", (("a", "1"),), ()),
    ]
    assert predict.predict(tagged, made, steps) == evolve(
        made, claim=CLAIM, time_to_live=TimeToLive("ENABLING", "expiresAt"), tags=tagging.Found((("a", "1"), *TAGS))
    )
    creating = _actual(status="CREATING")
    assert predict.predict(tagged, creating, [AwaitTable(TABLE, "CREATING")]) == RIGHT
    assert predict.predict(tagged, creating, [AwaitTable(TABLE, "DELETING")]) == Actual()


def test_a_table_that_is_being_restored_is_refused_at_once() -> None:
    """It takes longer than a run may wait, and no other component may write meanwhile."""

    class _Restoring(_DynamoDB):
        def describe_table(self, **request: Any) -> dict[str, Any]:
            summary = {"RestoreDateTime": NOW, "RestoreInProgress": True}
            return {"Table": {**super().describe_table(**request)["Table"], "RestoreSummary": summary}}

    clock = StillClock()
    converged = _converge(_Restoring("CREATING"), clock)
    assert f"table {TABLE}: it is being restored to 2026-01-31T09:05:00Z" in str(converged.report.error)
    assert clock.slept == []
