"""Searches everything that is let out for planted secrets: output, files, and requests to AWS and GitHub.

Each secret may be in one place, which is not searched: the registration token in the attribute that stores it, a token
for GitHub in `Authorization`, the job's token in the call that exchanges it for a role.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from refresh.agent import user_data
from tests.fakes import canaries
from tests.fakes.canaries import SEARCH, search

if TYPE_CHECKING:
    from collections.abc import Mapping

PRINTED, CHILDREN, FILES = "what is printed", "what child processes print", "files"
LOGGED, USER_DATA = "log records", "user data"
AWS, LOCAL, MEMORY, GITHUB = "requests to AWS", "requests to DynamoDB Local", "requests in memory", "requests to GitHub"

_MASK = re.compile(r"^(\[[^\n]*\] *\| )?::add-mask::.*$", re.MULTILINE)
"""`act` prefixes each line with the job's name."""
_REGISTRATION = re.compile(re.escape(canaries.REGISTRATION) + r"[\w-]+")
_FOR_GITHUB = re.compile(
    rf"(token|bearer) ((ghs_)?{canaries.PAT}|{canaries.WORKFLOW}|ghs_{canaries.INSTALLATION}\d*|{canaries.REQUEST})",
    re.IGNORECASE,
)
_GIVEN_TO_JOB = re.compile(rb"ACTIONS_ID_TOKEN_REQUEST_TOKEN: \S+")
"""Workflows of tests contain what GitHub would give their job."""
_TOLD_TO_RUNNER = re.compile(rb"with " + canaries.REGISTRATION.encode() + rb"\d+")
"""The stub of the runner records the token that it was given."""
_INSTALLED = ".dist-info"
"""A file in each folder of installed packages."""
_CLEAN: set[str] = set()
"""User data without a secret."""


def printed(text: str, kind: str = PRINTED, where: str = "") -> None:
    """Search output, except lines that tell the runner what to mask."""
    search(kind, _MASK.sub("", text) if "::add-mask::" in text else text, where)


def files(folder: Path) -> None:
    """Search every file of a test, except installed packages."""
    for root, folders, names in os.walk(folder):
        if any(name.endswith(_INSTALLED) for name in folders):
            folders.clear()
            continue
        for path in (Path(root, name) for name in names):
            if path.is_symlink() or not path.is_file():
                continue
            content = path.read_bytes()
            if path.match("record/calls"):
                content = _TOLD_TO_RUNNER.sub(b"", content)
            if path.match(".github/workflows/*.yml"):
                content = _GIVEN_TO_JOB.sub(b"", content)
            search(FILES, content, str(path.relative_to(folder)))


def aws_request(operation: str, headers: Mapping[str, Any], body: bytes, kind: str = AWS) -> None:
    """Search a request to AWS: its headers, its body and its unpacked user data."""
    shown = [f"{name}: {_text(value)}" for name, value in headers.items() if not _session(name, value)]
    search(kind, "\n".join(shown), f"the headers of {operation}")
    if body.lstrip().startswith(b"{"):
        search(kind, _json(body), operation)
        return
    parameters = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True)
    for name, value in parameters:
        if name.endswith("UserData"):
            search(USER_DATA, _unpacked(value), operation)
    search(kind, "&".join(f"{name}={value}" for name, value in parameters if not _job(name, value)), operation)


def memory_request(operation: str, request: Mapping[str, Any]) -> None:
    """Search a request to AWS in memory, but the same user data only once, as there are millions of requests."""
    if data := request.get("LaunchTemplateData"):
        encoded = data.get("UserData", "")
        if encoded not in _CLEAN and not search(USER_DATA, _unpacked(encoded), operation):
            _CLEAN.add(encoded)
        request = {**request, "LaunchTemplateData": {**data, "UserData": ""}}
    text = repr(request)
    if canaries.REGISTRATION in text:
        text = repr(_without_token(request))
    search(MEMORY, text, operation)


def github_request(method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
    """Search a request to GitHub, except a token in the header for it."""
    shown = [
        f"{name}: {value}"
        for name, value in headers.items()
        if name.lower() != "authorization" or not _FOR_GITHUB.fullmatch(value.strip())
    ]
    search(GITHUB, "\n".join([f"{method} {path}", *shown]), f"{method} {path.partition('?')[0]}")
    search(GITHUB, body, f"{method} {path.partition('?')[0]}")


def watch(client: Any, kind: str = LOCAL) -> None:
    """Search what a boto3 client sends to a server that is not ours."""

    def sending(event_name: str, request: Any, **_: Any) -> None:
        body = request.body or b""
        aws_request(event_name, request.headers, body if isinstance(body, bytes) else body.encode(), kind)

    client.meta.events.register("before-send", sending)


def _json(body: bytes) -> str:
    try:
        return json.dumps(_without_token(json.loads(body)), ensure_ascii=False)
    except ValueError:
        return body.decode("utf-8", "replace")


def _without_token(request: Any) -> Any:
    """Leave out only the stored registration token."""
    match request:
        case {"Item": {"identifier": {"S": "gh_registration_token"}, "value": {"M": {"token": {"S": str(token)}}}}}:
            if not _REGISTRATION.fullmatch(token):
                return request
            value = request["Item"]["value"]["M"]
            kept = {name: each for name, each in value.items() if name != "token"}
            return {**request, "Item": {**request["Item"], "value": {"M": kept}}}
        case _:
            return request


def _session(name: str, value: Any) -> bool:
    """Whether it is the header in which AWS is given the session's token."""
    return name.lower() == "x-amz-security-token" and (
        _text(value) == canaries.AWS_SESSION_TOKEN or _text(value) in SEARCH.planted
    )


def _job(name: str, value: str) -> bool:
    """Whether it is the parameter in which STS is given the job's token."""
    return name == "WebIdentityToken" and value.endswith(f".{canaries.ID_TOKEN}")


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _unpacked(encoded: str) -> bytes:
    try:
        return user_data.unpack(base64.b64decode(encoded))
    except (binascii.Error, ValueError, OSError, EOFError, zlib.error):
        return encoded.encode()
