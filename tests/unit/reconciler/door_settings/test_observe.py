"""What SETTINGS are compared with: items as they are, in mode plan as they will be, and never a token."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from refresh.desired import Mode, ResourceClass
from refresh.engine.report import ComponentReport
from refresh.pool import names, records
from refresh.preflight.profile_lookup import Profile
from refresh.reconciler.door_settings import observe
from refresh.reconciler.door_settings.actual import RunnerRole
from refresh.reconciler.launch_template.changes import DeleteVersions, RecordTemplate
from refresh.reconciler.parameters.changes import WriteParameter
from refresh.reconciler.registration_token.changes import ReplaceToken
from refresh.reconciler.resource_pools.changes import RecordPools
from tests.fakes import canaries
from tests.fakes.desired import TEMPLATE, desired
from tests.fakes.items import Items, metadata
from tests.fakes.runner_role import ROLE_ID
from tests.fakes.serial import NOW

if TYPE_CHECKING:
    from refresh.engine.change import Change

IDLE, TOKEN = names.IDLE_TIME_IDENTIFIER, names.REGISTRATION_TOKEN_IDENTIFIER
STORED = records.to_wire({"token": canaries.REGISTRATION, "expires_at": "2026-01-31T09:45:00Z"})
ROLE = RunnerRole(ROLE_ID)
PARAMETER = WriteParameter(IDLE, "420", 60)


NO_IDS = ("", "AROA", "AIDARUNNERROLE0000000", f"{ROLE_ID}:i-0", f"{ROLE_ID}\n", "AROA*************", ROLE_ID.lower())


def _due(*changes: Change, following: tuple[Change, ...] = (), **report: Any) -> dict[str, Any]:
    found = ComponentReport(**{"name": "x", "mode": Mode.PLAN, "planned": changes, "following": following, **report})
    return observe.due(desired(), [found], NOW)


def test_the_token_s_expiry_is_kept_and_never_the_token() -> None:
    actual = observe.observe(metadata(Items({IDLE: {"N": "420"}, TOKEN: STORED, "doors": {"M": {}}})), {}, ROLE)
    assert (actual.recorded, actual.token_expires_at) == ({IDLE: {"N": "420"}}, "2026-01-31T09:45:00Z")
    assert actual.stored == {"M": {}}
    assert canaries.REGISTRATION not in repr(actual)


def test_an_expiry_without_a_token_is_none() -> None:
    for value in ({"M": {"expires_at": {"S": "2026-01-31T09:45:00Z"}}}, {"M": {"token": {"S": "x"}}}):
        assert observe.observe(metadata(Items({TOKEN: value})), {}, ROLE).token_expires_at == ""
    assert observe.observe(metadata(Items()), {}, ROLE).stored is None


def test_in_mode_plan_every_item_is_as_other_components_will_write_it() -> None:
    pools = RecordPools(((ResourceClass("large", 2, 4096), "url"),), None)
    fields = (("UserData", "x"),)
    template = RecordTemplate("lt-1", 2, (), fields, None)
    due = _due(PARAMETER, ReplaceToken("", "none is stored"), following=(pools, template, DeleteVersions("lt-1", (1,))))
    actual = observe.observe(metadata(Items({IDLE: {"N": "420"}, TOKEN: STORED})), due, ROLE)
    assert actual.recorded[IDLE] == {"N": "60"}
    assert actual.recorded[names.RESOURCE_CLASS_CONFIG_IDENTIFIER]["M"]["large"]["M"]["queueUrl"] == {"S": "url"}
    assert actual.recorded[names.LAUNCH_TEMPLATE_IDENTIFIER]["M"]["name"] == {"S": TEMPLATE}
    assert actual.token_expires_at == records.wire_time(NOW + timedelta(hours=1))


def test_what_was_applied_or_will_not_be_changes_nothing() -> None:
    """In mode apply the items themselves are read; with an error nothing is written."""
    assert _due(PARAMETER, mode=Mode.APPLY) == {}
    assert _due(PARAMETER, error=errors.Blocked("x")) == {}


def test_the_role_is_that_of_the_instance_profile() -> None:
    profile = Profile("arn", ("runner",), role_id=ROLE_ID)
    assert observe.runner_role(desired(), profile) == ROLE
    assert observe.observe(metadata(Items()), {}, ROLE).role == ROLE


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (errors.PermissionDenied("iam:GetInstanceProfile", "AccessDenied"), "iam:GetInstanceProfile: AccessDenied"),
        (errors.NotFound("iam:GetInstanceProfile", "NoSuchEntity"), "iam:GetInstanceProfile: NoSuchEntity"),
        (Profile("arn", ()), "has no role; add the runners' role to it"),
        *((Profile("arn", ("runner",), role_id=each), "no id of the form AROA") for each in NO_IDS),
    ],
)
def test_a_role_that_iam_does_not_show_is_unknown_for_a_reason(found: Profile | errors.ApiError, told: str) -> None:
    role = observe.runner_role(desired(), found)
    assert role.id == ""
    assert role.unknown_because.startswith("iam-instance-profile: ")
    assert told in role.unknown_because


def test_a_role_in_another_profile_of_that_name_is_not_the_pool_s() -> None:
    arn = "arn:aws:iam::123456789012:instance-profile/{}runner-profile"
    given = desired(instance_profile=arn.format(""))
    assert observe.runner_role(given, Profile(arn.format(""), ("runner",), role_id=ROLE_ID)) == ROLE
    other = observe.runner_role(given, Profile(arn.format("other/"), ("runner",), role_id=ROLE_ID))
    assert (other.id, "profile of that name is" in other.unknown_because) == ("", True)
