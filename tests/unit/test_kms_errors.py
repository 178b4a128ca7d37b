"""KMS keys: what AWS answers where one cannot be used, and what helps."""

from __future__ import annotations

import pytest

from refresh import errors, kms_errors
from refresh.clients import aws_errors

KEY = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
DYNAMODB = "KMS key access denied error: com.amazonaws.services.kms.model.AWSKMSException: {} (Error Code: {})"


def _from(code: str, message: str = "", operation: str = "dynamodb:GetItem") -> errors.ApiError:
    return aws_errors.from_aws(operation, 400, {"Error": {"Code": code, "Message": message}})


@pytest.mark.parametrize(
    ("code", "message", "remedy"),
    [
        (
            "AccessDeniedException",
            DYNAMODB.format("you are not allowed to access.", "AccessDeniedException"),
            "Allow kms:Decrypt on the KMS key that encrypts it in the IAM policy of the role or user that the run uses",
        ),
        (
            "AccessDeniedException",
            f"User: x is not authorized to perform: kms:GenerateDataKey on resource: {KEY}",
            f"Allow kms:Decrypt and kms:GenerateDataKey on the KMS key {KEY} in the IAM policy",
        ),
        ("KMS.AccessDeniedException", "no.", "Allow kms:Decrypt on"),
        ("KmsAccessDenied", "no.", "Allow kms:Decrypt on"),
        (
            "AccessDeniedException",
            DYNAMODB.format(f"{KEY} is disabled.", "DisabledException"),
            f"Enable the KMS key {KEY}.",
        ),
        ("KmsDisabled", "no.", "Enable the KMS key that encrypts it."),
        (
            "AccessDeniedException",
            DYNAMODB.format(f"{KEY} is pending deletion.", "KMSInvalidStateException"),
            f"Cancel the deletion of the KMS key {KEY} and enable it.",
        ),
        ("KmsInvalidState", "no.", "Cancel the deletion of the KMS key that encrypts it and enable it."),
        ("KmsNotFound", "no.", "Use another key: the KMS key that encrypts it does not exist"),
    ],
)
def test_a_key_that_cannot_be_used_has_the_remedy_of_its_state(code: str, message: str, remedy: str) -> None:
    """Whichever service says so; the permission of the service itself is there."""
    error = _from(code, message)
    assert type(error) is errors.KeyUnusable
    assert remedy in str(error)
    assert "dynamodb:GetItem in the IAM policy" not in str(error)


@pytest.mark.parametrize("code", ["KmsThrottled", "KMS.ThrottlingException"])
def test_a_key_that_is_asked_for_too_often_passes(code: str) -> None:
    """The next run continues."""
    assert type(_from(code)) is errors.Throttled


@pytest.mark.parametrize(
    "message",
    [
        "User: x/kms-admin is not authorized to perform: dynamodb:GetItem on resource: table/octo-kms-ci-table",
        "not authorized to perform: kms:Decrypt with an explicit deny in a service control policy",
    ],
)
def test_a_denial_that_only_mentions_kms_stays_one(message: str) -> None:
    """A name may hold the letters; and an explicit deny is for its owner to lift."""
    assert type(_from("AccessDeniedException", message)) is errors.PermissionDenied


def test_a_key_without_a_name_is_to_be_looked_up() -> None:
    """The words say where."""
    refused = errors.KeyUnusable("x:Y", "KmsDisabled", remedy="Enable the KMS key that encrypts it.")
    assert f"Enable the KMS key {KEY}." in str(kms_errors.named(refused, KEY))
    assert "`aws dynamodb describe-table` shows it as SSEDescription" in str(kms_errors.named(refused, ""))
