"""Policies of an organization, an enterprise or an account that forbid what the permissions would allow.

GitHub answers all of them with 403, and only its message says which one it is:
https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from refresh.desired import RunnerScope

if TYPE_CHECKING:
    from collections.abc import Mapping

_PAGE = "see docs/access.md"
_PERMISSION = re.compile(
    r"resource not accessible|must (?:have|be an?) admin|admin (?:rights|access)|need.* permission|not authorized",
    re.IGNORECASE,
)
_SINGLE_SIGN_ON = (
    f"Authorize the token for the organization's single sign-on: on GitHub, Settings, Tokens, Configure SSO ({_PAGE})."
)
_RUNNERS_OFF = {
    RunnerScope.REPOSITORY: (
        "An owner of the organization can allow them (its settings, Actions, General, Runners), or set runner-scope: "
        "organization."
    ),
    RunnerScope.ORGANIZATION: "An owner of the enterprise can allow them (its policies, Actions, Runners).",
}
_POLICIES = (
    (
        "ip allow list",
        (
            "Run this on a machine whose address is on that list (a runner of your own, or one with a static address), "
            "or ask an owner to add this address."
        ),
    ),
    (
        "token's lifetime",
        (
            "Use a PAT that expires sooner, within the limit in GitHub's message, or a GitHub App, which needs no "
            f"renewal ({_PAGE})."
        ),
    ),
    ("access token (classic)", f"Use a GitHub App or a fine-grained PAT instead ({_PAGE})."),
    ("fine-grained personal access token", f"Use a GitHub App instead, or ask an owner to allow such PATs ({_PAGE})."),
    ("oauth app access restrictions", f"Use a GitHub App or a PAT instead ({_PAGE})."),
    ("archived", "Unarchive the repository, or disable this workflow: an archived repository runs no jobs."),
    (
        "account was suspended",
        (
            "Use the token of another account, or a GitHub App. GitHub Support can lift the suspension, on GitHub "
            "Enterprise Server its administrator."
        ),
    ),
    (
        "enterprise managed user",
        "Use the token of an account that belongs to the owner of the runners, or a GitHub App.",
    ),
    ("two-factor", "Enable two-factor authentication for the account that the token belongs to."),
)
"""Words of GitHub's messages in lower case, and the remedy; the first match counts."""
_UNKNOWN_POLICY = "GitHub's message gives the reason; it names no missing permission."
_NO_MESSAGE = (
    "The answer has no message from GitHub: a proxy or a firewall may have sent it (see HTTPS_PROXY and NO_PROXY). If "
    "GitHub did:"
)


def remedy(scope: RunnerScope, owner: str, message: str, headers: Mapping[str, str]) -> str | None:
    """Return the remedy for a policy; None if a permission is missing.

    The names of `headers` are in lower case; `message` is "" if GitHub gave none.
    """
    lowered = message.lower()
    if "saml" in lowered or headers.get("x-github-sso", "").startswith("required"):
        return _SINGLE_SIGN_ON
    if "self-hosted runners are" in lowered:
        return _RUNNERS_OFF[scope]
    if "installation" in lowered and "suspended" in lowered:
        return f"Unsuspend the App's installation on {owner}."
    for words, policy_remedy in _POLICIES:
        if words in lowered:
            return policy_remedy
    return None if not message or _PERMISSION.search(message) else _UNKNOWN_POLICY


def without_message(permission: str) -> str:
    """Return the remedy for a 403 without a message."""
    return f"{_NO_MESSAGE} {permission}"
