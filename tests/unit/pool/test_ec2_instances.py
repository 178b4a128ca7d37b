"""EC2: what is kept of an instance, and instances by id while EC2 does not list them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import asdict

from refresh import errors
from refresh.pool import ec2_instances, ownership
from refresh.pool.ec2_instances import Ec2Instance, Ec2State, by_exact_id
from tests.fakes.serial import NOW
from tools.image.reduced_models import MEMBERS

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_state_that_ec2_adds_counts_as_alive() -> None:
    assert Ec2State("hibernating") is Ec2State.OTHER
    assert Ec2State.OTHER.alive


def _id(number: int) -> str:
    return f"i-{number:08x}"


class _Recorded(dict[str, Any]):
    """A part of an answer that notes the names that are read from it."""

    def __init__(self, **members: Any) -> None:
        super().__init__(members)
        self.read: set[str] = set()

    def __getitem__(self, name: str) -> Any:
        self.read.add(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.read.add(name)
        return super().get(name, default)


def _described(instance: dict[str, Any]) -> Ec2Instance:
    ec2: Any = SimpleNamespace(describe_instances=lambda **_: {"Reservations": [{"Instances": [instance]}]})
    return ec2_instances.described(ec2, ids=[_id(1)])[_id(1)]


def test_every_tag_that_a_rule_can_read_is_kept_and_no_other() -> None:
    ours = {name: f"value of {name}" for name in ownership.TAGS}
    tags = [{"Key": name, "Value": value} for name, value in {**ours, "team": "ci"}.items()]
    kept = _described({"InstanceId": _id(1), "State": {"Name": "running"}, "Tags": tags}).tags
    assert asdict(kept) == {field: ours[name] for name, field in ownership.TAGS.items()}


def test_a_rule_cannot_read_a_tag_that_is_not_kept() -> None:
    """Neither at run time nor by the type checker: `InstanceTags` declares what is kept."""
    with pytest.raises(AttributeError):
        ownership.instance_tags({"team": "ci"}).team  # type: ignore[attr-defined] # noqa: B018 - the point of the test


def test_an_instance_is_read_by_the_members_that_the_image_keeps() -> None:
    """A member that the reduced models lack would be absent in the container image alone."""
    given = _Recorded(InstanceId=_id(1), State={"Name": "stopped"}, LaunchTime=NOW)
    assert _described(given) == Ec2Instance(_id(1), Ec2State.STOPPED, NOW)
    assert given.read == MEMBERS["ec2"]["Instance"]


class _Disrupted:
    """EC2 while it has no answer for some ids; it knows 500 instances."""

    def __init__(
        self, *down: int, always: errors.ApiError | None = None, refused: int | None = None, silent: bool = False
    ) -> None:
        self.down, self.always, self.refused = set(map(_id, down)), always, refused
        self.code = "ReadTimeoutError" if silent else "InternalError"
        self.calls = 0

    def describe_instances(self, **request: Any) -> dict[str, Any]:
        self.calls += 1
        ids = request["InstanceIds"]
        if self.always:
            raise self.always
        if self.refused is not None and _id(self.refused) in ids:
            raise errors.Rejected("ec2:DescribeInstances", "InvalidRequest", "the request is not valid")
        if self.down & set(ids):
            raise errors.Unavailable("ec2:DescribeInstances", self.code)
        if missing := [each for each in ids if each >= _id(500)]:
            problem = f"The instance IDs '{', '.join(missing)}' do not exist"
            raise errors.NotFound("ec2:DescribeInstances", "InvalidInstanceID.NotFound", problem)
        return {"Reservations": [{"Instances": [{"InstanceId": each, "State": {"Name": "running"}} for each in ids]}]}


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


@pytest.mark.parametrize("silent", [False, True])
def test_the_search_ends_after_a_number_of_refusals(*, silent: bool) -> None:
    """Once EC2 has answered, silence is one refusal."""
    ec2 = _Disrupted(*(number for number in range(500) if number % 166), silent=silent)
    found, unanswered = _asked(ec2, *range(500))
    assert (sorted(found), len(unanswered), ec2.calls) == ([_id(0), _id(166), _id(332)], 497, 3 + 60)
