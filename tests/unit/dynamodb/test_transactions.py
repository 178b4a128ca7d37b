"""Changes written in transactions: who pays for a cancelled one."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from attrs import frozen

from refresh import errors
from refresh.dynamodb.transactions import UNDER_WAY, Sender
from refresh.engine.change import Change, Done, Failed, Skipped
from tests.fakes.serial import Serial, StillClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from refresh.engine.change import Outcome

LOST = "ConditionalCheckFailed"
CONFLICT = "TransactionConflict"
FINE = "None"


@frozen
class Named(Change):
    noun: ClassVar[str] = "item"
    name: str

    @property
    def subject(self) -> str:
        """Name it."""
        return self.name


class _DynamoDB:
    """Answers each transaction as `answer` says, by the names of its actions and the number of the call."""

    def __init__(self, answer: Callable[[list[str], int], list[str] | Exception | None]) -> None:
        self.answer = answer
        self.sent: list[list[str]] = []

    def transact_write_items(self, **request: Any) -> None:
        self.sent.append([action["Delete"]["TableName"] for action in request["TransactItems"]])
        answer = self.answer(self.sent[-1], len(self.sent))
        if isinstance(answer, Exception):
            raise answer
        if answer:
            raise errors.TransactionCancelled(
                "dynamodb:TransactWriteItems", "TransactionCanceledException", "cancelled", answer
            )


def _write(
    dynamodb: _DynamoDB, listed: str, size: int = 100, clock: StillClock | None = None, actions: int = 1
) -> dict[str, Outcome]:
    """Make one change a letter, with actions that can be told apart."""

    def actions_of(change: Named) -> list[TransactWriteItemTypeDef]:
        tables = [f"{change.name}{number or ''}" for number in range(actions)]
        return [cast("TransactWriteItemTypeDef", {"Delete": {"TableName": table}}) for table in tables]

    sender = Sender(cast("DynamoDBClient", dynamodb), clock or StillClock(), Serial())
    outcomes = list(sender.write(map(Named, listed), actions_of, size))
    assert len(outcomes) == len(listed), "one outcome a change"
    return {outcome.change.subject: outcome for outcome in outcomes}


def _kinds(outcomes: dict[str, Outcome]) -> dict[str, str]:
    return {name: type(outcome).__name__ for name, outcome in outcomes.items()}


def test_nothing_to_write_is_no_call() -> None:
    """An empty transaction would be refused."""
    dynamodb = _DynamoDB(lambda *_: None)
    assert (_write(dynamodb, ""), dynamodb.sent) == ({}, [])


def test_batches_hold_at_most_the_given_number() -> None:
    """The last one holds the rest."""
    dynamodb = _DynamoDB(lambda *_: None)
    outcomes = _write(dynamodb, "abcde", 2)
    assert dynamodb.sent == [["a", "b"], ["c", "d"], ["e"]]
    assert set(_kinds(outcomes).values()) == {"Done"}


def test_a_lost_condition_drops_only_its_own_change() -> None:
    """The others are sent again at once, without it."""
    clock = StillClock()
    dynamodb = _DynamoDB(lambda names, _: [LOST if name == "b" else FINE for name in names] if "b" in names else None)
    outcomes = _write(dynamodb, "abc", clock=clock)
    assert dynamodb.sent == [["a", "b", "c"], ["a", "c"]]
    assert _kinds(outcomes) == {"a": "Done", "b": "Skipped", "c": "Done"}
    assert clock.slept == []


def test_a_change_of_several_actions_is_dropped_as_a_whole() -> None:
    """All its actions or none; the reasons are counted by action."""
    dynamodb = _DynamoDB(lambda names, _: [LOST if name == "b1" else FINE for name in names] if "b" in names else None)
    outcomes = _write(dynamodb, "abc", actions=2)
    assert dynamodb.sent == [["a", "a1", "b", "b1", "c", "c1"], ["a", "a1", "c", "c1"]]
    assert _kinds(outcomes) == {"a": "Done", "b": "Skipped", "c": "Done"}


def test_all_conditions_lost_is_not_sent_again() -> None:
    """There is nothing left to send."""
    dynamodb = _DynamoDB(lambda names, _: [LOST for _ in names])
    assert _kinds(_write(dynamodb, "ab")) == {"a": "Skipped", "b": "Skipped"}
    assert len(dynamodb.sent) == 1


def test_many_lost_races_one_after_the_other_fail_nobody() -> None:
    """Giving up is for a service that does not let us through, not for busy colleagues."""
    names = "abcdefgh"
    dynamodb = _DynamoDB(lambda sent, _: [LOST, *(FINE for _ in sent[1:])] if len(sent) > 1 else None)
    outcomes = _write(dynamodb, names)
    assert _kinds(outcomes) == {**dict.fromkeys(names[:-1], "Skipped"), "h": "Done"}


@pytest.mark.parametrize("reason", [CONFLICT, "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_reason_of_the_moment_resends_everything_after_a_pause(reason: str) -> None:
    """The SDK does not retry these."""
    clock = StillClock()
    dynamodb = _DynamoDB(lambda names, call: [reason, *(FINE for _ in names[1:])] if call < 3 else None)
    outcomes = _write(dynamodb, "ab", clock=clock)
    assert dynamodb.sent == [["a", "b"]] * 3
    assert set(_kinds(outcomes).values()) == {"Done"}
    assert [0.05, 0.1] <= clock.slept <= [0.1, 0.2]


def test_a_conflict_that_stays_fails_after_five_tries() -> None:
    """The next run continues; this one has other things to do."""
    clock = StillClock()
    dynamodb = _DynamoDB(lambda names, _: [CONFLICT for _ in names])
    outcomes = _write(dynamodb, "ab", clock=clock)
    assert len(dynamodb.sent) == 5
    assert len(clock.slept) == 4
    assert 0.75 <= sum(clock.slept) <= 1.5
    assert _kinds(outcomes) == {"a": "Failed", "b": "Failed"}


def test_throttling_is_waited_for_much_longer() -> None:
    """Tens of thousands of items are in one partition, which takes a thousand writes a second."""
    clock = StillClock()
    dynamodb = _DynamoDB(lambda names, call: ["ThrottlingError" for _ in names] if call < 60 else None)
    assert _kinds(_write(dynamodb, "ab", clock=clock)) == {"a": "Done", "b": "Done"}
    assert max(clock.slept) <= 5
    for_ever = _DynamoDB(lambda names, _: ["ThrottlingError" for _ in names])
    assert _kinds(_write(for_ever, "ab", clock=clock)) == {"a": "Failed", "b": "Failed"}
    assert len(for_ever.sent) == 60


@pytest.mark.shows("A10")
def test_a_change_that_makes_dynamodb_refuse_the_whole_request_costs_the_others_nothing() -> None:
    """A job can write what nobody foresees."""
    refused = errors.Rejected("dynamodb:TransactWriteItems", "ValidationException", "multiple operations on one item")
    dynamodb = _DynamoDB(lambda names, _: refused if "c" in names else None)
    outcomes = _write(dynamodb, "abcdefgh")
    assert _kinds(outcomes) == {**dict.fromkeys("abdefgh", "Done"), "c": "Failed"}
    assert len(dynamodb.sent) == 7


def test_few_transactions_are_under_way_at_once() -> None:
    """Others need the workers, and the partition takes no more."""
    running: list[int] = []
    most: list[int] = []
    lock = threading.Lock()

    def answer(_: list[str], __: int) -> None:
        with lock:
            running.append(1)
            most.append(len(running))
        time.sleep(0.005)
        with lock:
            running.pop()

    with ThreadPoolExecutor(32) as pool:
        sender = Sender(cast("DynamoDBClient", _DynamoDB(answer)), StillClock(), pool)
        changes = [Named(str(number)) for number in range(100)]
        assert list(sender.write(changes, lambda _: [], 1)) == [Done(change) for change in changes]
    assert max(most) <= UNDER_WAY


def test_a_condition_lost_in_the_last_try_is_still_a_lost_race() -> None:
    """Only what was in the way of the others fails."""
    dynamodb = _DynamoDB(lambda names, call: [LOST if call == 5 else CONFLICT, *(CONFLICT for _ in names[1:])])
    outcomes = _write(dynamodb, "ab")
    assert _kinds(outcomes) == {"a": "Skipped", "b": "Failed"}
    assert len(dynamodb.sent) == 6


def test_a_cancellation_without_reasons_blames_nobody_and_ends() -> None:
    """It is tried again as a whole, five times."""
    cancelled = errors.TransactionCancelled("dynamodb:TransactWriteItems", "TransactionCanceledException", "", ())
    dynamodb = _DynamoDB(lambda *_: cancelled)
    assert _write(dynamodb, "a")["a"] == Failed(Named("a"), cancelled)
    assert len(dynamodb.sent) == 5


@pytest.mark.parametrize("reason", ["ValidationError", "ItemCollectionSizeLimitExceeded", "AccessDenied"])
def test_any_other_reason_fails_its_own_change_only(reason: str) -> None:
    """It would fail again."""
    dynamodb = _DynamoDB(lambda names, _: [reason if name == "a" else FINE for name in names] if "a" in names else None)
    outcomes = _write(dynamodb, "ab")
    assert dynamodb.sent == [["a", "b"], ["b"]]
    assert _kinds(outcomes) == {"a": "Failed", "b": "Done"}


def test_an_error_fails_its_own_batch_only() -> None:
    """The other transactions are independent."""
    refusal = errors.Unavailable("dynamodb:TransactWriteItems", "InternalServerError")
    dynamodb = _DynamoDB(lambda names, _: refusal if "a" in names else None)
    outcomes = _write(dynamodb, "abc", 2)
    assert outcomes == {
        "a": Failed(Named("a"), refusal),
        "b": Failed(Named("b"), refusal),
        "c": Done(Named("c")),
    }


def test_what_lost_its_condition_before_an_error_is_not_failed() -> None:
    """Its verdict stands."""
    refusal = errors.Throttled("dynamodb:TransactWriteItems", "ThrottlingException")
    dynamodb = _DynamoDB(lambda _, call: [LOST, FINE] if call == 1 else refusal)
    outcomes = _write(dynamodb, "ab")
    assert isinstance(outcomes["a"], Skipped)
    assert outcomes["b"] == Failed(Named("b"), refusal)


def test_expired_credentials_are_not_an_outcome() -> None:
    """They end the component."""
    dynamodb = _DynamoDB(lambda *_: errors.CredentialsExpired("dynamodb:TransactWriteItems", "ExpiredToken"))
    with pytest.raises(errors.CredentialsExpired):
        _write(dynamodb, "a")


def test_what_was_not_sent_is_left_for_the_next_run() -> None:
    """A process that was asked to end sends nothing more, and the batch was not begun."""
    stopped = errors.Interrupted("not sent")
    dynamodb = _DynamoDB(lambda names, _: stopped if "a" in names else None)
    assert _kinds(_write(dynamodb, "abc", 2)) == {"a": "Postponed", "b": "Postponed", "c": "Done"}
    assert dynamodb.sent == [["a", "b"], ["c"]]
