"""Changes written in transactions: which of them a cancelled one costs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar, cast

import pytest
from attrs import define, field, frozen

from refresh import errors
from refresh.dynamodb.transactions import UNDER_WAY, Sender
from refresh.engine.change import Change, Done
from tests.fakes.serial import Serial, StillClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from refresh.engine.change import Outcome

    Answer = Callable[[list[str], int], list[str] | Exception | None]

LOST, CONFLICT, THROTTLED, FINE = "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError", "None"
OPERATION = "dynamodb:TransactWriteItems"
BUSY = errors.Unavailable(OPERATION, "InternalServerError")
STOP = errors.Interrupted("not sent")
UNEXPLAINED = errors.TransactionCancelled(OPERATION, "TransactionCanceledException", "", ())


@frozen
class Named(Change):
    noun: ClassVar[str] = "item"
    name: str

    @property
    def subject(self) -> str:
        """Name it."""
        return self.name


@define
class _DynamoDB:
    """Answers each transaction as `answer` says, by the names of its actions and the number of the call."""

    answer: Answer
    sent: list[list[str]] = field(factory=list)

    def transact_write_items(self, **request: Any) -> None:
        self.sent.append([action["Delete"]["TableName"] for action in request["TransactItems"]])
        answer = self.answer(self.sent[-1], len(self.sent))
        if isinstance(answer, Exception):
            raise answer
        if answer:
            raise errors.TransactionCancelled(OPERATION, "TransactionCanceledException", "cancelled", answer)


@define
class _Written:
    """What became of changes with a letter each."""

    outcomes: list[Outcome]
    sent: list[str]
    """The actions of each transaction."""
    slept: list[float]

    @property
    def kinds(self) -> str:
        """The first letter of each outcome: Done, Failed, Skipped or Postponed."""
        return "".join(type(outcome).__name__[0] for outcome in self.outcomes)


def _write(answer: Answer, listed: str, size: int = 100, actions: int = 1, *, over: bool = False) -> _Written:
    """Make a change for each letter, whose second action is its capital."""

    def actions_of(change: Named) -> list[TransactWriteItemTypeDef]:
        tables = [change.name, change.name.upper()][:actions]
        return [cast("TransactWriteItemTypeDef", {"Delete": {"TableName": table}}) for table in tables]

    dynamodb, clock = _DynamoDB(answer), StillClock()
    sender = Sender(cast("DynamoDBClient", dynamodb), clock, Serial(), lambda: over)
    outcomes = sorted(sender.write(map(Named, listed), actions_of, size), key=lambda each: each.change.subject)
    assert [each.change for each in outcomes] == [*map(Named, listed)], "one outcome for each change"
    return _Written(outcomes, ["".join(each) for each in dynamodb.sent], clock.slept)


def _blaming(name: str, reason: str) -> Answer:
    """Cancel each transaction that has this action, for this reason."""
    return lambda names, _: [reason if each == name else FINE for each in names] if name in names else None


@pytest.mark.parametrize(
    ("reason", "kinds"),
    [
        (LOST, "DSD"),
        ("ValidationError", "DFD"),
        ("ItemCollectionSizeLimitExceeded", "DFD"),
        ("AccessDenied", "DFD"),
    ],
)
def test_a_lost_condition_or_a_lasting_reason_drops_only_its_own_change(reason: str, kinds: str) -> None:
    """The others are sent again immediately; a change of several actions is dropped as a whole."""
    written = _write(_blaming("b", reason), "abc")
    assert (written.kinds, written.sent, written.slept) == (kinds, ["abc", "ac"], [])
    written = _write(_blaming("B", reason), "abc", actions=2)
    assert (written.kinds, written.sent, written.slept) == (kinds, ["aAbBcC", "aAcC"], [])


@pytest.mark.parametrize(
    ("answer", "kinds", "sent"),
    [
        pytest.param(lambda *_: None, "DDDDD", ["ab", "cd", "e"], id="batches of the given size"),
        pytest.param(lambda names, _: [LOST for _ in names], "SS", ["ab"], id="all lost: nothing to send again"),
        pytest.param(lambda _, call: [LOST, FINE] if call == 1 else BUSY, "SF", ["ab", "b"], id="lost before an error"),
        pytest.param(lambda names, _: BUSY if "a" in names else None, "FFD", ["ab", "c"], id="an error of one batch"),
        pytest.param(lambda names, _: STOP if "a" in names else None, "PPD", ["ab", "c"], id="a stop in one batch"),
        pytest.param(lambda *_: UNEXPLAINED, "F", ["a"] * 5, id="cancelled without reasons"),
        pytest.param(
            lambda names, call: [LOST if call == 5 else CONFLICT, *(CONFLICT for _ in names[1:])],
            "SF",
            [*["ab"] * 5, "b"],
            id="lost in the last try",
        ),
    ],
)
def test_each_change_has_the_outcome_of_its_own_transaction(answer: Answer, kinds: str, sent: list[str]) -> None:
    written = _write(answer, "abcdefgh"[: len(kinds)], 2)
    assert (written.kinds, written.sent) == (kinds, sent)


def test_any_number_of_lost_races_fails_nothing() -> None:
    """The tries are limited for a service that makes no progress."""
    written = _write(lambda sent, _: [LOST, *(FINE for _ in sent[1:])] if len(sent) > 1 else None, "abcdefgh")
    assert written.kinds == "SSSSSSSD"


@pytest.mark.parametrize("reason", [CONFLICT, THROTTLED, "ProvisionedThroughputExceeded"])
def test_a_conflict_or_throttling_resends_everything_after_a_growing_pause(reason: str) -> None:
    """The SDK does not retry these."""
    written = _write(lambda names, call: [reason, *(FINE for _ in names[1:])] if call < 3 else None, "ab")
    assert (written.kinds, written.sent) == ("DD", ["ab"] * 3)
    assert [0.05, 0.1] <= written.slept <= [0.1, 0.2]


@pytest.mark.parametrize(
    ("reason", "tries", "slept"),
    [
        (CONFLICT, 5, (0.75, 1.5)),
        # All items of an entity are in one partition, which takes a thousand writes a second.
        (THROTTLED, 60, (0, 60 * 5)),
    ],
)
def test_a_reason_that_stays_fails_after_few_conflicts_or_much_throttling(
    reason: str, tries: int, slept: tuple[float, float]
) -> None:
    written = _write(lambda names, _: [reason for _ in names], "ab")
    assert (written.kinds, written.sent) == ("FF", ["ab"] * tries)
    assert slept[0] <= sum(written.slept) <= slept[1]
    assert (len(written.slept), max(written.slept) <= 5) == (tries - 1, True)
    assert _write(lambda names, call: [reason for _ in names] if call < tries else None, "ab").kinds == "DD"


@pytest.mark.shows("A10")
def test_a_change_for_which_dynamodb_rejects_the_request_fails_alone() -> None:
    """A job can write what no rule foresees."""
    rejected = errors.Rejected(OPERATION, "ValidationException", "multiple operations on one item")
    written = _write(lambda names, _: rejected if "c" in names else None, "abcdefgh")
    assert (written.kinds, len(written.sent)) == ("DDFDDDDD", 7)


def test_no_transaction_is_begun_once_the_run_is_over() -> None:
    written = _write(lambda *_: None, "abc", 2, over=True)
    assert (written.kinds, written.sent) == ("PPP", [])


def test_expired_credentials_end_the_component() -> None:
    with pytest.raises(errors.CredentialsExpired):
        _write(lambda *_: errors.CredentialsExpired(OPERATION, "ExpiredToken"), "a")


def test_few_transactions_are_under_way_at_once() -> None:
    """Other reads need the threads, and the partition takes no more."""
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
