"""One small tree of errors: what AWS and GitHub answer becomes a type, and each type knows its remedy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

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
        """Name the cause alone: it keeps every call from being made."""
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
