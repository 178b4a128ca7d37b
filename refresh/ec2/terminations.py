"""EC2: terminates instances in batches, at the rate that EC2 allows, and sets aside the ids that make a call fail."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine.change import Change, Done, Failed, Postponed, Skipped
from refresh.pool import records
from refresh.pool.batches import batches

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from types_boto3_ec2 import EC2Client
    from types_boto3_ec2.type_defs import TerminateInstancesResultTypeDef

    from refresh.engine.change import Outcome
    from refresh.ports import Clock

TERMINATIONS_PER_CALL = 100
TERMINATIONS_PER_SECOND = 20
"""How fast EC2 refills the bucket of 1,000 instances that an account may terminate in a region.

https://docs.aws.amazon.com/ec2/latest/devguide/ec2-api-throttling.html
"""
LONGEST_PAUSE_SECONDS = 60
ISOLATING_CALLS = 1000
"""How many calls a run may spend on finding the instances that make other calls fail."""
_ENDING = frozenset({"shutting-down", "terminated"})


def terminate(ec2: EC2Client, changes: Sequence[Change], clock: Clock, over: Callable[[], bool]) -> Iterator[Outcome]:
    """Terminate the instances that the changes name as subjects, 100 in a call.

    One that makes a call fail is isolated, and the others are terminated.

    After the first throttling each call is preceded by a pause, and a throttled call is repeated until the run is over.
    Isolating costs calls, so their number is limited; the next run continues. Success is the state in the response.
    https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_TerminateInstances.html
    """
    sender = _Terminations(ec2, clock, over)
    for batch in batches(changes, TERMINATIONS_PER_CALL):
        yield from sender.send(batch)


class _Terminations:
    """Sends the terminations of one run; remembers its pause and how many calls may still isolate instances."""

    def __init__(self, ec2: EC2Client, clock: Clock, over: Callable[[], bool]) -> None:
        self._ec2 = ec2
        self._clock = clock
        self._over = over
        self._pause_seconds = 0.0
        self._isolating_calls_left = ISOLATING_CALLS

    def send(self, batch: list[Change]) -> Iterator[Outcome]:
        """Terminate a batch, or as much of it as possible."""
        try:
            response = self._answer(batch)
        except errors.Throttled as error:
            yield from (Postponed(change, error) for change in batch)
            return
        except (errors.NotFound, errors.Rejected, errors.PermissionDenied) as error:
            # A policy may allow only instances with certain tags, so even a denial may concern one of them.
            yield from self._isolate(batch, error)
            return
        except errors.Interrupted:
            yield from map(Postponed, batch)
            return
        except errors.CredentialsExpired:
            raise
        except errors.ApiError as error:
            yield from (Failed(change, error) for change in batch)
            return
        states = {each["InstanceId"]: each["CurrentState"]["Name"] for each in response["TerminatingInstances"]}
        for change in batch:
            state = states.get(change.subject, "not mentioned")
            if state in _ENDING:
                yield Done(change)
            else:
                yield Failed(change, _still_there(f"{change.subject} is {state}."))

    def _answer(self, batch: list[Change]) -> TerminateInstancesResultTypeDef:
        """Repeat the call while EC2 throttles it; raises once the run is over."""
        throttled: errors.Throttled | None = None
        while True:
            self._pause()
            if self._over():
                raise throttled or errors.Interrupted
            try:
                response = self._ec2.terminate_instances(InstanceIds=[change.subject for change in batch])
            except errors.Throttled as error:
                throttled = error
                refilled = len(batch) / TERMINATIONS_PER_SECOND
                self._pause_seconds = min(max(2 * self._pause_seconds, refilled), LONGEST_PAUSE_SECONDS)
            else:
                self._pause_seconds = min(self._pause_seconds, TERMINATIONS_PER_CALL / TERMINATIONS_PER_SECOND)
                return response

    def _pause(self) -> None:
        """Wait in steps of a second, and not beyond the end of the run."""
        # Jitter: other processes may terminate instances in this account.
        left = self._pause_seconds * random.uniform(1, 1.5)  # noqa: S311 - no secret is made of it
        while left > 0 and not self._over():
            self._clock.sleep(min(left, 1))
            left -= 1

    def _isolate(self, batch: list[Change], error: errors.ApiError) -> Iterator[Outcome]:
        """Isolate what makes a whole call fail: the instances that the error names, otherwise by halves."""
        if len(batch) == 1:
            gone = isinstance(error, errors.NotFound)
            yield Skipped(batch[0], "EC2 no longer knows the instance") if gone else Failed(batch[0], error)
            return
        if self._isolating_calls_left <= 0:
            yield from (Failed(change, error) for change in batch)
            return
        self._isolating_calls_left -= 2
        blamed = set(re.findall(records.INSTANCE_ID, error.message))
        named = [change for change in batch if change.subject in blamed]
        if not named or len(named) == len(batch):
            named = batch[: len(batch) // 2]
        yield from self.send(named)
        rest = set(named)
        yield from self.send([change for change in batch if change not in rest])


def _still_there(problem: str) -> errors.ApiError:
    remedy = "The next run tries again. If this repeats, terminate the instance in EC2."
    return errors.Rejected("ec2:TerminateInstances", "StillThere", problem, remedy=remedy)
