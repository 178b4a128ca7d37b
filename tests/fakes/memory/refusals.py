"""The errors of CreateFleet as EC2 words them: of whole calls, and of pools in `Errors`.

Codes: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html. EC2 was not asked:
the words are those that users of instant fleets have reported. That no type fits is `UnfulfillableCapacity`, and that a
subnet is missing refuses the whole call, are assumptions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.clients import aws_errors

if TYPE_CHECKING:
    from refresh import errors

NO_CAPACITY = "InsufficientInstanceCapacity"
NO_ADDRESSES = "InsufficientFreeAddressesInSubnet"
SPOT_QUOTA = "MaxSpotInstanceCountExceeded"
VCPU_QUOTA = "VcpuLimitExceeded"
NO_SPOT_ROLE = "AuthFailure.ServiceLinkedRoleCreationNotPermitted"
UNAUTHORIZED = "UnauthorizedOperation"
UNFULFILLABLE = "UnfulfillableCapacity"
PRICE_TOO_LOW = "SpotMaxPriceTooLow"
_OF_POOLS = {
    NO_CAPACITY: "We currently do not have sufficient {type} capacity in the Availability Zone you requested ({zone}). "
    "Our system will be working on provisioning additional capacity.",
    NO_ADDRESSES: "There are not enough free addresses in subnet '{subnet}' to satisfy the requested number of "
    "instances.",
    SPOT_QUOTA: "Max spot instance count exceeded",
    VCPU_QUOTA: "You have requested more vCPU capacity than your current vCPU limit of {limit} allows for the instance "
    "bucket that the specified instance type belongs to. Please visit http://aws.amazon.com/contact-us/ec2-request to "
    "request an adjustment to this limit.",
    NO_SPOT_ROLE: "The provided credentials do not have permission to create the service-linked role for EC2 Spot "
    "Instances.",
    UNAUTHORIZED: "You are not authorized to perform this operation.",
    UNFULFILLABLE: "Unable to fulfill capacity due to your request configuration. Please adjust your request and try "
    "again.",
    PRICE_TOO_LOW: "Your Spot request price of {bid} is lower than the minimum required Spot request fulfillment price "
    "of {price}.",
}
_OF_CALLS = {
    "IdempotentParameterMismatch": "Arguments on this idempotent request are inconsistent with arguments used in "
    "previous request(s).",
    "InvalidFleetConfig": "The fleet configuration contains duplicate instance pools.",
    "RequestLimitExceeded": "Request limit exceeded.",
}
_STATUS = {"RequestLimitExceeded": 503, "Unavailable": 503, "InternalError": 500, UNAUTHORIZED: 403}
OPERATION = "ec2:CreateFleet"


def of_pool(code: str, **values: object) -> str:
    """Give EC2's message for a pool."""
    return _OF_POOLS.get(code, code).format_map(values)


def of_call(code: str, message: str = "") -> errors.ApiError:
    """Give EC2's refusal of a whole call."""
    if message in ("", code):
        message = _OF_CALLS.get(code, code)
    return aws_errors.from_aws(OPERATION, status(code), {"Error": {"Code": code, "Message": message}})


def status(code: str) -> int:
    """Give the HTTP status of a refusal."""
    return _STATUS.get(code, 400)
