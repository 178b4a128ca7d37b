"""EC2, IAM and STS: checks of the resources that the owner named, before anything is written of them.

A run that changes nothing reads none of them but the instance profile, which the door settings need. Each resource is
read once, for all components that write of it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from attrs import evolve, frozen

from refresh import errors
from refresh.engine.account import AccountGate
from refresh.engine.component import Clearance
from refresh.engine.shared_read import LazyRead
from refresh.pool.permissions import EC2, IMAGE_PARAMETER, INSTANCE_PROFILE, Needs
from refresh.preflight import policy
from refresh.preflight.findings import Findings, together
from refresh.preflight.policy import Network

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from concurrent.futures import Executor

    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.pool.permissions import Calls
    from refresh.ports import Clock, OnDemand
    from refresh.preflight.image_lookup import Image
    from refresh.preflight.policy import Read
    from refresh.preflight.profile_lookup import Profile

T = TypeVar("T")


@frozen(init=False)
class Preflight:
    """The gates before writing: the account for all components, the owner's resources for those that write of them."""

    _desired: DesiredState
    _clock: Clock
    require_account: AccountGate
    _image: LazyRead[Image]
    _profile: LazyRead[Profile]
    _network: LazyRead[Network]

    def __init__(  # noqa: PLR0913, PLR0917 - clients, and what they read for
        self,
        desired: DesiredState,
        ec2: EC2Client,
        on_demand: OnDemand,
        image: LazyRead[Image],
        profile: LazyRead[Profile],
        clock: Clock,
        executor: Executor,
    ) -> None:
        self.__attrs_init__(
            desired,
            clock,
            AccountGate(desired.allowed_account_ids, on_demand, executor),
            image,
            profile,
            LazyRead(executor, partial(_network, ec2, desired)),
        )

    def launch_template(self) -> Clearance:
        """Check what instances are launched from; raises `Refused` with every problem."""
        self._image.begin()
        self._network.begin()
        profile = read_or_error(self._profile)
        return _cleared(
            policy.image(self._desired, read_or_error(self._image), self._clock.now()),
            policy.profile(self._desired, profile),
            policy.groups(self._desired, self._network()),
        )

    def parameters(self) -> Clearance:
        """Check the subnets, where instances are launched; raises `Refused` with every problem."""
        return _cleared(policy.subnets(self._desired, self._network()))


def _cleared(*findings: Findings) -> Clearance:
    found = together(*findings)
    if found.problems:
        raise errors.Refused(f"not written: {' '.join(found.problems)}")
    return Clearance(found.warnings, found.notes)


def read_or_error(read: Callable[[], T]) -> Read[T]:
    """Read, or return the error as the finding; refused credentials show at the writes."""
    try:
        return read()
    except errors.ApiError as error:
        return error


def _network(ec2: EC2Client, desired: DesiredState) -> Network:
    """Read the VPCs of subnets and security groups, by filters: one unknown id would fail a request by ids."""
    subnets, groups = (
        read_or_error(partial(_subnets, ec2, desired.subnet_ids)),
        read_or_error(partial(_groups, ec2, desired.security_group_ids)),
    )
    described = {
        id_: each for one in (subnets, groups) if not isinstance(one, errors.ApiError) for id_, each in one.items()
    }
    found = Network(_vpcs(subnets), _vpcs(groups), described=described)
    if policy.apart(found):
        associated = read_or_error(partial(_associated, ec2, desired.security_group_ids))
        return evolve(found, associated=associated)
    return found


def _vpcs(found: Read[Mapping[str, Mapping[str, Any]]]) -> Read[Mapping[str, str]]:
    if isinstance(found, errors.ApiError):
        return found
    return {id_: str(described.get("VpcId", "")) for id_, described in found.items()}


def _subnets(ec2: EC2Client, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    listed = ec2.describe_subnets(Filters=[{"Name": "subnet-id", "Values": list(ids)}])["Subnets"]
    return {each.get("SubnetId", ""): dict(each) for each in listed}


def _groups(ec2: EC2Client, ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    listed = ec2.describe_security_groups(Filters=[{"Name": "group-id", "Values": list(ids)}])["SecurityGroups"]
    return {each.get("GroupId", ""): dict(each) for each in listed}


def _associated(ec2: EC2Client, ids: Sequence[str]) -> frozenset[tuple[str, str]]:
    """Read in which other VPCs each security group can be used.

    https://docs.aws.amazon.com/vpc/latest/userguide/security-group-assoc.html
    """
    filters = [{"Name": "group-id", "Values": list(ids)}, {"Name": "state", "Values": ["associated"]}]
    listed = ec2.describe_security_group_vpc_associations(Filters=filters)["SecurityGroupVpcAssociations"]  # type: ignore[arg-type] # a list is a sequence of its kind
    return frozenset((each.get("GroupId", ""), each.get("VpcId", "")) for each in listed)


CALLS: Calls = {
    "ec2:DescribeImages": Needs(
        "before the template is written: whether the image exists; with `root-volume-size`, `root-volume-type` or "
        "`delete-volumes-on-termination` always: its root device",
        EC2,
    ),
    "ec2:DescribeSecurityGroups": Needs(
        "before the template or the parameters are written: whether the security groups exist, and in which VPC", EC2
    ),
    "ec2:DescribeSubnets": Needs("as for the security groups", EC2),
    "ec2:DescribeSecurityGroupVpcAssociations": Needs(
        "before the template or the parameters are written, if security groups and subnets have different VPCs: "
        "whether the groups can still be used there",
        EC2,
    ),
    "iam:GetInstanceProfile": Needs(
        "always: the id of the role in the instance profile, and before the template is written whether both exist",
        INSTANCE_PROFILE,
    ),
    "ssm:GetParameters": Needs(
        "before the template is written, with a root volume always: the image's id",
        IMAGE_PARAMETER,
        only_with="ami: resolve:ssm:...",
    ),
    "sts:GetCallerIdentity": Needs(
        "before any write: the account of the credentials; no policy is needed", only_with="allowed-account-ids"
    ),
}
