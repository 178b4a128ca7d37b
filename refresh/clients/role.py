"""Exchanges GitHub's OIDC token of the job for the credentials of an AWS role.

https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws,
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.clients import github_get

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.credentials import Credentials

    from refresh.clients.process_hooks import ProcessHooks
    from refresh.credentials import IdTokens
    from refresh.desired import Role

_GITHUB_SECONDS = 15
_GITHUB_RETRIES = 3
_STS_ATTEMPTS = 4
_OPERATION = "GitHub GET id-token"
_NOT_ISSUED = "GitHub issued no OIDC token."
_REMEDIES = {
    "InvalidIdentityToken": (
        "In the role's account, create the identity provider {issuer} with the audience {audience}."
    ),
    "ValidationError": "If it is about DurationSeconds, lower role-duration, or raise the role's maximum.",
}
_TRUST = (
    "The role's trust policy must allow sts:AssumeRoleWithWebIdentity to this job, whose token has iss {issuer}, "
    "sub {sub} and aud {audience} (docs/iam has a trust policy ready to paste, for both forms of sub)."
)


def audience(role_arn: str) -> str:
    """Return the audience of the token: AWS STS, which has another name in China."""
    return "sts.amazonaws.com.cn" if role_arn.startswith("arn:aws-cn:") else "sts.amazonaws.com"


def credentials(role: Role, id_tokens: IdTokens, hooks: ProcessHooks, sts: Callable[..., BaseClient]) -> Credentials:
    """Return credentials that are fetched at their first use, and again with a new token before they expire.

    `sts` creates the client for a service and a configuration. Every secret is masked when it arrives.
    """
    from botocore.credentials import (  # noqa: PLC0415 - see the package's docstring
        AssumeRoleWithWebIdentityCredentialFetcher,
        DeferredRefreshableCredentials,
    )

    seen: dict[str, str] = {}

    def id_token() -> str:
        seen["token"] = _id_token(id_tokens, audience(role.arn), hooks)
        return seen["token"]

    def retrying(service: str, config: Config) -> Any:
        client: Any = sts(service, config=config)
        client.meta.events.register_first("needs-retry.sts", _retry_temporary)
        return client

    fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=retrying,
        web_identity_token_loader=id_token,
        role_arn=role.arn,
        extra_args={
            "RoleSessionName": role.session_name,
            "DurationSeconds": int(role.duration.total_seconds()),
        },
    )

    def fetch() -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = fetcher.fetch_credentials()
        except errors.ApiError as error:
            raise _explained(error, role.arn, seen.get("token", "")) from None
        for name in ("secret_key", "token"):
            hooks.mask(found[name])
        return found

    return DeferredRefreshableCredentials(fetch, "assume-role-with-web-identity")


def _id_token(id_tokens: IdTokens, wanted_audience: str, hooks: ProcessHooks) -> str:
    """Request a token from GitHub that identifies this job, and mask it; it is valid for minutes."""
    request = github_get.Request(
        operation=_OPERATION,
        url=id_tokens.url,
        token=id_tokens.request_token,
        parameters={"audience": wanted_audience},
        problem=_NOT_ISSUED,
        retries=_GITHUB_RETRIES,
        seconds=_GITHUB_SECONDS,
    )
    answer = github_get.get(request, hooks)
    token = answer.content.get("value") if answer.ok and isinstance(answer.content, dict) else None
    if not isinstance(token, str) or not token:
        raise errors.Unavailable(_OPERATION, str(answer.status), _NOT_ISSUED)
    hooks.mask(token)
    return token


def _retry_temporary(response: tuple[Any, Mapping[str, Any]] | None, attempts: int, **_: Any) -> float | None:
    """Return after how many seconds botocore retries, if STS could not fetch GitHub's keys at the moment."""
    error = response[1].get("Error", {}) if response else {}
    temporary = _temporary(error.get("Code", ""), error.get("Message", ""))
    return float(attempts) if temporary and attempts < _STS_ATTEMPTS else None


def _temporary(code: str, message: str) -> bool:
    """Whether STS could not fetch GitHub's keys, which fails now and then."""
    without_keys = code == "InvalidIdentityToken" and "retrieve verification key" in message
    return without_keys or code == "IDPCommunicationError"


def _explained(error: errors.ApiError, role_arn: str, token: str) -> errors.ApiError:
    """Add the remedy to a refusal of STS, with the claims of GitHub's token; they are no secrets."""
    if not token:
        return error  # of GitHub, not of STS
    message = f"{role_arn}: {error.message}"
    if _temporary(error.code, error.message):
        return errors.Unavailable(error.operation, error.code, message)
    remedy = _TRUST if isinstance(error, errors.PermissionDenied) else _REMEDIES.get(error.code, error.remedy)
    subject, issuer = (_claim(token, name) for name in ("sub", "iss"))
    remedy = remedy.format(sub=subject, issuer=issuer, audience=audience(role_arn))
    return type(error)(error.operation, error.code, message, remedy=remedy)


def _claim(token: str, name: str) -> str:
    """Read a claim of a token without verifying it; "unknown" if it cannot be read."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims[name])
    except (IndexError, binascii.Error, ValueError, KeyError, TypeError):
        return "unknown"
