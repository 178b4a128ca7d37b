"""The inputs that say as whom GitHub and AWS are asked: a token or an App, and the role to take.

A secret is never repeated in a problem.
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
    """Take the token or the App, exactly one of which must be there; None where that is not so."""
    present = [name for name in _GITHUB if reader.given(name)]
    match present:
        case []:
            reader.problems.append(
                "github-token: is required, or github-app-id with github-app-private-key in its place; set one of them "
                "in the step's `with:` (elsewhere in INPUT_GITHUB_TOKEN)"
            )
        case ["github-token", another, *_]:
            reader.problems.append(f"github-token: given together with {another}; keep the token or the App")
        case ["github-app-id"] | ["github-app-private-key"]:
            (missing,) = {"github-app-id", "github-app-private-key"} - {*present}
            reader.problems.append(f"{missing}: is missing beside {present[0]}; set both, or github-token instead")
    token, app, key = (given[name] for name in _GITHUB)
    if token:
        return Secret(token)
    return AppKey(app, Secret(key)) if app and key else None


def app_id(value: str) -> str:
    """Parse a GitHub App's id, or its client id, which GitHub takes as well."""
    if _APP_ID.fullmatch(value):
        return value
    raise Problem("not the id of a GitHub App", "write the number on the App's settings page, or its client id (Iv...)")


def private_key(value: str) -> str:
    r"""Parse a GitHub App's private key without ever repeating it: in quotes, with `\n` in words, or in base64 too."""
    parsers.unmasked(value)
    text = _from_base64(value.strip().strip("\"'"))
    found = _PEM.fullmatch(text.replace("\\r", "").replace("\\n", "\n").strip())
    if not found:
        raise _no_key(text)
    body = re.sub(r"\s+", "", found["body"])
    if not _whole(body):
        raise Problem("a private key with something missing", "store the whole .pem file again, every line of it")
    lines = [body[start : start + 64] for start in range(0, len(body), 64)]
    return "\n".join([f"-----BEGIN {found['kind']}-----", *lines, f"-----END {found['kind']}-----", ""])


def _from_base64(value: str) -> str:
    """Take a whole key out of base64, as other tools want it stored; what is none stays as it is."""
    try:
        text = base64.b64decode("".join(value.split()), validate=True).decode("ascii")
    except ValueError:
        return value
    return text if text.startswith("-----BEGIN") else value


def _no_key(text: str) -> Problem:
    """Say what it is in place of a key, as far as that can be seen."""
    whole = "store the whole .pem file that GitHub gave, from -----BEGIN to the last -----, as it is or in base64"
    if "ENCRYPTED" in text:
        return Problem("a private key that is encrypted", "store it without a passphrase, as GitHub gave it")
    if "-----BEGIN" in text and "RSA PRIVATE KEY" not in text and "BEGIN PRIVATE KEY" not in text:
        return Problem("another kind of key than GitHub gives an App", whole)
    if text.startswith("SHA256:"):
        return Problem("the fingerprint of a private key", whole)
    if text.lower().endswith(".pem"):
        return Problem("the name of a file", f"{whole}: its content, not its name")
    return Problem("not a private key in PEM", whole)


def role(reader: Reader, given: Mapping[str, Any]) -> Role | None:
    """Put together the role to take, from those of its fields that are given; None where there is none."""
    if not reader.given("role-to-assume"):
        reader.warnings += [
            f"{each}: is ignored without role-to-assume."
            for each in ("role-session-name", "role-duration")
            if reader.given(each)
        ]
    if "arn" not in given:
        return None
    if reader.environ.get("AWS_ACCESS_KEY_ID"):
        reader.notices.append("role-to-assume: is taken with GitHub's OIDC token; AWS_ACCESS_KEY_ID is not used.")
    run = reader.environ.get("GITHUB_RUN_ID", "")
    session_name = f"refresh-action-{run}" if run.isdecimal() and run.isascii() else "refresh-action"
    return Role(**{"session_name": session_name, **given})


def id_tokens(reader: Reader) -> IdTokens | None:
    """Read where GitHub gives this job OIDC tokens: it offers them only to a job that may have them."""
    url, token = (reader.environ.get(f"ACTIONS_ID_TOKEN_REQUEST_{name}", "").strip() for name in ("URL", "TOKEN"))
    if not url or not token:
        reader.problems.append(
            "role-to-assume: GitHub offers this job no OIDC token; give the job `permissions: id-token: write` "
            "(a pull request from a fork never has it)"
        )
        return None
    try:
        parsers.api_url(allow_http=reader.environ.get("REFRESH_ALLOW_HTTP") == "true")(url.partition("?")[0])
    except Problem as problem:
        reader.problems.append(f"ACTIONS_ID_TOKEN_REQUEST_URL: {problem.problem}; GitHub sets it")
        return None
    return IdTokens(url, Secret(token))


def account_ids(value: str) -> tuple[str, ...]:
    """Parse ids of AWS accounts, separated as other ids are; repeats are dropped."""
    listed = tuple(dict.fromkeys(filter(None, re.split(r"[\s,]+", value))))
    wrong = [each for each in listed if not _ACCOUNT_ID.fullmatch(each)]
    if wrong or not listed:
        raise Problem(
            f"{cut(wrong[0]) if wrong else 'nothing'} is not the id of an AWS account",
            "write its 12 digits, in quotes where the first is a 0; several separated by spaces",
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
    raise Problem("not a session name", "write 2 to 64 of A-Z a-z 0-9 _+=,.@-")


def _whole(body: str) -> bool:
    """Whether it is base64 of one DER sequence with all of its bytes: a key that lost a line is not."""
    try:
        content = base64.b64decode(body, validate=True)
    except ValueError:
        return False
    long = len(content) > 4 and content[0] == _DER_SEQUENCE and content[1] == _DER_LONG_LENGTH  # noqa: PLR2004 - its header
    return long and len(content) == 4 + int.from_bytes(content[2:4])
