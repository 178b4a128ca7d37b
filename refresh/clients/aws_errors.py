"""Translate the error responses of AWS into types.

Error codes are data: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh import errors, kms_errors
from refresh.pool import ownership

if TYPE_CHECKING:
    from collections.abc import Mapping

_KINDS: Mapping[str, type[errors.ApiError]] = {
    # Permissions
    "AccessDenied": errors.PermissionDenied,
    "AccessDeniedException": errors.PermissionDenied,
    "AuthorizationError": errors.PermissionDenied,
    "UnauthorizedOperation": errors.PermissionDenied,
    # Credentials
    "AuthFailure": errors.CredentialsExpired,
    "ExpiredToken": errors.CredentialsExpired,
    "ExpiredTokenException": errors.CredentialsExpired,
    "IncompleteSignature": errors.CredentialsExpired,
    "InvalidClientTokenId": errors.CredentialsExpired,
    "InvalidSignatureException": errors.CredentialsExpired,
    "MissingAuthenticationToken": errors.CredentialsExpired,
    "RequestExpired": errors.CredentialsExpired,
    "SignatureDoesNotMatch": errors.CredentialsExpired,
    "UnrecognizedClientException": errors.CredentialsExpired,
    # Throttling
    "LimitExceededException": errors.Throttled,
    "ProvisionedThroughputExceededException": errors.Throttled,
    "RequestLimitExceeded": errors.Throttled,
    "RequestThrottled": errors.Throttled,
    "Throttling": errors.Throttled,
    "ThrottlingException": errors.Throttled,
    # Absence and presence
    "AWS.SimpleQueueService.NonExistentQueue": errors.NotFound,
    "InvalidInstanceID.NotFound": errors.NotFound,
    "InvalidLaunchTemplateId.NotFound": errors.NotFound,
    "InvalidLaunchTemplateName.NotFoundException": errors.NotFound,
    "NoSuchEntity": errors.NotFound,
    "QueueDoesNotExist": errors.NotFound,
    "ResourceNotFoundException": errors.NotFound,
    "InvalidAMIID.NotFound": errors.NotFound,
    "InvalidLaunchTemplateName.AlreadyExistsException": errors.AlreadyExists,
    "QueueAlreadyExists": errors.AlreadyExists,
    "QueueNameExists": errors.AlreadyExists,
    "ResourceInUseException": errors.AlreadyExists,
    "ConditionalCheckFailedException": errors.ConditionFailed,
}
_REMEDIES = {
    "OperationNotPermitted": (
        f"Remove EC2's termination protection from the instance, or tag it {ownership.PROTECTION_TAG}=true to keep it."
    ),
    "AWS.SimpleQueueService.QueueDeletedRecently": "Wait a minute; the next run creates it.",
    "QueueDeletedRecently": "Wait a minute; the next run creates it.",
    "Time to live has been modified multiple times within a fixed interval": (
        "Wait an hour; the next run then switches it on."
    ),
}
"""Codes and messages of AWS that do not say what to change."""
_FIRST_SERVER_ERROR = 500
_LONGEST = 1000
"""How many characters of a message are shown."""
_ACTIONS = {
    "dynamodb:TransactWriteItems": "dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem",
    "sqs:SendMessageBatch": "sqs:SendMessage",
}
"""Operations whose name is not an IAM action."""


def from_aws(operation: str, status: int, response: Mapping[str, Any]) -> errors.ApiError:
    """Translate an AWS error response into its type.

    `operation` is `service:Operation`, which is nearly always the IAM action; `response` is parsed by botocore.
    """
    error = response.get("Error", {})
    # A proxy that answers instead of AWS sends a page of HTML.
    code, message = str(error.get("Code", "Unknown")), " ".join(str(error.get("Message", "")).split())[:_LONGEST]
    if "CancellationReasons" in response:
        reasons = [str(reason.get("Code", "None")) for reason in response["CancellationReasons"]]
        return errors.TransactionCancelled(operation, code, message, reasons)
    if "kms" in f"{code}{message}".lower() and (unusable_key := kms_errors.from_aws(operation, code, message)):
        return unusable_key
    kind = errors.Rejected if _about_a_resource(code, message) else _KINDS.get(code)
    if kind is errors.PermissionDenied:
        return _denied(operation, code, message)
    if kind:
        return kind(operation, code, message)
    if status >= _FIRST_SERVER_ERROR:
        return errors.Unavailable(operation, code, message)
    return errors.Rejected(
        operation, code, message, remedy=_REMEDIES.get(code) or _REMEDIES.get(message.rstrip("."), "")
    )


def _about_a_resource(code: str, message: str) -> bool:
    """Whether this AuthFailure is about a resource, such as another account's image.

    For bad credentials its message says "not able to validate". Treating others as such would end the whole run.
    """
    return code == "AuthFailure" and "validate" not in message


def _denied(operation: str, code: str, message: str) -> errors.PermissionDenied:
    """Name the missing IAM action; AWS's message has it if it differs from the operation."""
    action = errors.denied_action(message) or operation
    action = _ACTIONS.get(action, action)
    if "explicit deny" in message:
        remedy = f"A policy explicitly denies {action}; AWS's message says which kind. Only its owner can change it."
    else:
        remedy = (
            f"Allow {action} in the IAM policy of the role or user that the run uses (docs/iam has it ready to paste)."
        )
    return errors.PermissionDenied(operation, code, errors.without_encoded(message), remedy=remedy)
