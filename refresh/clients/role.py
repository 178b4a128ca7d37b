"""AWS: the credentials of a role, for which GitHub's word for the job is exchanged.

https://docs.github.com/en/actions/how-tos/secure-your-work/security-harden-deployments/oidc-in-aws,
https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html
"""

from __future__ import annotations

import base64
import binascii
import json
import time
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.clients import connection_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.client import BaseClient
    from botocore.config import Config
    from botocore.credentials import Credentials
    from requests import PreparedRequest, Response

    from refresh.clients.process_hooks import ProcessHooks
    from refresh.credentials import IdTokens
    from refresh.desired import Role

_GITHUB_SECONDS = 15
_GITHUB_RETRIES = 3
_STS_ATTEMPTS = 4
_OPERATION = "GitHub GET id-token"
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
    """Give the audience of the token: AWS's STS, in every partition but China's by the same name."""
    return "sts.amazonaws.com.cn" if role_arn.startswith("arn:aws-cn:") else "sts.amazonaws.com"


def credentials(role: Role, id_tokens: IdTokens, hooks: ProcessHooks, sts: Callable[..., BaseClient]) -> Credentials:
    """Give credentials that fetch themselves at the first use, and anew with a new token before they end.

    `sts` makes the client, of a service and with a configuration. Every secret among them is masked as it arrives.
    """
    from botocore.credentials import (  # noqa: PLC0415 - see the package's docstring
        AssumeRoleWithWebIdentityCredentialFetcher,
        DeferredRefreshableCredentials,
    )

    seen: dict[str, str] = {}

    def id_token() -> str:
        seen["token"] = _id_token(id_tokens, audience(role.arn), hooks)
        return seen["token"]

    def patient(service: str, config: Config) -> Any:
        client: Any = sts(service, config=config)
        client.meta.events.register_first("needs-retry.sts", _retry_what_passes)
        return client

    fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=patient,
        web_identity_token_loader=id_token,
        role_arn=role.arn,
        extra_args={
            "RoleSessionName": role.session_name,
            "DurationSeconds": int(role.duration.total_seconds()),
        },
    )

    def fetched() -> Mapping[str, Any]:
        try:
            found: Mapping[str, Any] = fetcher.fetch_credentials()
        except errors.ApiError as error:
            raise _explained(error, role.arn, seen.get("token", "")) from None
        for name in ("secret_key", "token"):
            hooks.mask(found[name])
        return found

    return DeferredRefreshableCredentials(fetched, "assume-role-with-web-identity")


def _id_token(id_tokens: IdTokens, wanted_audience: str, hooks: ProcessHooks) -> str:
    """Ask GitHub for a token that says who this job is, and mask it: it lives for minutes."""
    hooks.require_going_on(_OPERATION)
    began, told = time.monotonic(), "answered"
    try:
        response = _asked(id_tokens, wanted_audience)
        told = str(response.status_code)
        answer = response.json() if response.ok else {}
    except (OSError, ValueError) as error:
        told = type(error).__name__
        files = connection_errors.GITHUB_FILES
        if lasting := connection_errors.lasting(_OPERATION, error, id_tokens.url, files):
            raise lasting from None
        remedy = connection_errors.remedy(error)
        raise errors.Unavailable(_OPERATION, told, "GitHub issued no OIDC token.", remedy=remedy) from None
    finally:
        if hooks.called:
            hooks.called(_OPERATION, 1, time.monotonic() - began, told)
    token = answer.get("value") if isinstance(answer, dict) else None
    if not isinstance(token, str) or not token:
        raise errors.Unavailable(_OPERATION, told, "GitHub issued no OIDC token.")
    hooks.mask(token)
    return token


def _asked(id_tokens: IdTokens, wanted_audience: str) -> Response:
    import requests  # noqa: PLC0415 - see the package's docstring
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - the same
    from urllib3.util import Retry  # noqa: PLC0415 - the same

    def bearer(request: PreparedRequest) -> PreparedRequest:
        # As `auth`, since a .netrc in HOME would replace a header.
        request.headers["Authorization"] = f"bearer {id_tokens.request_token.reveal()}"
        return request

    # `other`: a certificate or a proxy that is refused is so the next time.
    retry = Retry(
        total=_GITHUB_RETRIES, other=0, backoff_factor=0.5, status_forcelist=(500, 502, 503, 504), raise_on_status=False
    )
    with requests.Session() as http:
        http.mount(id_tokens.url, HTTPAdapter(max_retries=retry))
        return http.get(
            id_tokens.url,
            params={"audience": wanted_audience},
            auth=bearer,
            timeout=_GITHUB_SECONDS,
            allow_redirects=False,
        )


def _retry_what_passes(response: tuple[Any, Mapping[str, Any]] | None, attempts: int, **_: Any) -> float | None:
    """Have botocore send it again, after so many seconds, where STS could not ask GitHub for its keys just now."""
    error = response[1].get("Error", {}) if response else {}
    passes = _passes(error.get("Code", ""), error.get("Message", ""))
    return float(attempts) if passes and attempts < _STS_ATTEMPTS else None


def _passes(code: str, message: str) -> bool:
    """Whether it is a matter of the moment: STS asks GitHub for its keys, which fails now and then."""
    lost_keys = code == "InvalidIdentityToken" and "retrieve verification key" in message
    return lost_keys or code == "IDPCommunicationError"


def _explained(error: errors.ApiError, role_arn: str, token: str) -> errors.ApiError:
    """Say what STS's refusal means, and as whom GitHub's token names the job: its subject is no secret."""
    if not token:
        return error  # GitHub's, not STS's
    message = f"{role_arn}: {error.message}"
    if _passes(error.code, error.message):
        return errors.Unavailable(error.operation, error.code, message)
    remedy = _TRUST if isinstance(error, errors.PermissionDenied) else _REMEDIES.get(error.code, error.remedy)
    subject, issuer = (_claim(token, name) for name in ("sub", "iss"))
    told = remedy.format(sub=subject, issuer=issuer, audience=audience(role_arn))
    return type(error)(error.operation, error.code, message, remedy=told)


def _claim(token: str, name: str) -> str:
    """Read a claim of a token without judging it; what cannot be read is "unknown"."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        return str(claims[name])
    except (IndexError, binascii.Error, ValueError, KeyError, TypeError):
        return "unknown"
