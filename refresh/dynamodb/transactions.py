"""DynamoDB: changes written in transactions of up to 100 actions, side by side.

A cancelled transaction changes nothing and names the actions that lost their condition: their changes are dropped and
the rest is sent again. It is not retried by the SDK when it was cancelled for a conflict or for throttling.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

import random
from collections import deque
from typing import TYPE_CHECKING

from attrs import field, frozen

from refresh import errors
from refresh.engine.change import Change, ChangeT, Done, Failed, Postponed, Skipped
from refresh.pool.batches import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor, Future

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from refresh.engine.change import Outcome
    from refresh.ports import Clock

    Actions = Sequence[TransactWriteItemTypeDef]

ACTIONS_LIMIT = 100
UNDER_WAY = 8
"""Transactions sent at once."""
_TRIES = 5
_THROTTLED_TRIES = 60
_LONGEST_PAUSE_SECONDS = 5
_CONDITION_LOST = "ConditionalCheckFailed"
_THROTTLED = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
_REASONS_OF_THE_MOMENT = _THROTTLED | {"TransactionConflict"}
_BLAMELESS = "None"


@frozen
class Write:
    """A change and the actions that make it, all or none."""

    change: Change
    actions: Actions


@frozen
class Sender:
    """Sends transactions; none is begun once the run is over."""

    dynamodb: DynamoDBClient
    clock: Clock
    executor: Executor
    over: Callable[[], bool] = field(default=lambda: False)

    def write(
        self, changes: Iterable[ChangeT], actions_of: Callable[[ChangeT], Actions], per_transaction: int
    ) -> Iterator[Outcome]:
        """Make changes, `per_transaction` of them together, and give one outcome each.

        The actions of a change are made up when it is its turn: those of fifty thousand would fill the memory.
        """
        under_way: deque[Future[list[Outcome]]] = deque()
        for batch in batches(changes, per_transaction):
            if len(under_way) == UNDER_WAY:
                yield from under_way.popleft().result()
            under_way.append(self.executor.submit(self._make, actions_of, batch))
        for each in under_way:
            yield from each.result()

    def _make(self, actions_of: Callable[[ChangeT], Actions], changes: list[ChangeT]) -> list[Outcome]:
        return list(self._send([Write(change, actions_of(change)) for change in changes]))

    def _send(self, batch: list[Write]) -> Iterator[Outcome]:
        blocked = 0
        while batch:
            if self.over():
                yield from _postponed(batch)
                return
            try:
                self.dynamodb.transact_write_items(TransactItems=[action for each in batch for action in each.actions])
            except errors.TransactionCancelled as error:
                outcomes, kept = _judged(batch, error)
                yield from outcomes
                # A try that drops something is progress; only the others count.
                if len(kept) == len(batch):
                    blocked += 1
                    if blocked == _tries(error):
                        yield from _failed(batch, error)
                        return
                    self._pause(blocked)
                batch = kept
            except errors.Interrupted:
                yield from _postponed(batch)
                return
            except errors.CredentialsExpired:
                raise
            except errors.ApiError as error:
                yield from self._refused(batch, error)
                return
            else:
                yield from (Done(each.change) for each in batch)
                return

    def _refused(self, batch: list[Write], error: errors.ApiError) -> Iterator[Outcome]:
        """Fail the changes; where DynamoDB rejects a request, find the one that makes it, at no cost to the others."""
        if len(batch) == 1 or not isinstance(error, errors.Rejected):
            yield from _failed(batch, error)
            return
        middle = len(batch) // 2
        yield from self._send(batch[:middle])
        yield from self._send(batch[middle:])

    def _pause(self, blocked: int) -> None:
        longest = min(0.05 * 2**blocked, _LONGEST_PAUSE_SECONDS)
        # Apart from each other: all items of an entity are in one partition, which takes a thousand writes a second.
        self.clock.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - no secret is made of it


def _postponed(batch: list[Write]) -> Iterator[Outcome]:
    return (Postponed(each.change) for each in batch)


def _failed(batch: list[Write], error: errors.ApiError) -> Iterator[Outcome]:
    return (Failed(each.change, error) for each in batch)


def _judged(batch: list[Write], error: errors.TransactionCancelled) -> tuple[list[Outcome], list[Write]]:
    """Tell what became of the changes of a cancelled transaction, and which of them are to be sent again."""
    verdicts = [_verdict(each, start, error) for each, start in _offsets(batch)]
    kept = [each for each, outcome in zip(batch, verdicts, strict=True) if outcome is None]
    return [outcome for outcome in verdicts if outcome is not None], kept


def _offsets(batch: list[Write]) -> Iterator[tuple[Write, int]]:
    start = 0
    for each in batch:
        yield each, start
        start += len(each.actions)


def _tries(error: errors.TransactionCancelled) -> int:
    """Tell how often in a row nothing may come of it: throttling passes, another's transaction should be short."""
    return _TRIES if _THROTTLED.isdisjoint(error.reasons) else _THROTTLED_TRIES


def _verdict(write_: Write, start: int, error: errors.TransactionCancelled) -> Outcome | None:
    """Judge one change of a cancelled transaction, whose actions begin at `start`; None when it is to be sent again."""
    reasons = set(error.reasons[start : start + len(write_.actions)]) - {_BLAMELESS}
    if _CONDITION_LOST in reasons:
        return Skipped(write_.change, "someone else changed the record first")
    if reasons - _REASONS_OF_THE_MOMENT:
        return Failed(write_.change, error)
    return None
