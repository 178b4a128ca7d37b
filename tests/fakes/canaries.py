"""Secrets that every test plants, and the search for them: plain, in base64, URL-encoded and JSON-escaped.

Each contains `MARKER`, which only base64 changes, so that a search for a few forms of it clears most texts.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

MARKER = "CANARY"
PAT = "PAT-CANARY-5e1f"
WORKFLOW = "WORKFLOW-CANARY-5e1f"
REGISTRATION = "REG-CANARY-"
DOWNLOAD = "DOWNLOAD-CANARY"
INSTALLATION = "INSTALLATION-CANARY-"
ID_TOKEN = "ID-TOKEN-CANARY"
REQUEST = "REQUEST-CANARY-77"
AWS_SECRET_KEY = "AWS/SECRET+CANARY/77aZ0123456789abcdef+/"
AWS_SESSION_TOKEN = "AWS//SESSION+CANARY/77aZ+0123456789/abcdef=="
PLANTED = {
    "personal access token": PAT,
    "workflow's token": WORKFLOW,
    "registration token": REGISTRATION,
    "runner download token": DOWNLOAD,
    "App's installation token": INSTALLATION,
    "job's OIDC token": ID_TOKEN,
    "token to ask for the OIDC token": REQUEST,
    "AWS secret key": AWS_SECRET_KEY,
    "AWS session token": AWS_SESSION_TOKEN,
}
"""Every secret by name; of numbered ones the beginning."""
_SHORTEST_LINE = 16
_AROUND = 60


@frozen
class Hit:
    """A secret in a wrong place."""

    kind: str
    where: str
    canary: str
    form: str
    around: str

    def __str__(self) -> str:
        return f"{self.canary} ({self.form}) in {self.kind}, {self.where or 'anywhere'}: {self.around}"


@define
class Search:
    """What this process has searched, and what it has found since `taken` was called."""

    sizes: Counter[str] = field(factory=Counter)
    """Bytes by kind of place."""
    places: Counter[str] = field(factory=Counter)
    found: int = 0
    """How many unexpected hits there were."""
    hits: list[Hit] = field(factory=list)
    wanted: list[list[Hit]] = field(factory=list)
    """Lists for expected hits, the innermost last."""
    planted: dict[str, list[tuple[str, str, str]]] = field(factory=dict)
    """More secrets of the current test, each with its name and forms as in `_FORMS`."""
    lock: threading.Lock = field(factory=threading.Lock)

    def count(self, kind: str, size: int) -> None:
        """Count a place that was searched."""
        with self.lock:
            self.sizes[kind] += size
            self.places[kind] += 1

    def add(self, hit: Hit) -> None:
        """Keep a hit for the end of the test, or for the test if it expects hits."""
        if self.wanted:
            self.wanted[-1].append(hit)
        else:
            self.found += 1
            self.hits.append(hit)


SEARCH = Search()


def forms(secret: str) -> dict[str, str]:
    """Return the forms of a secret in each encoding, with the encoding's name.

    Of base64 the part that does not depend on the surrounding text.
    """
    raw = secret.encode()
    written = {"plain": secret}
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + raw).rstrip(b"=")
        inside = whole[(0, 2, 3)[shift] : (shift + len(raw)) // 3 * 4].decode()
        written[f"base64, shifted by {shift}"] = inside
        written[f"base64 for URLs, shifted by {shift}"] = inside.replace("+", "-").replace("/", "_")
    written["URL-encoded"] = quote(secret, safe="")
    written["URL-encoded, but for slashes"] = quote(secret)
    written["JSON-escaped"] = json.dumps(secret)[1:-1]
    written["JSON-escaped, with slashes"] = written["JSON-escaped"].replace("/", r"\/")
    return {form: name for name, form in reversed(written.items())}


_MARKERS = tuple(forms(MARKER))
_MARKERS_IN_BYTES = tuple(each.encode() for each in _MARKERS)


def _looks(name: str, secret: str) -> list[tuple[str, str, str]]:
    return [(name, form, looks) for looks, form in forms(secret).items()]


_FORMS = [each for name, secret in PLANTED.items() for each in _looks(name, secret)]


def plant(canary: str, secret: str) -> str:
    """Search for each long line of a further secret until the test ends; return it."""
    for line in secret.splitlines():
        if len(line) >= _SHORTEST_LINE and not line.startswith("-----"):
            SEARCH.planted.setdefault(line, _looks(canary, line))
    return secret


def search(kind: str, content: bytes | str, where: str = "") -> bool:
    """Search what was let out, keep hits for the end of the test, and return whether there are any."""
    SEARCH.count(kind, len(content))
    if isinstance(content, str):
        suspicious = any(marker in content for marker in _MARKERS)
    else:
        suspicious = any(marker in content for marker in _MARKERS_IN_BYTES)
    if not suspicious and not SEARCH.planted:
        return False
    text = content if isinstance(content, str) else content.decode("latin-1")
    hits = _looked_through(kind, text, where, suspicious=suspicious)
    for hit in hits:
        SEARCH.add(hit)
    return bool(hits)


def _looked_through(kind: str, text: str, where: str, *, suspicious: bool) -> list[Hit]:
    planted = [look for looks in list(SEARCH.planted.values()) for look in looks]
    looked_for = [*planted, *(_FORMS if suspicious else [])]
    hits = [
        Hit(kind, where, name, form, _around(text, at))
        for name, form, looks in looked_for
        for at in (text.find(looks),)
        if at >= 0
    ]
    if suspicious and not any(hit.canary in PLANTED for hit in hits):
        at = min(at for marker in _MARKERS if (at := text.find(marker)) >= 0)
        hits.append(Hit(kind, where, "part of a secret", "plain or base64", _around(text, at)))
    return hits


def _around(text: str, at: int) -> str:
    return re.sub(r"\s+", " ", text[max(0, at - _AROUND) : at + _AROUND])


@contextmanager
def expected() -> Iterator[list[Hit]]:
    """Give the hits within the block to the test, which does not fail because of them."""
    hits: list[Hit] = []
    SEARCH.wanted.append(hits)
    try:
        yield hits
    finally:
        SEARCH.wanted.remove(hits)


def taken() -> list[Hit]:
    """Return the hits since the last call, and forget the secrets of the test that ends."""
    hits, SEARCH.hits = SEARCH.hits, []
    SEARCH.planted = {}
    return hits
