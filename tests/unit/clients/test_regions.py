"""A region that the account has not enabled: the credentials look wrong there, and the region is named."""

from __future__ import annotations

import pytest

from refresh import errors
from refresh.clients import aws_errors, regions

LIKE_BAD = [
    ("dynamodb:GetItem", "UnrecognizedClientException", "The security token included in the request is invalid."),
    ("ec2:DescribeImages", "AuthFailure", "AWS was not able to validate the provided access credentials"),
    ("sqs:ListQueues", "InvalidClientTokenId", "The security token included in the request is invalid"),
    ("ec2:DescribeImages", "OptInRequired", "You are not subscribed to this service."),
    ("sts:AssumeRoleWithWebIdentity", "RegionDisabledException", "STS is not activated in this region."),
]


def _explained(operation: str, code: str, message: str, region: str) -> errors.ApiError:
    return regions.explained(aws_errors.from_aws(operation, 403, {"Error": {"Code": code, "Message": message}}), region)


@pytest.mark.parametrize(("operation", "code", "message"), LIKE_BAD)
@pytest.mark.parametrize("region", ["eu-south-2", "mx-central-1", "eu-north-9"])
def test_a_region_that_has_to_be_enabled_is_named(operation: str, code: str, message: str, region: str) -> None:
    """All that are newer than 2019, so also one that is not known yet."""
    error = _explained(operation, code, message, region)
    assert error.remedy.startswith(f"{region} has to be enabled in the account: ")
    assert isinstance(error, errors.CredentialsExpired) is (code not in {"OptInRequired", "RegionDisabledException"})


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "ap-northeast-3", "cn-north-1", "us-gov-west-1"])
def test_one_that_is_always_enabled_is_not(region: str) -> None:
    """There the credentials are wrong."""
    for operation, code, message in LIKE_BAD:
        assert "has to enable" not in _explained(operation, code, message, region).remedy


def test_what_aws_refuses_for_another_reason_keeps_its_remedy() -> None:
    """EC2 uses these codes for an image of somebody else and one without a subscription as well."""
    for code, message in (
        ("AuthFailure", "Not authorized for images: [ami-1]"),
        ("OptInRequired", "In order to use this AWS Marketplace product you need to accept terms"),
        ("AccessDenied", "no"),
    ):
        assert "has to enable" not in _explained("ec2:RunInstances", code, message, "eu-south-2").remedy
