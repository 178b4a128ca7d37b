"""The encodings in which a secret can leave unseen, each with other text around it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable

ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: f"told {secret}!",
    "base64": lambda secret: base64_of(f"{secret}!"),
    "base64 behind one": lambda secret: base64_of(f"x{secret}!!"),
    "base64 behind two": lambda secret: base64_of(f"xy{secret}"),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"{secret}!".encode()).decode(),
    "URL-encoded": lambda secret: f"?token={quote(secret, safe='')}",
    "JSON-escaped": lambda secret: json.dumps({"token": secret}).replace("/", r"\/"),
}


def base64_of(text: str) -> str:
    """Encode a text."""
    return base64.b64encode(text.encode()).decode()
