"""Translates GitHub's refusals: the remedy depends on the credentials, and on the owner of the runners.

https://docs.github.com/en/rest/authentication/permissions-required-for-fine-grained-personal-access-tokens,
https://docs.github.com/en/rest/authentication/permissions-required-for-github-apps
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh import errors
from refresh.clients import github_policies
from refresh.credentials import AppKey, Secret
from refresh.desired import RunnerScope

if TYPE_CHECKING:
    import github

_UNAUTHENTICATED, _FORBIDDEN, _ABSENT, _UNPROCESSABLE, _SERVER_ERROR = 401, 403, 404, 422, 500
_LONGEST_ADDRESS = 200
_READING = "GitHub GET"
_INSTALLATION_TOKEN = "ghs_"  # noqa: S105 - the prefix of all of them
_PERMISSIONS = {
    RunnerScope.REPOSITORY: "repository permission Administration",
    RunnerScope.ORGANIZATION: "organization permission Self-hosted runners",
}
_PAGE = "see docs/access.md"
_CLASSIC_SCOPES = {RunnerScope.REPOSITORY: "repo", RunnerScope.ORGANIZATION: "admin:org"}


@frozen
class Requester:
    """The credentials of a request to GitHub, and the owner of the runners."""

    access: Secret | AppKey
    scope: RunnerScope
    owner: str
    """`owner/name`, or the organization."""

    @property
    def permission(self) -> str:
        """The permission that the token needs, and how to give it."""
        permission = f"{_PERMISSIONS[self.scope]}: write"
        if isinstance(self.access, AppKey):
            return f"Give the App the {permission} in its settings, and accept it where the App is installed ({_PAGE})."
        if self.access.reveal().startswith(_INSTALLATION_TOKEN):
            return (
                "This is the workflow's own GITHUB_TOKEN, which can never administer runners, or the token of an App "
                f"without the {permission}. Set github-token to a PAT, or use the App with github-app-id ({_PAGE})."
            )
        return (
            f"The token must be allowed to administer the runners of {self.owner}: use a fine-grained PAT with the "
            f"{permission}, or a classic PAT with the scope {_CLASSIC_SCOPES[self.scope]}. The workflow's own "
            f"GITHUB_TOKEN cannot have this permission ({_PAGE})."
        )

    @property
    def invalid(self) -> str:
        """The remedy for credentials that GitHub does not know."""
        if isinstance(self.access, AppKey):
            return (
                "Check that github-app-id is the App that github-app-private-key was made for, and that its settings "
                "still list the key. A clock that is minutes off has the same effect."
            )
        return "Replace the github-token: it is wrong, revoked or expired."

    @property
    def absent(self) -> str:
        """Why GitHub may not find what exists."""
        return f"GitHub gives the same answer to a token without access. {self.organization_needed}{self.permission}"

    @property
    def organization_needed(self) -> str:
        """That the owner must be an organization; "" if it does not matter."""
        if self.scope is RunnerScope.REPOSITORY:
            return ""
        return f"runner-scope organization needs {self.owner} to be an organization, not a person. "


def from_github(requester: Requester, operation: str, error: github.GithubException) -> errors.ApiError:
    """Translate PyGithub's exception, with a remedy."""
    status, code, message = error.status, str(error.status), f"{message_of(error)}."
    if status == _UNAUTHENTICATED:
        return errors.CredentialsExpired(operation, code, message, remedy=requester.invalid)
    if status == _FORBIDDEN:
        remedy = _forbidden(requester, error, reading=operation.startswith(_READING))
        return errors.PermissionDenied(operation, code, message, remedy=remedy)
    if status == _ABSENT:
        return errors.NotFound(operation, code, message, remedy=requester.absent)
    return (errors.Unavailable if status >= _SERVER_ERROR else errors.Rejected)(operation, code, message)


def moved(requester: Requester, operation: str, status: int, location: str) -> errors.Rejected:
    """Report a redirect: the token is not sent elsewhere, and names in AWS must not change by themselves."""
    remedy = (
        f"If {requester.owner} was renamed or moved, run refresh under its new name (the workflow's own, or the input "
        "repository); in AWS that is a new pool. Runs under the old name still end the instances of the old pool. "
        "Otherwise correct GITHUB_API_URL."
    )
    problem = f"GitHub redirects to {location[:_LONGEST_ADDRESS] or 'an address that it does not name'}."
    return errors.Rejected(operation, str(status), problem, remedy=remedy)


def during_app_access(requester: Requester, error: errors.ApiError) -> errors.ApiError:
    """Adapt a refusal of an App's requests for its installation and for a token."""
    if isinstance(error, errors.NotFound):
        remedy = (
            f"{requester.organization_needed}Install the App on {requester.owner} (its settings, Install App; {_PAGE})."
        )
        return errors.NotFound(error.operation, error.code, error.message, remedy=remedy)
    if error.code == str(_UNPROCESSABLE):
        return errors.PermissionDenied(error.operation, error.code, error.message, remedy=requester.permission)
    return error


def _forbidden(requester: Requester, error: github.GithubException, *, reading: bool) -> str:
    """Return the remedy for a 403, which is a policy or a missing permission."""
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    message = _message(error)
    if policy := github_policies.remedy(requester.scope, requester.owner, message, headers):
        return policy
    # For a read GitHub names fewer permissions than a run needs.
    accepted = "" if reading else headers.get("x-accepted-github-permissions", "")
    permission = f"{f'GitHub would accept {accepted}. ' if accepted else ''}{requester.permission}"
    return permission if message else github_policies.without_message(permission)


def message_of(error: github.GithubException) -> str:
    """Return GitHub's message, without its full stop."""
    return _message(error) or "no message"


def _message(error: github.GithubException) -> str:
    message = error.data.get("message") if isinstance(error.data, dict) else None
    return str(message or "")[:300].rstrip(".")
