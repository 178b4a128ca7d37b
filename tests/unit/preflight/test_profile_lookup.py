"""What IAM says of an instance profile."""

from __future__ import annotations

from typing import Any

import pytest

from refresh import errors
from refresh.preflight.profile_lookup import Profile, look_up
from tests.fakes.memory.account import Account
from tests.fakes.memory.on_demand import OnDemand
from tests.fakes.runner_role import ROLE_ID

ARN = "arn:aws:iam::123456789012:instance-profile/runner-profile"


@pytest.mark.parametrize("given", ["runner-profile", ARN, ARN.replace("/", "/team/ci/", 1)])
def test_a_profile_is_read_by_its_name_or_arn(given: str) -> None:
    assert look_up(OnDemand(Account()), given) == Profile(ARN, ("runner",), None, ROLE_ID)


def test_a_missing_profile_has_a_remedy_of_its_own() -> None:
    account = Account()
    account.state.profiles["nobody"] = {"absent": True}
    with pytest.raises(errors.NotFound, match="Correct iam-instance-profile"):
        look_up(OnDemand(account), "nobody")


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([], Profile(ARN, ())),
        ([{"RoleName": "runner", "RoleId": ROLE_ID}], Profile(ARN, ("runner",), None, ROLE_ID)),
        ([{"RoleName": "runner", "AssumeRolePolicyDocument": "%7B"}], Profile(ARN, ("runner",))),
        ([{"RoleName": "runner", "AssumeRolePolicyDocument": {"a": 1}}], Profile(ARN, ("runner",), {"a": 1})),
    ],
)
def test_a_part_that_iam_does_not_return_is_none(roles: list[dict[str, Any]], expected: Profile) -> None:
    account = Account()
    account.state.profiles["runner-profile"] = {"Roles": roles}
    assert look_up(OnDemand(account), "runner-profile") == expected
