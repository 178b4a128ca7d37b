"""What moto's account holds before refresh comes: images, and an instance profile with the runners' role."""

from __future__ import annotations

from typing import Any

from moto.backends import get_backend
from moto.ec2.models.amis import Ami

from tests.fakes.desired import ACCOUNT_ID, IMAGE, OTHER_IMAGE, PROFILE, REGION
from tests.fakes.runner_role import ROLE_ID


class _Image(Ami):
    """Its volume ends with its instance, as with the images of Amazon and Canonical; those of moto keep theirs."""

    @property
    def block_device_mappings(self) -> list[dict[str, Any]]:
        (root,) = super().block_device_mappings
        return [{**root, "Ebs": {**root["Ebs"], "DeleteOnTermination": True}}]


def furnish() -> None:
    """Put it into the account of this process, unless it is there."""
    ec2 = get_backend("ec2")[ACCOUNT_ID][REGION]
    for each in (IMAGE, OTHER_IMAGE):
        if each not in ec2.amis:
            ec2.amis[each] = _Image(ec2, each, name=each, architecture="x86_64")
    iam = get_backend("iam")[ACCOUNT_ID]["aws"]
    if PROFILE not in iam.instance_profiles:
        role = iam.create_role("runner", "{}", "/", None, "", [], "3600")
        del iam.roles[role.id]
        role.id = ROLE_ID  # not by chance, so that tests can name what an instance writes
        iam.roles[ROLE_ID] = role
        iam.create_instance_profile(PROFILE, "/", [role.name])
