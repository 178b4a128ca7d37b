"""The component: one write on a difference, none without; and what it does when another run was first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Skipped
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names, records
from refresh.preflight.profile_lookup import Profile
from refresh.reconciler.door_settings import DoorSettings
from tests.fakes.desired import desired
from tests.fakes.items import Items, metadata
from tests.fakes.runner_role import ROLE_ID
from tests.fakes.serial import StillClock
from tests.unit.reconciler.door_settings.test_policy import RECORDED

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.engine.report import ComponentReport

DOORS, TOKEN = names.SETTINGS_IDENTIFIER, names.REGISTRATION_TOKEN_IDENTIFIER
PROFILE = Profile("arn", ("runner",), role_id=ROLE_ID)
NOT_READY = "the state table is not ready"


def _run(
    items: Items,
    mode: Mode = Mode.APPLY,
    require_table: Callable[[], None] = lambda: None,
    profile: Callable[[], Profile] = lambda: PROFILE,
) -> ComponentReport:
    clock = StillClock()
    component = DoorSettings(desired(), metadata(items), lambda: (), require_table, profile, clock)
    return converge(component, Run(mode=mode, clock=clock)).report


def test_settings_are_written_once_as_an_item_of_their_own_kind() -> None:
    items = Items(RECORDED)
    report = _run(items)
    assert (len(report.done), report.pending, items.calls) == (1, (), ["BatchGetItem", "PutItem"])
    written = items.items[DOORS]
    assert (written["PK"], written["SK"]) == ({"S": "TYPE#SETTINGS"}, {"S": "ID#doors"})
    assert written["value"]["M"]["templateId"] == {"S": "lt-1"}
    assert written["value"]["M"]["runnerRoleId"] == {"S": ROLE_ID}
    assert _run(items).status == "as desired"
    assert items.calls == ["BatchGetItem", "PutItem", "BatchGetItem"]


def test_mode_plan_lists_the_write_and_makes_none() -> None:
    items = Items(RECORDED)
    report = _run(items, Mode.PLAN)
    assert (len(report.planned), report.following, items.puts) == (1, (), [])
    assert report.planned == _run(items).planned


def test_a_role_that_iam_does_not_show_stops_no_write_and_loses_no_id() -> None:
    def refuse() -> Profile:
        raise errors.PermissionDenied("iam:GetInstanceProfile", "AccessDenied")

    items = Items(RECORDED)
    first = _run(items, profile=refuse)
    assert (len(first.done), len(first.warnings), first.error) == (1, 1, None)
    assert "runnerRoleId" not in items.items[DOORS]["value"]["M"]
    assert len(_run(items).done) == 1
    again = _run(items, profile=refuse)
    assert (again.outcomes, again.warnings, len(again.notes)) == ((), (), 1)
    assert items.items[DOORS]["value"]["M"]["runnerRoleId"] == {"S": ROLE_ID}


class _Overtaken(Items):
    """Another run writes a newer token and its settings before this run's first write."""

    def put_item(self, **request: Any) -> dict[str, Any]:
        """Lose the first write."""
        if self.puts:
            return super().put_item(**request)
        self.refusal = errors.ConditionFailed("dynamodb:PutItem", "ConditionalCheckFailedException")
        token = {"token": "x", "expires_at": "2026-01-31T10:00:00Z"}
        self.items[TOKEN] = {**records.key(records.METADATA, TOKEN), "value": records.to_wire(token)}
        self.items[DOORS] = {**records.key(records.SETTINGS, DOORS), "value": {"M": {"theirs": {"S": "x"}}}}
        try:
            return super().put_item(**request)
        finally:
            self.refusal = None


def test_a_run_that_was_overtaken_reads_everything_again_before_it_writes() -> None:
    """Otherwise it would replace what the other run knows by what it has read before."""
    items = _Overtaken(RECORDED)
    report = _run(items)
    assert [type(outcome) is Skipped for outcome in report.outcomes] == [True, False]
    assert not report.failed
    assert items.items[DOORS]["value"]["M"]["tokenValidUntil"] == {"S": "2026-01-31T10:00:00Z"}
    assert items.puts[1]["ExpressionAttributeValues"] == {":before": {"M": {"theirs": {"S": "x"}}}}


def test_a_refused_write_is_a_failure_and_is_not_repeated() -> None:
    items = Items(RECORDED)
    items.refusal = errors.PermissionDenied("dynamodb:PutItem", "AccessDeniedException")
    report = _run(items)
    assert (len(report.failures), len(items.puts)) == (1, 1)


def test_without_a_template_it_waits_and_writes_nothing() -> None:
    items = Items({key: RECORDED[key] for key in RECORDED if key != names.LAUNCH_TEMPLATE_IDENTIFIER})
    report = _run(items)
    assert (report.status, items.puts) == ("skipped", [])
    assert "no usable launch_template" in report.reason


def test_if_the_table_is_the_reason_the_table_is_named() -> None:
    def refuse() -> None:
        raise errors.Blocked(NOT_READY)

    assert _run(Items(), require_table=refuse).reason == NOT_READY


@pytest.mark.parametrize("mode", Mode)
def test_it_waits_for_the_components_that_keep_metadata(mode: Mode) -> None:
    items = Items()

    def reports() -> tuple[ComponentReport, ...]:
        items.items.update(Items(RECORDED).items)
        return ()

    clock = StillClock()
    reading = metadata(items)
    reading.read_again()
    component = DoorSettings(desired(mode=mode), reading, reports, lambda: None, lambda: PROFILE, clock)
    assert component.observe().recorded == RECORDED
