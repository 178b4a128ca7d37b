"""Regions that an account has to enable: until then its credentials look wrong there, however good they are.

AWS's answer is the same for both, so the error names both. botocore does not know which these are; AWS says that all
regions since March 2019 are: https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html.
"""

from __future__ import annotations

import re

from refresh import errors

_ALWAYS_ENABLED = re.compile(
    r"ap-(northeast-[123]|south-1|southeast-[12])|ca-central-1|eu-(central-1|north-1|west-[123])|sa-east-1"
    r"|us-(east|west)-[12]"
)
_WITHOUT_CHOICE = re.compile(r"cn-|us-gov-|us-iso|eu-iso|eusc-")
"""Those of other partitions."""
_LIKE_BAD_CREDENTIALS = ("AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException")
_DISABLED = ("OptInRequired", "RegionDisabledException")


def explained(error: errors.ApiError, region: str) -> errors.ApiError:
    """Name the region as a possible cause where it is one that an account has to enable."""
    if _ALWAYS_ENABLED.fullmatch(region) or _WITHOUT_CHOICE.match(region) or "Marketplace" in error.message:
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
