"""The errors: each answer of AWS and GitHub becomes a type, and each type has its remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ISSUES = "https://github.com/org/refresh-action/issues"
"""Where people report bugs of this program."""
_DENIED_ACTION = re.compile(r"not authorized to perform: ([a-z0-9-]+:[A-Za-z]+)")
_ENCODED = re.compile(r"\s*Encoded authorization failure message: \S+")
"""Hundreds of characters that only a caller with sts:DecodeAuthorizationMessage can decode."""


class RefreshError(Exception):
    """An expected error: its text names the resource, the problem and the remedy."""

    @property
    def kind(self) -> str:
        """Name what errors with the same cause have in common."""
        return type(self).__name__


class InputErrors(RefreshError):
    """The inputs are wrong; nothing was changed."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


class Refused(RefreshError):
    """Continuing would touch a resource that is not the pool's, or cannot work."""


class Taken(Refused):
    """Another process provides for the label."""


class Blocked(RefreshError):
    """A component that must come first failed; its own error says why."""


class DidNotConverge(RefreshError):
    """Changes were still planned after the last pass."""


class Interrupted(RefreshError):
    """The run was asked to stop before this was done; the next run continues."""


class DeadlineReached(RefreshError):
    """The run's time was over before this was done; the next run continues."""


class ApiError(RefreshError):
    """AWS or GitHub answered with an error; `code` and `message` are theirs."""

    remedy = f"See the message; if it persists, report this line at {ISSUES}."

    def __init__(self, operation: str, code: str, message: str = "", *, remedy: str = "") -> None:
        self.operation = operation
        self.code = code
        self.message = message
        self.remedy = remedy or self.remedy
        sentence = message if message.endswith((".", "!", "?")) or not message else f"{message}."
        parts = (f"{type(self).__name__}: {operation}: {code}:", sentence, self.remedy)
        super().__init__(" ".join(filter(None, parts)).replace(" : ", " "))

    @property
    def kind(self) -> str:
        """Name the operation and the answer, without the words that vary."""
        return f"{type(self).__name__}: {self.operation}: {self.code}"


class PermissionDenied(ApiError):
    """The credentials may not do this."""

    remedy = "Grant this permission to the run's credentials."


class CredentialsExpired(ApiError):
    """The credentials are invalid or have expired."""

    remedy = "Provide valid credentials; with OIDC, request a session that lasts longer than the job's step."


class Throttled(ApiError):
    """Too many requests, after every retry."""

    remedy = "Nothing is lost: the next run continues. If it happens often, schedule fewer runs at the same minute."


class Unavailable(ApiError):
    """The service did not answer, or gave no usable answer, after every retry."""

    remedy = "Nothing is lost: the next run continues."


class Unreachable(ApiError):
    """No connection is possible until a certificate or a proxy is fixed."""

    @property
    def kind(self) -> str:
        """Name the cause alone: it prevents every call."""
        return f"{type(self).__name__}: {self.code}: {self.message}"


class KeyUnusable(ApiError):
    """A service cannot use the KMS key that encrypts its data."""


class NotFound(ApiError):
    """The resource does not exist."""

    remedy = "It may have been deleted a moment ago; the next run checks again."


class AlreadyExists(ApiError):
    """Another process created it first."""

    remedy = "The next read finds it."


class ConditionFailed(ApiError):
    """The item has changed since the plan was made."""

    remedy = "Another process changed it first; the next read shows that."


class TransactionCancelled(ApiError):
    """A DynamoDB transaction was cancelled; `reasons` has a code for each action ("None" if it is not the cause)."""

    remedy = "The next run continues."

    def __init__(self, operation: str, code: str, message: str, reasons: Sequence[str]) -> None:
        super().__init__(operation, code, message)
        self.reasons = tuple(reasons)


class Rejected(ApiError):
    """The service understood the request and refused it."""

    remedy = "Fix what the message reports."


def of_entry(operation: str, entry: Mapping[str, object]) -> ApiError:
    """Return the error for a failed entry of a batch, such as of SQS: its `Code`, `Message` and `SenderFault`."""
    code, message = str(entry.get("Code", "Unknown")), str(entry.get("Message", ""))
    if "throttl" in code.lower():
        return Throttled(operation, code, message)
    return (Rejected if entry.get("SenderFault") is True else Unavailable)(operation, code, message)


def denied_action(message: str) -> str:
    """Find the IAM action in AWS's message about a denial; "" if it names none."""
    found = _DENIED_ACTION.search(message)
    return found[1] if found else ""


def without_encoded(message: str) -> str:
    """Remove the part of AWS's message about a denial that people cannot read."""
    return _ENCODED.sub("", message)
