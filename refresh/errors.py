"""One small tree of errors: what AWS and GitHub answer becomes a type, and each type knows its remedy.

Error codes are data: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html,
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html,
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from refresh import names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ISSUES = "https://github.com/org/refresh-action/issues"
"""Where people report what is a mistake of this program."""


class RefreshError(Exception):
    """What the program foresees: its text names the resource, the problem and the remedy."""

    @property
    def kind(self) -> str:
        """Tell what it has in common with others like it."""
        return type(self).__name__


class InputErrors(RefreshError):
    """The inputs cannot be used; nothing was called."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Refused(RefreshError):
    """Going on would touch what is not ours or cannot be right."""


class Blocked(RefreshError):
    """Another component, which has to come first, failed; its own error says why."""


class DidNotConverge(RefreshError):
    """Changes were still planned after the last pass."""


class Interrupted(RefreshError):
    """The run was asked to stop before this was done; the next run continues."""


class DeadlineReached(RefreshError):
    """The run's time was over before this was done; the next run continues."""


class ApiError(RefreshError):
    """AWS or GitHub answered with an error; `code` and `message` are theirs."""

    remedy = f"See the message; if it stays, report it with this line at {ISSUES}."

    def __init__(self, operation: str, code: str, message: str = "", *, remedy: str = "") -> None:
        self.operation = operation
        self.code = code
        self.message = message
        self.remedy = remedy or self.remedy
        sentence = message if message.endswith((".", "!", "?")) or not message else f"{message}."
        super().__init__(f"{type(self).__name__}: {operation}: {code}: {sentence} {self.remedy}".replace(" : ", " "))

    @property
    def kind(self) -> str:
        """Name the operation and the answer, without the words that differ."""
        return f"{type(self).__name__}: {self.operation}: {self.code}"


class PermissionDenied(ApiError):
    """The credentials may not do this."""

    remedy = "Allow this to the credentials that the run uses."


class CredentialsExpired(ApiError):
    """The credentials are not, or no longer, valid."""

    remedy = "Give valid credentials; with OIDC, ask for a session that outlives the job's step."


class Throttled(ApiError):
    """Too many requests, after every retry."""

    remedy = "Nothing is lost: the next run continues. If it happens often, schedule fewer runs at the same minute."


class Unavailable(ApiError):
    """The service did not answer, or not sensibly, after every retry."""

    remedy = "Nothing is lost: the next run continues."


class Unreachable(ApiError):
    """No connection can be made until a certificate or a proxy is corrected."""

    @property
    def kind(self) -> str:
        """Name the cause, whatever was to be sent: it keeps every call from being made."""
        return f"{type(self).__name__}: {self.code}: {self.message}"


class KeyUnusable(ApiError):
    """A service cannot use the KMS key that its data is encrypted with."""


class NotFound(ApiError):
    """The resource does not exist."""

    remedy = "It may have been deleted a moment ago; the next run looks again."


class AlreadyExists(ApiError):
    """Someone else created it first."""

    remedy = "The next look finds it."


class ConditionFailed(ApiError):
    """The item is no longer what the plan judged."""

    remedy = "Someone else changed it first; the next look sees that."


class TransactionCancelled(ApiError):
    """A DynamoDB transaction was cancelled; `reasons` has one code an action ("None" for a blameless one)."""

    remedy = "The next run continues."

    def __init__(self, operation: str, code: str, message: str, reasons: Sequence[str]) -> None:
        super().__init__(operation, code, message)
        self.reasons = tuple(reasons)


class Rejected(ApiError):
    """The service understood and refused."""

    remedy = "Change what the message names."


_KINDS: Mapping[str, type[ApiError]] = {
    # Permissions
    "AccessDenied": PermissionDenied,
    "AccessDeniedException": PermissionDenied,
    "AuthorizationError": PermissionDenied,
    "UnauthorizedOperation": PermissionDenied,
    # Credentials
    "AuthFailure": CredentialsExpired,
    "ExpiredToken": CredentialsExpired,
    "ExpiredTokenException": CredentialsExpired,
    "IncompleteSignature": CredentialsExpired,
    "InvalidClientTokenId": CredentialsExpired,
    "InvalidSignatureException": CredentialsExpired,
    "MissingAuthenticationToken": CredentialsExpired,
    "RequestExpired": CredentialsExpired,
    "SignatureDoesNotMatch": CredentialsExpired,
    "UnrecognizedClientException": CredentialsExpired,
    # Throttling
    "LimitExceededException": Throttled,
    "ProvisionedThroughputExceededException": Throttled,
    "RequestLimitExceeded": Throttled,
    "RequestThrottled": Throttled,
    "Throttling": Throttled,
    "ThrottlingException": Throttled,
    # Absence and presence
    "AWS.SimpleQueueService.NonExistentQueue": NotFound,
    "InvalidInstanceID.NotFound": NotFound,
    "InvalidLaunchTemplateId.NotFound": NotFound,
    "InvalidLaunchTemplateName.NotFoundException": NotFound,
    "NoSuchEntity": NotFound,
    "QueueDoesNotExist": NotFound,
    "ResourceNotFoundException": NotFound,
    "InvalidAMIID.NotFound": NotFound,
    "InvalidLaunchTemplateName.AlreadyExistsException": AlreadyExists,
    "QueueAlreadyExists": AlreadyExists,
    "QueueNameExists": AlreadyExists,
    "ResourceInUseException": AlreadyExists,
    "ConditionalCheckFailedException": ConditionFailed,
}
_REMEDIES = {
    "OperationNotPermitted": (
        f"Remove EC2's termination protection from the instance, or tag it {names.PROTECTION_TAG}=true to keep it."
    ),
    "AWS.SimpleQueueService.QueueDeletedRecently": "Wait a minute: the next run makes it.",
    "QueueDeletedRecently": "Wait a minute: the next run makes it.",
    "Time to live has been modified multiple times within a fixed interval": "Wait an hour; a run then makes it.",
}
"""Of codes and messages in which AWS names nothing that could be changed."""
_FIRST_SERVER_ERROR = 500
_LONGEST = 1000
"""Characters of a message that are shown."""
_DENIED_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_ACTIONS = {"dynamodb:TransactWriteItems": "dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem"}
"""Where IAM knows no action of the operation's name."""
_ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+")
"""Hundreds of characters that only somebody with sts:DecodeAuthorizationMessage can read."""


def from_aws(operation: str, status: int, response: Mapping[str, Any]) -> ApiError:
    """Turn an AWS error response into its type.

    `operation` is `service:Operation`, which is nearly always the IAM action; `response` is botocore's parsed one.
    """
    error = response.get("Error", {})
    # What a proxy answers in AWS's place is a page of HTML.
    code, message = str(error.get("Code", "Unknown")), " ".join(str(error.get("Message", "")).split())[:_LONGEST]
    if "CancellationReasons" in response:
        reasons = [str(reason.get("Code", "None")) for reason in response["CancellationReasons"]]
        return TransactionCancelled(operation, code, message, reasons)
    if "kms" in f"{code}{message}".lower() and (of_a_key := _of_a_key(operation, code, message)):
        return of_a_key
    kind = Rejected if _of_others(code, message) else _KINDS.get(code)
    if kind is PermissionDenied:
        return _denied(operation, code, message)
    if kind:
        return kind(operation, code, message)
    if status >= _FIRST_SERVER_ERROR:
        return Unavailable(operation, code, message)
    return Rejected(operation, code, message, remedy=_REMEDIES.get(code) or _REMEDIES.get(message.rstrip("."), ""))


def _of_a_key(operation: str, code: str, message: str) -> ApiError | None:
    from refresh import kms_errors  # noqa: PLC0415 - it imports this module, and few runs need it

    return kms_errors.from_aws(operation, code, message)


def _of_others(code: str, message: str) -> bool:
    """Whether EC2 uses its code for bad credentials for something else, as for an image that is somebody else's.

    Bad ones it was "not able to validate"; with credentials taken for bad a whole run would end.
    """
    return code == "AuthFailure" and "validate" not in message


def _denied(operation: str, code: str, message: str) -> PermissionDenied:
    """Name the IAM action that is missing: AWS's message has it where it is another one than the operation's."""
    found = _DENIED_ACTION.search(message)
    action = found[1] if found else operation
    action = _ACTIONS.get(action, action)
    if "explicit deny" in message:
        remedy = f"A policy denies {action} explicitly; AWS's words say which kind. Only its owner can change that."
    else:
        remedy = (
            f"Allow {action} in the IAM policy of the role or user that the run uses (docs/iam has it ready to paste)."
        )
    return PermissionDenied(operation, code, _ENCODED.sub("", message), remedy=remedy)
