"""The operational parameters: compared as they are stored, written as the contract wants them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Difference
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names
from refresh.reconciler.parameters import Parameters, policy
from refresh.reconciler.parameters.actual import Actual
from refresh.reconciler.parameters.changes import WriteParameter
from tests.fakes.desired import desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, StillClock

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport

IDLE, RUNTIME, SUBNETS = names.IDLE_TIME_IDENTIFIER, names.MAX_RUNTIME_IDENTIFIER, names.SUBNET_IDS_IDENTIFIER
RIGHT: dict[str, Any] = {
    IDLE: {"N": "420"},
    RUNTIME: {"N": "30"},
    SUBNETS: {"L": [{"S": "subnet-1"}, {"S": "subnet-2"}]},
}


def _refresh(items: Items) -> ComponentReport:
    component = Parameters(desired(), metadata(items))
    return converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None).report


def test_what_is_stored_as_desired_is_not_written() -> None:
    """The plan is empty."""
    assert policy.plan(desired(), Actual(RIGHT)).changes == ()


@pytest.mark.parametrize(
    ("identifier", "stored", "shown"),
    [
        (IDLE, None, None),
        (IDLE, {"N": "421"}, "421"),
        (IDLE, {"S": "420"}, "420"),
        (IDLE, {"N": "420.0"}, "420.0"),
        (RUNTIME, {"N": "0"}, "0"),
        (RUNTIME, {"NULL": True}, "{'NULL': True}"),
        (SUBNETS, {"SS": ["subnet-1", "subnet-2"]}, "{'SS': ['subnet-1', 'subnet-2']}"),
        (SUBNETS, {"L": []}, ""),
        (SUBNETS, {"L": [{"S": "subnet-2"}, {"S": "subnet-1"}]}, "subnet-2 subnet-1"),
        (SUBNETS, {"L": [{"S": "subnet-1"}, {"N": "2"}, {"NULL": True}]}, "subnet-1 2 {'NULL': True}"),
        (SUBNETS, {"S": "subnet-1"}, "subnet-1"),
    ],
)
def test_any_other_stored_form_is_replaced(identifier: str, stored: Any, shown: str | None) -> None:
    """A string set or a text passes a reader's first check and breaks it later."""
    actual = {each: value for each, value in {**RIGHT, identifier: stored}.items() if value}
    (change,) = policy.plan(desired(), Actual(actual)).changes
    assert (change.identifier, change.before) == (identifier, shown)
    assert str(change) == f"write parameter {identifier}"
    assert str(change.differences[0]).startswith(f"value: {'(none)' if shown is None else shown} -> ")


@pytest.mark.parametrize(
    ("runtime", "minutes"),
    [
        (timedelta(minutes=30), 30),
        (timedelta(minutes=30, seconds=1), 31),
        (timedelta(seconds=1), 1),
        (timedelta(minutes=1, microseconds=1), 2),
        (timedelta(hours=120), 7200),
    ],
)
def test_the_runtime_is_never_rounded_down(runtime: timedelta, minutes: int) -> None:
    """A job must not be cut short; 0 would be refused by the reader."""
    assert policy.values(desired(max_runtime=runtime))[RUNTIME] == minutes


def test_all_parameters_are_written_to_a_new_table() -> None:
    """In the contract's types, and found as desired afterwards."""
    items = Items()
    report = _refresh(items)
    assert {identifier: item["value"] for identifier, item in items.items.items()} == RIGHT
    assert len(report.done) == 3
    assert not report.pending


def test_a_parameter_that_is_right_is_not_written_with_one_that_is_wrong() -> None:
    """One item each, so a crash leaves each old or new."""
    items = Items({**RIGHT, IDLE: {"S": "420"}})
    assert _refresh(items).done == (WriteParameter(IDLE, "420", 420),)
    assert len(items.puts) == 1


def test_an_item_without_a_value_counts_as_absent() -> None:
    """It is repaired, not read."""
    items = Items(RIGHT)
    del items.items[IDLE]["value"]
    assert _refresh(items).done == (WriteParameter(IDLE, None, 420),)


def test_a_refused_write_fails_its_parameter() -> None:
    """Each of them is tried."""
    items = Items()
    items.refusal = errors.PermissionDenied("dynamodb:PutItem", "AccessDeniedException")
    assert len(_refresh(items).failures) == 3
    assert len(items.puts) == 3


def test_a_parameter_is_shown_as_it_will_be() -> None:
    """Beside what it was."""
    assert WriteParameter(SUBNETS, "subnet-3", ("subnet-1", "subnet-2")).differences == (
        Difference("value", "subnet-3", "subnet-1 subnet-2"),
    )


def test_what_will_be_is_what_the_changes_say() -> None:
    """A dry run tells what would follow by it."""
    component = Parameters(desired(), metadata(Items()))
    changes = [WriteParameter(IDLE, None, 420)]
    assert component.predict(Actual({SUBNETS: {"S": "x"}}), changes, NOW) == Actual(
        {SUBNETS: {"S": "x"}, IDLE: {"N": "420"}}
    )
