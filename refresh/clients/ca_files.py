"""Checks the files of trusted certificates that variables name, before any call: each library fails differently."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from refresh.clients.connection_errors import FILES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_PAGE = "docs/access.md"


def problems(environ: Mapping[str, str]) -> Iterator[str]:
    """Describe what is wrong with each file that a library would read."""
    for name in FILES:
        path = environ.get(name, "")
        if path and not (name == "CURL_CA_BUNDLE" and environ.get("REQUESTS_CA_BUNDLE")):
            # AWS's SDK accepts only a file, and reads REQUESTS_CA_BUNDLE only if AWS_CA_BUNDLE is not set.
            directory_allowed = name != "AWS_CA_BUNDLE" and (name == "CURL_CA_BUNDLE" or environ.get("AWS_CA_BUNDLE"))
            if problem := _problem(name, Path(path), directory_allowed=bool(directory_allowed)):
                yield f"{name}: {problem}"


def _problem(name: str, path: Path, *, directory_allowed: bool) -> str:
    if path.is_dir():
        return "" if directory_allowed else f"{path} is a directory; name one PEM file"
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except FileNotFoundError:
        return (
            f"there is no file {path} here. The action's container sees the workspace, but no other files of the "
            "host: copy the certificates into the workspace in an earlier step and set "
            f"{name}: /github/workspace/<file> ({_PAGE})"
        )
    except ssl.SSLError:
        return (
            f"{path} holds no PEM certificates; write them as -----BEGIN CERTIFICATE----- blocks (`openssl x509 "
            "-inform der -in <file>` converts DER)"
        )
    except (OSError, ValueError) as error:
        return f"{path} cannot be read ({type(error).__name__}); correct its path or its permissions"
    return ""
