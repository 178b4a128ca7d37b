"""A region that the account has not enabled: the credentials look wrong there, and the region is named."""

from __future__ import annotations

import pytest

from refresh.clients import aws_errors, regions

LIKE_BAD = [
    ("UnrecognizedClientException", "The security token included in the request is invalid."),
    ("AuthFailure", "AWS was not able to validate the provided access credentials"),
    ("InvalidClientTokenId", "The security token included in the request is invalid"),
    ("OptInRequired", "You are not subscribed to this service."),
    ("RegionDisabledException", "STS is not activated in this region."),
]


def _remedy(code: str, message: str, region: str) -> str:
    error = aws_errors.from_aws("ec2:X", 403, {"Error": {"Code": code, "Message": message}})
    explained = regions.explained(error, region)
    assert type(explained) is type(error)
    return explained.remedy


@pytest.mark.parametrize(("code", "message"), LIKE_BAD)
@pytest.mark.parametrize("region", ["eu-south-2", "mx-central-1", "eu-north-9"])
def test_a_region_that_may_be_disabled_is_named(code: str, message: str, region: str) -> None:
    """All regions since 2019 are, so also one that is not known yet."""
    assert region in _remedy(code, message, region)


@pytest.mark.parametrize("region", ["eu-west-1", "us-east-1", "ap-northeast-3", "cn-north-1", "us-gov-west-1"])
def test_a_region_that_is_always_enabled_is_not_named(region: str) -> None:
    assert not [each for each in LIKE_BAD if region in _remedy(*each, region)]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("AuthFailure", "Not authorized for images: [ami-1]"),
        ("OptInRequired", "In order to use this AWS Marketplace product you need to accept terms"),
        ("AccessDenied", "no"),
    ],
)
def test_a_refusal_for_another_reason_keeps_its_remedy(code: str, message: str) -> None:
    assert "eu-south-2" not in _remedy(code, message, "eu-south-2")
