"""Regions that an account must enable: until then even valid credentials look wrong there.

AWS gives the same answer for both, so the error names both. botocore does not know which regions these are; according
to AWS it is every region since March 2019: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html.
"""

from __future__ import annotations

import re

from refresh import errors

_ALWAYS_ENABLED = re.compile(
    r"ap-(northeast-[123]|south-1|southeast-[12])|ca-central-1|eu-(central-1|north-1|west-[123])|sa-east-1"
    r"|us-(east|west)-[12]"
)
_OTHER_PARTITIONS = re.compile(r"cn-|us-gov-|us-iso|eu-iso|eusc-")
_LIKE_BAD_CREDENTIALS = ("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException")
_DISABLED = ("OptInRequired", "RegionDisabledException")


def explained(error: errors.ApiError, region: str) -> errors.ApiError:
    """Name the region as a possible cause if it is one that an account must enable."""
    if _ALWAYS_ENABLED.fullmatch(region) or _OTHER_PARTITIONS.match(region) or "Marketplace" in error.message:
        return error
    if error.code in _DISABLED or (
        error.code in _LIKE_BAD_CREDENTIALS and isinstance(error, errors.CredentialsExpired)
    ):
        remedy = (
            f"{region} must be enabled in the account: check that it is (AWS console, Account, AWS Regions), and that "
            "the credentials come from that region's STS, because those of the global STS are not valid there. "
            "Otherwise use valid credentials."
        )
        return type(error)(error.operation, error.code, error.message, remedy=remedy)
    return error
