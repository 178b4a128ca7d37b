"""EC2: instances by id while EC2 does not list them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh import errors
from refresh.pool.ec2_instances import Ec2Instance, Ec2State, by_exact_id

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_state_that_ec2_adds_counts_as_alive() -> None:
    assert Ec2State("hibernating") is Ec2State.OTHER
    assert Ec2State.OTHER.alive


class _Disrupted:
    """EC2 while it has no answer for some ids; it knows 500 instances."""

    def __init__(self, *down: int, always: errors.ApiError | None = None, refused: int | None = None) -> None:
        self.down, self.always, self.refused = set(map(_id, down)), always, refused
        self.calls = 0

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        ids = request["InstanceIds"]
        if self.always:
            raise self.always
        if self.refused is not None and _id(self.refused) in ids:
            raise errors.Rejected("ec2:DescribeInstances", "InvalidRequest", "the request is not valid")
        if self.down & set(ids):
            raise errors.Unavailable("ec2:DescribeInstances", "InternalError")
        if missing := [each for each in ids if each >= _id(500)]:
            problem = f"The instance IDs '{', '.join(missing)}' do not exist"
            raise errors.NotFound("ec2:DescribeInstances", "InvalidInstanceID.NotFound", problem)
        return {"Reservations": [{"Instances": [{"InstanceId": each, "State": {"Name": "running"}} for each in ids]}]}


def _id(number: int) -> str:
    return f"i-{number:08x}"


def _asked(
    ec2: _Disrupted, *numbers: int, over: Callable[[], bool] = lambda: False
) -> tuple[dict[str, Ec2Instance], frozenset[str]]:
    return by_exact_id(cast("Any", ec2), list(map(_id, numbers)), over)


@pytest.mark.parametrize(
    ("ec2", "numbers", "unanswered"),
    [
        (_Disrupted(7, 300), [*range(400), 900], {7, 300}),
        (_Disrupted(refused=4), [*range(9)], {4}),
    ],
)
def test_every_instance_is_read_but_those_that_ec2_has_no_answer_for(
    ec2: _Disrupted, numbers: list[int], unanswered: set[int]
) -> None:
    """They are found by halves; an unknown instance is in neither result."""
    found, left = _asked(ec2, *numbers)
    assert left == set(map(_id, unanswered))
    assert set(found) == {_id(number) for number in numbers if number < 500} - left
    assert ec2.calls < 40


REJECTED = errors.Rejected("ec2:DescribeInstances", "InvalidRequest", "the request is not valid")
SILENT = errors.Unavailable("ec2:DescribeInstances", "ReadTimeoutError")


@pytest.mark.parametrize(
    ("ec2", "over", "calls"),
    [
        (_Disrupted(*range(500)), False, 3),
        (_Disrupted(always=REJECTED), False, 3),
        (_Disrupted(always=SILENT), False, 1),
        (_Disrupted(), True, 0),
    ],
)
def test_the_search_ends_soon_where_ec2_answers_for_none(ec2: _Disrupted, calls: int, *, over: bool) -> None:
    """Each refusal costs the pauses of several tries, and silence costs minutes."""
    assert _asked(ec2, *range(500), over=lambda: over) == ({}, frozenset(map(_id, range(500))))
    assert ec2.calls == calls


def test_the_search_ends_after_a_number_of_refusals() -> None:
    ec2 = _Disrupted(*(number for number in range(500) if number % 166))
    found, unanswered = _asked(ec2, *range(500))
    assert (sorted(found), len(unanswered), ec2.calls) == ([_id(0), _id(166), _id(332)], 497, 3 + 60)
