"""AWS's Signature Version 4.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import time
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from refresh.agent.credentials import Keys


@functools.lru_cache(maxsize=8)
def _signing_key(secret: str, *scope: str) -> bytes:
    """Derive the key of a day, region and service. It is the same for all requests of a day."""
    key = b"AWS4" + secret.encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signed(  # noqa: PLR0913, PLR0917 - all that a signature covers
    method: str,
    host: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    keys: Keys,
    region: str,
    service: str,
    now: float,
) -> dict[str, str]:
    """Return all headers to send, in lower case: the given ones, those of the signature, and the signature itself.

    `path` has no empty, `.` or `..` segments. `query` is encoded as in the URL. `now` is in seconds since 1970.
    """
    moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))
    sent = {name.lower(): value for name, value in headers.items()}
    sent.update({"host": host, "x-amz-date": moment})
    if keys.token:
        sent["x-amz-security-token"] = keys.token
    names = sorted(sent)
    pairs = sorted(pair.partition("=")[::2] for pair in query.split("&")) if query else []
    canonical = [method, urllib.parse.quote(path, "/~"), "&".join(f"{name}={value}" for name, value in pairs)]
    canonical += [f"{name}:{' '.join(sent[name].split())}" for name in names]
    canonical += ["", ";".join(names), hashlib.sha256(body).hexdigest()]
    scope = (moment[:8], region, service, "aws4_request")
    digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", moment, "/".join(scope), digest))
    signature = hmac.digest(_signing_key(keys.secret_key, *scope), text.encode(), "sha256").hex()
    sent["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{'/'.join(scope)}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature}"
    )
    return sent
