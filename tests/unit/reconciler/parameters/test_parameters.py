"""The operational parameters: compared as they are stored, written in the types that their readers expect."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import Mode
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


@pytest.mark.parametrize(
    ("identifier", "stored", "shown"),
    [
        (IDLE, None, "(none)"),
        (IDLE, {"N": "421"}, "421"),
        (IDLE, {"S": "420"}, "420"),
        (RUNTIME, {"NULL": True}, "{'NULL': True}"),
        (SUBNETS, {"SS": ["subnet-1", "subnet-2"]}, "{'SS': ['subnet-1', 'subnet-2']}"),
        (SUBNETS, {"L": []}, ""),
        (SUBNETS, {"L": [{"S": "subnet-2"}, {"S": "subnet-1"}]}, "subnet-2 subnet-1"),
        (SUBNETS, {"L": [{"S": "subnet-1"}, {"N": "2"}, {"NULL": True}]}, "subnet-1 2 {'NULL': True}"),
    ],
)
def test_any_other_stored_form_is_replaced_and_shown(identifier: str, stored: Any, shown: str) -> None:
    """A string set or a text passes a reader's first check and breaks it later."""
    actual = {each: value for each, value in {**RIGHT, identifier: stored}.items() if value}
    (change,) = policy.plan(desired(), Actual(actual)).changes
    assert str(change) == f"write parameter {identifier}"
    right = {IDLE: "420", RUNTIME: "30", SUBNETS: "subnet-1 subnet-2"}[identifier]
    assert list(map(str, change.differences)) == [f"value: {shown} -> {right}"]


@pytest.mark.parametrize(
    ("runtime", "minutes"),
    [
        (timedelta(minutes=30, seconds=1), 31),
        (timedelta(seconds=1), 1),
        (timedelta(minutes=1, microseconds=1), 2),
        (timedelta(hours=120), 7200),
    ],
)
def test_the_runtime_is_never_rounded_down(runtime: timedelta, minutes: int) -> None:
    """A job must not be cut short, and its reader refuses 0."""
    assert policy.values(desired(max_runtime=runtime))[RUNTIME] == minutes


def test_a_new_table_gets_all_parameters_once() -> None:
    items = Items()
    report = _refresh(items)
    assert {identifier: item["value"] for identifier, item in items.items.items()} == RIGHT
    assert (len(report.done), report.pending) == (3, ())
    assert _refresh(items).status == "as desired"


def test_only_wrong_parameters_are_written_each_in_its_own_item() -> None:
    """A crash leaves each old or new; an item without a value counts as absent."""
    items = Items({**RIGHT, IDLE: {"S": "420"}})
    del items.items[RUNTIME]["value"]
    assert _refresh(items).done == (WriteParameter(IDLE, "420", 420), WriteParameter(RUNTIME, None, 30))
    assert len(items.puts) == 2


def test_a_refused_write_stops_no_other() -> None:
    items = Items()
    items.refusal = errors.PermissionDenied("dynamodb:PutItem", "AccessDeniedException")
    assert len(_refresh(items).failures) == len(items.puts) == 3


def test_the_prediction_has_the_written_parameters_and_the_others() -> None:
    component = Parameters(desired(), metadata(Items()))
    predicted = component.predict(Actual({SUBNETS: {"S": "x"}}), [WriteParameter(IDLE, None, 420)], NOW)
    assert predicted == Actual({SUBNETS: {"S": "x"}, IDLE: {"N": "420"}})
