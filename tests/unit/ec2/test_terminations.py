"""Terminations in EC2: batches, the rate limit, and ids that make a call fail."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh import errors
from refresh.ec2.terminations import terminate
from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.reconciler.garbage_collector.changes import Terminate
from tests.fakes.serial import StillClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.change import Outcome


def _id(number: int) -> str:
    return f"i-{number:08x}"


class _Ec2:
    """Refuses terminations of some ids; `ended` lists the ids of each call."""

    def __init__(self, *ids: int, error: errors.RefreshError | None = None) -> None:
        self.refused = {_id(number): error for number in ids}
        self.ended: list[list[str]] = []
        self.answered: dict[str, str] | None = None
        """The state of each id in the answer; all shut down where it is None."""

    def terminate_instances(self, **request: Any) -> dict[str, Any]:
        ids = request["InstanceIds"]
        self.ended.append(ids)
        for each in ids:
            if error := self.refused.get(each):
                raise error
        states = dict.fromkeys(ids, "shutting-down") if self.answered is None else self.answered
        return {
            "TerminatingInstances": [{"InstanceId": each, "CurrentState": {"Name": states[each]}} for each in states]
        }


def _terminate(
    ec2: _Ec2, number: int, over: Callable[[], bool] = lambda: False, clock: StillClock | None = None
) -> list[Outcome]:
    changes = [Terminate(_id(each)) for each in range(number)]
    return list(terminate(cast("Any", ec2), changes, clock or StillClock(), over))


def _error(kind: type[errors.ApiError], message: str = "") -> errors.ApiError:
    return kind("ec2:TerminateInstances", "Code", message)


def test_a_hundred_instances_are_terminated_in_one_call_until_the_run_is_over() -> None:
    ec2 = _Ec2()
    outcomes = _terminate(ec2, 250, over=lambda: len(ec2.ended) >= 2)
    assert [type(outcome) for outcome in outcomes] == [Done] * 200 + [Postponed] * 50
    assert [len(ids) for ids in ec2.ended] == [100, 100]


@pytest.mark.shows("A21")
@pytest.mark.parametrize(
    ("error", "outcome", "calls"),
    [
        (_error(errors.NotFound, f"The instance ID '{_id(5)}' does not exist"), Skipped, 3),
        (_error(errors.Rejected, "termination protection is on"), Failed, None),
        (_error(errors.Rejected, ", ".join(map(_id, range(8)))), Failed, None),
        (_error(errors.PermissionDenied, "You are not authorized."), Failed, None),
    ],
)
def test_an_instance_that_fails_a_call_is_left_out_and_the_others_end(
    error: errors.ApiError, outcome: type[Outcome], calls: int | None
) -> None:
    """The error names it, or it is found by halves; a policy may allow only instances with certain tags."""
    ec2 = _Ec2(5, error=error)
    kinds = {each.change.subject: type(each) for each in _terminate(ec2, 8)}
    assert kinds == {_id(number): outcome if number == 5 else Done for number in range(8)}
    assert calls in {None, len(ec2.ended)}


def test_the_search_for_a_refused_instance_ends_where_all_are_refused() -> None:
    """It costs two calls for each instance."""
    ec2 = _Ec2(*range(1000), error=(denied := _error(errors.PermissionDenied)))
    assert _terminate(ec2, 1000) == [Failed(Terminate(_id(number)), denied) for number in range(1000)]
    assert 1000 < len(ec2.ended) < 1020


@pytest.mark.parametrize(
    ("error", "outcome"), [(_error(errors.Unavailable), Failed), (errors.Interrupted("not sent"), Postponed)]
)
def test_the_outcome_of_a_batch_without_an_answer_is_its_own(
    error: errors.RefreshError, outcome: type[Outcome]
) -> None:
    assert [type(each) for each in _terminate(_Ec2(0, error=error), 101)] == [outcome] * 100 + [Done]


def test_expired_credentials_end_the_component_at_once() -> None:
    ec2 = _Ec2(0, error=_error(errors.CredentialsExpired))
    with pytest.raises(errors.CredentialsExpired):
        _terminate(ec2, 101)
    assert len(ec2.ended) == 1


def test_a_throttled_batch_is_sent_again_after_growing_pauses() -> None:
    """Each lasts at least as long as EC2 takes to refill; later batches wait as well."""
    ec2, clock = _Ec2(0, error=_error(errors.Throttled)), StillClock()

    def over() -> bool:
        if len(ec2.ended) == 2:
            ec2.refused = {}
        return False

    assert [type(outcome) for outcome in _terminate(ec2, 101, over, clock)] == [Done] * 101
    assert [len(ids) for ids in ec2.ended] == [100, 100, 100, 1]
    assert 5 + 10 + 5 <= sum(clock.slept) <= 1.5 * (5 + 10 + 5)
    assert max(clock.slept) <= 1, "a run that is asked to end does not sleep on"


def test_what_is_throttled_until_the_run_is_over_is_postponed_with_the_reason() -> None:
    throttled, clock = _error(errors.Throttled), StillClock()
    ec2 = _Ec2(*range(150), error=throttled)
    outcomes = _terminate(ec2, 150, lambda: sum(clock.slept) > 100, clock)
    assert outcomes[:100] == [Postponed(Terminate(_id(number)), throttled) for number in range(100)]
    assert outcomes[100:] == [Postponed(Terminate(_id(number))) for number in range(100, 150)]
    assert len(ec2.ended) < 6


@pytest.mark.parametrize("answered", [{_id(0): "running"}, {_id(0): "stopping"}, {}])
def test_a_termination_that_the_answer_does_not_confirm_has_failed(answered: dict[str, str]) -> None:
    ec2 = _Ec2()
    ec2.answered = answered
    (outcome,) = _terminate(ec2, 1)
    assert isinstance(outcome, Failed)
    assert f"{_id(0)} is {answered.get(_id(0), 'not mentioned')}" in str(outcome.error)
