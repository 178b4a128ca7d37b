"""What moto's account holds before refresh comes: images, and an instance profile with the runners' role."""

from __future__ import annotations

from moto.backends import get_backend
from moto.ec2.models.amis import Ami

from tests.fakes.desired import ACCOUNT_ID, IMAGE, OTHER_IMAGE, PROFILE, REGION


def furnish() -> None:
    """Put it into the account of this process, unless it is there."""
    ec2 = get_backend("ec2")[ACCOUNT_ID][REGION]
    for each in (IMAGE, OTHER_IMAGE):
        if each not in ec2.amis:
            ec2.amis[each] = Ami(ec2, each, name=each)
    iam = get_backend("iam")[ACCOUNT_ID]["aws"]
    if PROFILE not in iam.instance_profiles:
        role = iam.create_role("runner", "{}", "/", None, "", [], "3600")
        iam.create_instance_profile(PROFILE, "/", [role.name])
