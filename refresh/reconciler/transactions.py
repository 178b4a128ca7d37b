"""DynamoDB: changes written in transactions of up to 100 actions, side by side.

A cancelled transaction changes nothing and names the actions that lost their condition: their changes are dropped and
the rest is sent again. It is not retried by the SDK when it was cancelled for a conflict or for throttling.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

from attrs import field, frozen

from refresh import errors
from refresh.report import Change, ChangeT, Done, Failed, Postponed, Skipped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Executor

    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

    from refresh.reconciler.component import Clock
    from refresh.report import Outcome

    Actions = Sequence[TransactWriteItemTypeDef]

ACTIONS_LIMIT = 100
_TRIES = 5
_CONDITION_LOST = "ConditionalCheckFailed"
_REASONS_OF_THE_MOMENT = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_BLAMELESS = "None"

T = TypeVar("T")


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
    pool: Executor
    over: Callable[[], bool] = field(default=lambda: False)

    def write(
        self, changes: Iterable[ChangeT], actions_of: Callable[[ChangeT], Actions], per_transaction: int
    ) -> Iterator[Outcome]:
        """Make changes, `per_transaction` of them together, and give one outcome each.

        The actions of a change are made up when it is its turn: those of fifty thousand would fill the memory.
        """
        for outcomes in self.pool.map(partial(self._send, actions_of), batches(changes, per_transaction)):
            yield from outcomes

    def _send(self, actions_of: Callable[[ChangeT], Actions], changes: list[ChangeT]) -> list[Outcome]:
        batch = [Write(change, actions_of(change)) for change in changes]
        outcomes: list[Outcome] = []
        blocked = 0
        while batch:
            if self.over():
                return [*outcomes, *(Postponed(each.change) for each in batch)]
            try:
                self.dynamodb.transact_write_items(TransactItems=[action for each in batch for action in each.actions])
            except errors.TransactionCancelled as error:
                verdicts = [_verdict(each, start, error) for each, start in _offsets(batch)]
                outcomes += [outcome for outcome in verdicts if outcome]
                kept = [each for each, outcome in zip(batch, verdicts, strict=True) if outcome is None]
                # A try that drops something is progress; only the others count.
                if len(kept) == len(batch):
                    blocked += 1
                    if blocked == _TRIES:
                        return [*outcomes, *(Failed(each.change, error) for each in batch)]
                    self.clock.sleep(0.05 * 2**blocked)
                batch = kept
            except errors.CredentialsExpired:
                raise
            except errors.ApiError as error:
                return [*outcomes, *(Failed(each.change, error) for each in batch)]
            else:
                return [*outcomes, *(Done(each.change) for each in batch)]
        return outcomes


def batches(values: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut into lists of at most `size`."""
    remaining = iter(values)
    while batch := list(islice(remaining, size)):
        yield batch


def _offsets(batch: list[Write]) -> Iterator[tuple[Write, int]]:
    start = 0
    for each in batch:
        yield each, start
        start += len(each.actions)


def _verdict(write_: Write, start: int, error: errors.TransactionCancelled) -> Outcome | None:
    """Judge one change of a cancelled transaction, whose actions begin at `start`; None when it is to be sent again."""
    reasons = set(error.reasons[start : start + len(write_.actions)]) - {_BLAMELESS}
    if _CONDITION_LOST in reasons:
        return Skipped(write_.change, "someone else changed the record first")
    if reasons - _REASONS_OF_THE_MOMENT:
        return Failed(write_.change, error)
    return None
