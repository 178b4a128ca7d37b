"""IAM: the instance profile, with the role that instances get.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetInstanceProfile.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.ports import OnDemand

_PROFILE = (
    "Correct iam-instance-profile, or create the profile in this account. IAM may show a new profile late: the next "
    "run checks again."
)


@frozen
class Profile:
    """An instance profile."""

    arn: str
    roles: tuple[str, ...]
    """Names; IAM allows one role."""
    trusts: Mapping[str, Any] | None = None
    """The role's trust policy; None if IAM did not return it."""
    role_id: str = ""
    """The unique id of the role; "" if IAM did not return it."""


def look_up(on_demand: OnDemand, given: str) -> Profile:
    """Read a profile by its name or ARN; raises `NotFound` if there is none."""
    try:
        answer = on_demand.iam().get_instance_profile(InstanceProfileName=given.rpartition("/")[2])
    except errors.NotFound as error:
        raise errors.NotFound(error.operation, error.code, error.message, remedy=_PROFILE) from None
    found = answer.get("InstanceProfile", {})
    roles = found.get("Roles", [])
    role: Mapping[str, Any] = next(iter(roles), {})
    trusts = role.get("AssumeRolePolicyDocument")
    return Profile(
        arn=str(found.get("Arn", "")),
        roles=tuple(each.get("RoleName", "") for each in roles),
        trusts=trusts if isinstance(trusts, dict) else None,
        role_id=str(role.get("RoleId", "")),
    )
