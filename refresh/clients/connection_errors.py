"""Errors of certificates and proxies, which prevent every connection until they are corrected.

Retrying never helps. AWS's SDK reads `AWS_CA_BUNDLE` and, without it, `REQUESTS_CA_BUNDLE`; GitHub's client reads
`REQUESTS_CA_BUNDLE` and then `CURL_CA_BUNDLE`.
"""

from __future__ import annotations

import os
import re
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from refresh import errors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from ssl import SSLCertVerificationError

GITHUB_FILES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
AWS_FILES = ("AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
FILES = tuple(dict.fromkeys((*AWS_FILES, *GITHUB_FILES)))
"""The variables that name files of trusted certificates."""
_PAGE = "docs/access.md"
_NOT_YET_VALID, _EXPIRED, _OTHER_NAME, _OTHER_ADDRESS = 9, 10, 62, 64
_REFUSED_TUNNEL = re.compile(r"Tunnel connection failed: (4[0-9]{2}[A-Za-z -]{0,60})")

_PASSING = frozenset(
    {"DECRYPTION_FAILED_OR_BAD_RECORD_MAC", "SSLV3_ALERT_BAD_RECORD_MAC", "SSLV3_ALERT_UNEXPECTED_MESSAGE"}
    | {"TLSV1_ALERT_DECRYPT_ERROR", "TLSV1_ALERT_INTERNAL_ERROR"}
)
"""OpenSSL's reasons for a record that was damaged on its way, or for a problem of the server."""
_FAILED = frozenset(
    {"ConnectTimeout", "ConnectTimeoutError", "ConnectionError", "EndpointConnectionError"}
    | {"ProxyConnectionError", "ProxyError"}
)
"""The errors of botocore and requests for a failed connection."""
_CONNECTION_REMEDY = (
    "The connection failed. If it fails in the next run as well, check the name in DNS, the firewall, the proxy "
    "(HTTPS_PROXY) and the address of the service (AWS_ENDPOINT_URL, GITHUB_API_URL)."
)


def remedy(error: BaseException) -> str:
    """Return what to check after a failed connection, which may or may not pass; "" for other errors."""
    return _CONNECTION_REMEDY if type(error).__name__ in _FAILED else ""


def lasting(operation: str, error: BaseException, url: str, files: Sequence[str]) -> errors.Unreachable | None:
    """Translate an error that no retry would change; return None for one that may pass.

    `files` are the variables that name the trusted authorities; the first one that is set counts.
    """
    ended = (ssl.SSLEOFError, ssl.SSLZeroReturnError, ssl.SSLSyscallError)
    host = urlsplit(url).netloc.rpartition("@")[2] or "the server"
    for each in _causes(error):
        if isinstance(each, ssl.SSLCertVerificationError):
            words = each.verify_message.rstrip(".")
            problem = f"the certificate of {host} cannot be verified: {words}."
            return errors.Unreachable(operation, "CERTIFICATE_VERIFY_FAILED", problem, remedy=_remedy(each, files))
        if isinstance(each, ssl.SSLError) and not (isinstance(each, ended) or each.reason in _PASSING):
            return errors.Unreachable(
                operation,
                str(each.reason or "SSLError"),
                f"no TLS connection to {host} can be made.",
                remedy=f"Check its address and HTTPS_PROXY: the server there does not speak TLS ({_PAGE}).",
            )
        if found := _REFUSED_TUNNEL.search(str(each)):
            return errors.Unreachable(
                operation,
                "ProxyError",
                f'the proxy of HTTPS_PROXY refuses to connect to {host}: "{found[1].strip()}".',
                remedy="Correct HTTPS_PROXY (407: its user and password), allow the host in the proxy, or list the "
                f"host in NO_PROXY ({_PAGE}).",
            )
    return None


def _remedy(error: SSLCertVerificationError, files: Sequence[str]) -> str:
    if error.verify_code == _EXPIRED:
        return "Renew the certificate, or correct this machine's clock."
    if error.verify_code == _NOT_YET_VALID:
        return "Correct this machine's clock."
    if error.verify_code in (_OTHER_NAME, _OTHER_ADDRESS):
        return "Compare the address with the names in the certificate; a proxy may have answered instead of the server."
    if given := next((name for name in files if os.environ.get(name)), None):
        return (
            f"Add the authority that issued it to {os.environ[given]}, the file of {given}, or set {files[0]} to "
            "another PEM file, with its path inside the container. Such a file replaces the public authorities, so it "
            f"must hold the authorities of every host ({_PAGE})."
        )
    return (
        "If a private authority issued it, for example that of a TLS-inspecting proxy, set "
        f"{files[0]} in the step's env to a PEM file of its certificates, with its path inside the container, for "
        f"example /github/workspace/ca.pem ({_PAGE})."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that it wraps: urllib3, requests and botocore each store it differently."""
    waiting, seen = [error], set[int]()
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        inner = [*each.args, *getattr(each, "kwargs", {}).values(), getattr(each, "reason", None)]
        inner += [getattr(each, "original_error", None), each.__cause__, each.__context__]
        waiting += [one for one in inner if isinstance(one, BaseException)]
