"""Refuse every input or variable that contains a secret.

An input may be written to AWS, a file or a page. So all of them are searched before any is parsed: for the secrets
of this run, and for texts that are recognisable as a secret.
"""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from attrs import frozen

from refresh.credentials import SHORTEST_LINE, SHORTEST_SECRET
from refresh.inputs import access
from refresh.inputs.parsers import Problem
from refresh.inputs.reader import spellings
from refresh.inputs.table import SECRETS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from refresh.inputs.reader import Reader

VARIABLES = (
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "ACTIONS_RUNTIME_TOKEN",
    "GITHUB_TOKEN",
    "GH_TOKEN",
    "GITHUB_ENTERPRISE_TOKEN",
    "GH_ENTERPRISE_TOKEN",
)
"""Variables of a job that contain secrets."""
SCRIPT = "pre-runner-script"
_ADDRESSES = re.compile(r"(?:(?:HTTPS?|ALL)_PROXY|AWS_ENDPOINT_URL(?:_[A-Z0-9_]+)?)", re.IGNORECASE)
_PASSWORD = re.compile(r"://[^\s/?#\"'<>:@]*:(?!\$|//)([^\s/?#\"'<>]+)@")
_FEWEST_DIFFERENT = 10
"""Different characters in a token; an example such as ghp_xxxx has fewer."""
_EXAMPLE = "EXAMPLE"
"""Part of every key in AWS's documentation."""
_ESCAPED = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|/)")
"""Escapes with which JSON may write a character of a secret."""
_RECOGNISABLE = {
    "a GitHub token": re.compile(r"\b(?:gh[opsur]_([A-Za-z0-9_]{36,})|github_pat_([A-Za-z0-9]{22}_[A-Za-z0-9]{59}))"),
    "a private key": re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\s|\\n)*([A-Za-z0-9+/]{40})"),
    "an AWS secret access key": re.compile(
        r"(?i:aws_?secret_?access_?key|secret-?access-?key)[\"']?\s*[=:]\s*[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
    ),
    "an AWS session token": re.compile(r"\b(?:IQoJb3JpZ2lu|FwoGZXIvYXdz)([A-Za-z0-9/+=]{50,})"),
}
"""Secrets that are recognized by their form: https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/.

An AWS secret key alone is forty characters like many checksums, so its name must precede it."""


@frozen
class Secret:
    """A secret of this run, and the input or variable that contains it."""

    name: str
    value: str

    @property
    def forms(self) -> frozenset[str]:
        """Return the texts to search for: the whole, each long word and line, and these in base64 and URL encoding."""
        if "${{" in self.value:
            return frozenset()  # an expression that was not expanded is no secret
        whole = self.value.strip()
        parts = whole.replace("\\n", "\n").split()
        with suppress(Problem):  # most secrets are not keys
            parts += access.private_key(whole).splitlines()[1:-1]
        pieces = [each for each in parts if len(each) >= SHORTEST_LINE]
        if len(whole) >= SHORTEST_SECRET:
            pieces.append(whole)
        return frozenset(form for piece in pieces for form in _encoded(piece))


def given(environ: Mapping[str, str]) -> list[Secret]:
    """List the secrets in the environment: inputs, variables, and passwords in addresses of proxies and endpoints."""
    inputs = [(name, environ.get(variable, "")) for name in SECRETS for variable in spellings(name)]
    variables = [(name, environ.get(name, "")) for name in VARIABLES]
    passwords = [
        (f"password of {name}", password)
        for name, value in environ.items()
        if _ADDRESSES.fullmatch(name)
        for found in _PASSWORD.findall(value)
        for password in (found, unquote(found))
    ]
    return [Secret(name, value) for name, value in (*inputs, *variables, *passwords) if value.strip()]


def refuse_misplaced(reader: Reader, names: Iterable[str]) -> None:
    """Refuse every input and variable whose value contains a secret; the value is neither shown nor parsed."""
    known = [(secret.name, secret.forms) for secret in given(reader.environ)]
    for name in names:
        text = reader.all_of(name)
        if not text or name in SECRETS:
            continue
        if "\\" in text:
            text = f"{text}\n{_ESCAPED.sub(_unescaped, text)}"
        found = _contained(known, text)
        if name == SCRIPT:
            if found:
                reader.hide(
                    f"{name}: contains {found}, and everyone on the instance can read user data; fetch secrets on the "
                    "instance, with its role"
                )
            elif _PASSWORD.search(text):
                reader.warnings.append(
                    f"{name}: contains an address with a password, which everyone on the instance can read."
                )
        elif found := found or ("an address with a password" if _PASSWORD.search(text) else ""):
            kind = "variable" if name.isupper() else "input"
            reader.hide(f"{name}: contains {found}, so its value is not shown; remove it from this {kind}")


def _unescaped(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if found[1] else "/"


def _contained(known: Iterable[tuple[str, frozenset[str]]], text: str) -> str:
    """Name the secret that a text contains; "" where it contains none."""
    for name, forms in known:
        if any(form in text for form in forms):
            return f"the {name}"
    for what, look in _RECOGNISABLE.items():
        for found in look.finditer(text):
            secret = found[found.lastindex or 0]
            if len(set(secret)) >= _FEWEST_DIFFERENT and _EXAMPLE not in secret:
                return f"what looks like {what}"
    return ""


def _encoded(piece: str) -> Iterator[str]:
    """Yield a piece in each encoding that could hide it; of base64, the part independent of its neighbors."""
    yield piece
    yield quote(piece, safe="", errors="surrogatepass")
    yield quote(piece, errors="surrogatepass")
    raw = piece.encode(errors="surrogatepass")
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        inside = whole[(0, 2, 3)[shift] : (shift + len(raw)) // 3 * 4].decode()
        yield inside
        yield inside.replace("+", "-").replace("/", "_")
