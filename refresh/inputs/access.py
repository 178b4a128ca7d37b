"""The inputs for access to GitHub and AWS: a token or an App, and the role to assume.

A problem never shows a secret.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

from refresh.credentials import AppKey, IdTokens, Secret
from refresh.desired import Role
from refresh.inputs import parsers
from refresh.inputs.parsers import Problem, cut

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.inputs.reader import Reader

_APP_ID = re.compile(r"[0-9]{1,20}|Iv[A-Za-z0-9.]{4,60}")
_PEM = re.compile(r"-----BEGIN (?P<kind>(?:RSA )?PRIVATE KEY)-----(?P<body>[A-Za-z0-9+/=\s]+)-----END (?P=kind)-----")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,512}")
_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_SESSION_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]{2,64}")
_GITHUB = ("github-token", "github-app-id", "github-app-private-key")
_DER_SEQUENCE = 0x30
_DER_LONG_LENGTH = 0x82


def github(reader: Reader, given: Mapping[str, Any]) -> Secret | AppKey | None:
    """Return the token or the App; None where not exactly one of them is given."""
    present = [name for name in _GITHUB if reader.given(name)]
    match present:
        case []:
            reader.problems.append(
                "github-token: is required (or github-app-id with github-app-private-key); set it in the step's "
                "`with:` (outside a workflow, in INPUT_GITHUB_TOKEN)"
            )
        case ["github-token", another, *_]:
            reader.problems.append(f"github-token: given together with {another}; keep the token or the App")
        case ["github-app-id"] | ["github-app-private-key"]:
            (missing,) = {"github-app-id", "github-app-private-key"} - {*present}
            reader.problems.append(f"{missing}: is required with {present[0]}; set both, or github-token instead")
    token, app, key = (given[name] for name in _GITHUB)
    if token:
        return Secret(token)
    return AppKey(app, Secret(key)) if app and key else None


def app_id(value: str) -> str:
    """Parse a GitHub App's id or client id."""
    if _APP_ID.fullmatch(value):
        return value
    raise Problem("not the id of a GitHub App", "write the number on the App's settings page, or its client id (Iv...)")


def private_key(value: str) -> str:
    r"""Parse a GitHub App's private key, also in quotes, with a literal `\n` between lines, or in base64."""
    parsers.unmasked(value)
    text = _from_base64(value.strip().strip("\"'"))
    found = _PEM.fullmatch(text.replace("\\r", "").replace("\\n", "\n").strip())
    if not found:
        raise _no_key(text)
    body = re.sub(r"\s+", "", found["body"])
    if not _whole(body):
        raise Problem("an incomplete private key", "store the whole .pem file again, with every line")
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {found['kind']}-----", *lines, f"-----END {found['kind']}-----", ""])


def _from_base64(value: str) -> str:
    """Decode a key that is stored in base64, as other tools want it; return any other text as it is."""
    try:
        text = base64.b64decode("".join(value.split()), validate=True).decode("ascii")
    except ValueError:
        return value
    return text if text.startswith("-----BEGIN") else value


def _no_key(text: str) -> Problem:
    """Name what was given instead of a key, as far as it can be recognized."""
    whole = "store the whole .pem file from GitHub, from -----BEGIN to the final -----, as it is or in base64"
    if "ENCRYPTED" in text:
        return Problem("an encrypted private key", "store it without a passphrase, as GitHub issued it")
    if "-----BEGIN" in text and "RSA PRIVATE KEY" not in text and "BEGIN PRIVATE KEY" not in text:
        return Problem("not the kind of key that GitHub issues for an App", whole)
    if text.startswith("SHA256:"):
        return Problem("the fingerprint of a private key, not the key", whole)
    if text.lower().endswith(".pem"):
        return Problem("a file name instead of a private key", whole)
    return Problem("not a private key in PEM format", whole)


def role(reader: Reader, given: Mapping[str, Any]) -> Role | None:
    """Return the role to assume, made of the fields that are given; None where there is none."""
    if not reader.given("role-to-assume"):
        reader.warnings += [
            f"{each}: is ignored without role-to-assume."
            for each in ("role-session-name", "role-duration")
            if reader.given(each)
        ]
    if "arn" not in given:
        return None
    if reader.environ.get("AWS_ACCESS_KEY_ID"):
        reader.notices.append("role-to-assume: is assumed with GitHub's OIDC token; AWS_ACCESS_KEY_ID is not used.")
    run = reader.environ.get("GITHUB_RUN_ID", "")
    session_name = f"refresh-action-{run}" if run.isdecimal() and run.isascii() else "refresh-action"
    return Role(**{"session_name": session_name, **given})


def id_tokens(reader: Reader) -> IdTokens | None:
    """Read the address and token with which this job gets OIDC tokens; GitHub sets both only where they are allowed."""
    url, token = (reader.environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}", "").strip() for name in ("URL", "TOKEN"))
    if not url or not token:
        reader.problems.append(
            "role-to-assume: GitHub offers this job no OIDC token; give the job `permissions: id-token: write` "
            "(GitHub gives pull requests from forks none: let their jobs run on hosted runners, without this action)"
        )
        return None
    try:
        parsers.api_url(allow_http=reader.environ.get("REFRESH_ALLOW_HTTP") == "true")(url.partition("?")[0])
    except Problem as problem:
        reader.problems.append(f"ACTIONS_ID_TOKEN_REQUEST_URL: {problem.problem}; GitHub sets it")
        return None
    return IdTokens(url, Secret(token))


def account_ids(value: str) -> tuple[str, ...]:
    """Parse ids of AWS accounts, separated by white space or commas; repeats are dropped."""
    listed = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", value))))
    wrong = [each for each in listed if not _ACCOUNT_ID.fullmatch(each)]
    if wrong or not listed:
        raise Problem(
            f"{cut(wrong[0]) if wrong else 'nothing'} is not the id of an AWS account",
            "write 12 digits (in quotes if the first is 0), several separated by spaces",
        )
    return listed


def role_arn(value: str) -> str:
    """Parse the ARN of a role."""
    if _ROLE.fullmatch(value):
        return value
    raise Problem("not the ARN of a role", "write arn:aws:iam::<account>:role/<name>")


def session_name(value: str) -> str:
    """Parse the name of a role's session."""
    if _SESSION_NAME.fullmatch(value):
        return value
    raise Problem("not a session name", "use 2 to 64 of A-Z a-z 0-9 _+=,.@-")


def _whole(body: str) -> bool:
    """Whether this is base64 of one complete DER sequence: a key that lost a line is not."""
    try:
        content = base64.b64decode(body, validate=True)
    except ValueError:
        return False
    long = len(content) > 4 and content[0] == _DER_SEQUENCE and content[1] == _DER_LONG_LENGTH  # noqa: PLR2004 - its header
    return long and len(content) == 4 + int.from_bytes(content[2:4])
