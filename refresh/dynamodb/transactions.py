"""DynamoDB: changes written in transactions of up to 100 actions, several at once.

A cancelled transaction changes nothing and names the actions whose condition failed: their changes are dropped and
the rest is sent again. The SDK does not retry a transaction that was cancelled for a conflict or for throttling.
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
"""Transactions sent at the same time."""
_TRIES = 5
_THROTTLED_TRIES = 60
_LONGEST_PAUSE_SECONDS = 5
_CONDITION_LOST = "ConditionalCheckFailed"
_THROTTLED = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
_TRANSIENT_REASONS = _THROTTLED | {"TransactionConflict"}
_NO_REASON = "None"


@frozen
class Write:
    """A change and its actions, all of which are made or none."""

    change: Change
    actions: Actions


@frozen
class Sender:
    """Sends transactions, and begins none once the run is over."""

    dynamodb: DynamoDBClient
    clock: Clock
    executor: Executor
    over: Callable[[], bool] = field(default=lambda: False)

    def write(
        self, changes: Iterable[ChangeT], actions_of: Callable[[ChangeT], Actions], per_transaction: int
    ) -> Iterator[Outcome]:
        """Make changes, `per_transaction` of them together, and yield an outcome for each.

        The actions of a change are built just before they are sent: those of fifty thousand would fill the memory.
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
                outcomes, kept = _split(batch, error)
                yield from outcomes
                # A try that drops changes is progress; only the others count.
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
        """Fail the changes; halve a rejected batch, so that only the change at fault fails."""
        if len(batch) == 1 or not isinstance(error, errors.Rejected):
            yield from _failed(batch, error)
            return
        middle = len(batch) // 2
        yield from self._send(batch[:middle])
        yield from self._send(batch[middle:])

    def _pause(self, blocked: int) -> None:
        longest = min(0.05 * 2**blocked, _LONGEST_PAUSE_SECONDS)
        # Random pauses: all items of an entity are in one partition, which takes a thousand writes a second.
        self.clock.sleep(longest * random.uniform(0.5, 1))  # noqa: S311 - no secret is made of it


def _postponed(batch: list[Write]) -> Iterator[Outcome]:
    return (Postponed(each.change) for each in batch)


def _failed(batch: list[Write], error: errors.ApiError) -> Iterator[Outcome]:
    return (Failed(each.change, error) for each in batch)


def _split(batch: list[Write], error: errors.TransactionCancelled) -> tuple[list[Outcome], list[Write]]:
    """Return the outcomes of a cancelled transaction's changes, and the changes to send again."""
    found = [_outcome(each, start, error) for each, start in _offsets(batch)]
    kept = [each for each, outcome in zip(batch, found, strict=True) if outcome is None]
    return [outcome for outcome in found if outcome is not None], kept


def _offsets(batch: list[Write]) -> Iterator[tuple[Write, int]]:
    start = 0
    for each in batch:
        yield each, start
        start += len(each.actions)


def _tries(error: errors.TransactionCancelled) -> int:
    """Return the number of fruitless tries in a row: many for throttling, few for another transaction."""
    return _TRIES if _THROTTLED.isdisjoint(error.reasons) else _THROTTLED_TRIES


def _outcome(write: Write, start: int, error: errors.TransactionCancelled) -> Outcome | None:
    """Return the outcome of a change whose actions begin at `start`; None if it is to be sent again."""
    reasons = set(error.reasons[start : start + len(write.actions)]) - {_NO_REASON}
    if _CONDITION_LOST in reasons:
        return Skipped(write.change, "another process changed the record first")
    if reasons - _TRANSIENT_REASONS:
        return Failed(write.change, error)
    return None
