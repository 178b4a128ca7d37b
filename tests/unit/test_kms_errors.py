"""KMS keys: what AWS answers if it cannot use one, and the remedy."""

from __future__ import annotations

import pytest

from refresh import errors, kms_errors
from refresh.clients import aws_errors

DENIED = "AccessDeniedException"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
DYNAMODB = "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: {} (Error Code: {})"


def _from(code: str, message: str = "", operation: str = "dynamodb:GetItem") -> errors.ApiError:
    return aws_errors.from_aws(operation, 400, {"Error": {"Code": code, "Message": message}})


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        (DENIED, DYNAMODB.format("you are not allowed to access.", DENIED), "Allow kms:Decrypt on"),
        (
            DENIED,
            f"User: x is not authorized to perform: kms:GenerateDataKey on resource: {KEY}",
            f"Allow kms:Decrypt and kms:GenerateDataKey on the KMS key {KEY} ",
        ),
        ("KMS.AccessDeniedException", "no.", "Allow kms:Decrypt on"),
        ("KmsAccessDenied", "no.", "Allow kms:Decrypt on"),
        (DENIED, DYNAMODB.format(f"{KEY} is disabled.", "DisabledException"), f"Enable the KMS key {KEY}."),
        ("KmsDisabled", "no.", "Enable the KMS key"),
        (
            DENIED,
            DYNAMODB.format(f"{KEY} is pending deletion.", "KMSInvalidStateException"),
            f"Cancel the deletion of the KMS key {KEY} and enable it.",
        ),
        ("KmsInvalidState", "no.", "Cancel the deletion"),
        ("KmsNotFound", "no.", "Use another key"),
    ],
)
def test_the_remedy_for_an_unusable_key_depends_on_its_state(code: str, message: str, remedy: str) -> None:
    """From any service; the permission for the service itself is not missing."""
    error = _from(code, message)
    assert type(error) is errors.KeyUnusable
    assert remedy in str(error)
    assert "dynamodb:GetItem in the IAM policy" not in str(error)


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        ("KmsThrottled", "", errors.Throttled),
        ("KMS.ThrottlingException", "", errors.Throttled),
        # A name may contain the letters, and only its owner can lift an explicit deny.
        (DENIED, "x/kms-admin is not authorized to perform: dynamodb:GetItem", errors.PermissionDenied),
        (DENIED, "not authorized to perform: kms:Decrypt with an explicit deny in a policy", errors.PermissionDenied),
    ],
)
def test_throttling_and_other_denials_are_not_about_the_key(code: str, message: str, kind: type) -> None:
    assert type(_from(code, message)) is kind


def test_a_key_is_named_or_the_remedy_says_where_to_find_it() -> None:
    refused = errors.KeyUnusable("x:Y", "KmsDisabled", remedy="Enable the KMS key that encrypts it.")
    assert f"Enable the KMS key {KEY}." in str(kms_errors.named(refused, KEY))
    assert "`aws dynamodb describe-table`" in str(kms_errors.named(refused, ""))
