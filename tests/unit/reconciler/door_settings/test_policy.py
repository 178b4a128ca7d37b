"""What SETTINGS must say: what METADATA holds, without the token, and never less than before."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.pool import names, records
from refresh.pool.settings import ClassSettings, Settings, to_value
from refresh.reconciler.door_settings import policy, predict
from refresh.reconciler.door_settings.actual import Actual, RunnerRole
from tests.fakes.desired import desired
from tests.fakes.memory import expressions
from tests.fakes.runner_role import ROLE_ID
from tests.fakes.serial import NOW

RECORDED: dict[str, Any] = {
    names.LAUNCH_TEMPLATE_IDENTIFIER: records.to_wire({"name": "template", "id": "lt-1", "version": 3}),
    names.RESOURCE_CLASS_CONFIG_IDENTIFIER: records.to_wire({"large": {"cpu": 2, "mmem": 4096, "queueUrl": "url"}}),
    names.SUBNET_IDS_IDENTIFIER: records.to_wire(["subnet-1"]),
    names.IDLE_TIME_IDENTIFIER: records.to_wire(420),
    names.MAX_RUNTIME_IDENTIFIER: records.to_wire(30),
}
WANTED = Settings(
    repository="octo/widgets",
    server="github.com",
    classes={"large": ClassSettings(cpu=2, memory_mib=4096, queue_url="url")},
    subnet_ids=("subnet-1",),
    template_name="template",
    template_id="lt-1",
    template_version=3,
    idle_time=timedelta(minutes=7),
    max_runtime=timedelta(minutes=30),
    token_valid_until=NOW,
    original_modes=True,
    runner_role_id=ROLE_ID,
)
ACTUAL = Actual(RECORDED, records.wire_time(NOW), records.to_wire(to_value(WANTED)), RunnerRole(ROLE_ID))
UNKNOWN = RunnerRole(unknown_because="iam-instance-profile: PermissionDenied: iam:GetInstanceProfile: no.")
WITHOUT_ROLE = records.to_wire(to_value(evolve(WANTED, runner_role_id="")))


def test_settings_are_what_metadata_holds_and_nothing_is_written_if_they_are_right() -> None:
    assert policy.projected(desired(), ACTUAL) == WANTED
    assert policy.plan(desired(), ACTUAL).changes == ()


@pytest.mark.parametrize(
    ("actual", "name", "before", "after"),
    [
        (evolve(ACTUAL, token_expires_at="2026-01-31T10:05:00Z"), "tokenValidUntil", "2026-01-31T09:05:00Z", "2026-01-31T10:05:00Z"),  # noqa: E501 - a row
        (evolve(ACTUAL, token_expires_at=""), "tokenValidUntil", "2026-01-31T09:05:00Z", ""),
        (evolve(ACTUAL, recorded={**RECORDED, names.IDLE_TIME_IDENTIFIER: {"N": "60"}}), "idleTimeSec", "420", "60"),
    ],
)  # fmt: skip
def test_a_part_that_differs_is_written_and_shown(actual: Actual, name: str, before: str, after: str) -> None:
    (change,) = policy.plan(desired(), actual).changes
    assert str(change) == "write settings"
    assert [(each.name, each.before, each.after) for each in change.differences] == [(name, before, after)]
    predicted = predict.predict(actual, [change])
    assert policy.plan(desired(), predicted).changes == ()


def test_the_modes_are_those_of_the_input() -> None:
    (change,) = policy.plan(desired(original_modes=False), ACTUAL).changes
    assert [*map(str, change.differences)] == ["originalModes: true -> false"]


def test_the_limits_are_those_of_the_input() -> None:
    (change,) = policy.plan(desired(max_instances=(("large", 20),)), ACTUAL).changes
    assert [*map(str, change.differences)] == ["maxInstances: (none) -> large=20"]


def test_a_new_version_of_the_template_is_written() -> None:
    template = records.to_wire({"name": "template", "id": "lt-1", "version": 4})
    actual = evolve(ACTUAL, recorded={**RECORDED, names.LAUNCH_TEMPLATE_IDENTIFIER: template})
    (change,) = policy.plan(desired(), actual).changes
    assert [*map(str, change.differences)] == ["templateVersion: 3 -> 4"]


def test_an_item_without_the_later_members_is_completed() -> None:
    members = records.mapping({"value": ACTUAL.stored}, "value")
    later = {"templateVersion", "maxInstances", "runnerRoleId"}
    earlier = {name: each for name, each in members.items() if name not in later}
    (change,) = policy.plan(desired(), evolve(ACTUAL, stored={"M": earlier})).changes
    differences = [*map(str, change.differences)]
    assert differences == ["templateVersion: (none) -> 3", f"runnerRoleId: (none) -> {ROLE_ID}"]


def test_another_role_in_the_profile_is_written() -> None:
    (change,) = policy.plan(desired(), evolve(ACTUAL, role=RunnerRole("AROAANOTHERROLE000000"))).changes
    assert [*map(str, change.differences)] == [f"runnerRoleId: {ROLE_ID} -> AROAANOTHERROLE000000"]


@pytest.mark.parametrize("original_modes", [True, False])
def test_a_role_that_cannot_be_read_stays_as_it_was_with_a_note(original_modes: bool) -> None:  # noqa: FBT001 - an input
    stored = records.to_wire(to_value(evolve(WANTED, original_modes=original_modes)))
    plan = policy.plan(desired(original_modes=original_modes), evolve(ACTUAL, stored=stored, role=UNKNOWN))
    (note,) = plan.notes
    assert (plan.changes, plan.warnings, plan.refusals) == ((), (), ())
    assert ROLE_ID in note
    assert UNKNOWN.unknown_because in note


@pytest.mark.parametrize("role_id", ["", "runner", "AROA", "AROA*************"])
def test_while_the_original_works_an_unknown_role_is_a_warning(role_id: str) -> None:
    """The rest is written all the same; a stored text that no role has counts as none."""
    stored = records.to_wire(to_value(evolve(WANTED, runner_role_id=role_id, max_runtime=timedelta(minutes=29))))
    plan = policy.plan(desired(), evolve(ACTUAL, stored=stored, role=UNKNOWN))
    (warning,) = plan.warnings
    assert UNKNOWN.unknown_because in warning
    assert "every instance of the pool can write for the others" in warning
    (change,) = plan.changes
    assert change.settings == evolve(WANTED, runner_role_id="")
    following = policy.plan(desired(), predict.predict(evolve(ACTUAL, role=UNKNOWN), [change]))
    assert following.changes == ()


@pytest.mark.parametrize("stored", [None, WITHOUT_ROLE])
def test_without_the_original_no_settings_are_written_with_which_every_machine_seems_dead(stored: Any) -> None:
    actual = evolve(ACTUAL, stored=stored, role=UNKNOWN)
    with pytest.raises(errors.Refused, match="iam:GetInstanceProfile"):
        policy.plan(desired(original_modes=False), actual)


def test_a_stored_form_with_the_same_meaning_is_replaced() -> None:
    """Readers of another language may be stricter."""
    members = {**records.mapping({"value": ACTUAL.stored}, "value"), "more": {"S": "x"}}
    (change,) = policy.plan(desired(), evolve(ACTUAL, stored={"M": members})).changes
    assert change.differences == ()


def test_classes_are_shown_by_name_and_by_what_differs() -> None:
    config = {"large": {"cpu": 4, "mmem": 4096, "queueUrl": "url"}, "small": {"cpu": 1, "mmem": 512, "queueUrl": "s"}}
    recorded = {**RECORDED, names.RESOURCE_CLASS_CONFIG_IDENTIFIER: records.to_wire(config)}
    (change,) = policy.plan(desired(), evolve(ACTUAL, recorded=recorded)).changes
    assert [*map(str, change.differences)] == [
        "classes: large -> large small",
        "class large: cpu=2 mmem=4096 queueUrl=url -> cpu=4 mmem=4096 queueUrl=url",
    ]
    (first,) = policy.plan(desired(), evolve(ACTUAL, stored=None)).changes
    assert "classes: (none) -> large" in map(str, first.differences)


@pytest.mark.parametrize("identifier", RECORDED)
@pytest.mark.parametrize("wire", [None, {"S": "broken"}, {"M": {}}, {"L": []}, {"N": "0"}])
def test_a_part_that_metadata_lacks_stays_as_it_was(identifier: str, wire: Any) -> None:
    """The component that keeps it has failed; a new token is written all the same."""
    recorded = {**RECORDED, identifier: wire} if wire else {key: RECORDED[key] for key in RECORDED if key != identifier}
    later = NOW + timedelta(minutes=30)
    actual = evolve(ACTUAL, recorded=recorded, token_expires_at=records.wire_time(later))
    assert policy.projected(desired(), actual) == evolve(WANTED, token_valid_until=later)


@pytest.mark.parametrize("identifier", RECORDED)
def test_nothing_is_written_while_a_part_is_nowhere(identifier: str) -> None:
    """Half an item would make `provision` and `release` fail with a riddle."""
    recorded = {key: RECORDED[key] for key in RECORDED if key != identifier}
    with pytest.raises(errors.Blocked, match=rf"no usable {identifier} \(see"):
        policy.plan(desired(), Actual(recorded, stored={"S": "broken"}))


def test_name_and_id_of_the_template_belong_together() -> None:
    template = records.to_wire({"name": "another", "id": ""})
    actual = evolve(ACTUAL, recorded={**RECORDED, names.LAUNCH_TEMPLATE_IDENTIFIER: template})
    assert policy.projected(desired(), actual) == WANTED


@pytest.mark.parametrize("before", [None, ACTUAL.stored])
@pytest.mark.parametrize("now", [None, ACTUAL.stored, {"M": {}}])
def test_the_write_is_lost_if_the_value_is_not_the_one_that_was_compared(before: Any, now: Any) -> None:
    condition = policy.unchanged(before)
    item = {"value": now} if now else {}
    names_used, values = condition["ExpressionAttributeNames"], condition.get("ExpressionAttributeValues", {})
    assert expressions.holds(condition["ConditionExpression"], item, names_used, values) is (before == now)
