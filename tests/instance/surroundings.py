"""What an instance finds on the network: the metadata service (IMDSv2) and the archives of the runner."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.serving import Serving

VERSION = "2.335.1"
STUBS = Path(__file__).parent / "stubs"
_TOKEN = "IMDS-TOKEN"
_ROLE = "runner-role"


class Surroundings(Serving):
    """A server for both; what it answers can be changed while an instance runs."""

    def __init__(self) -> None:
        self.instance_id = ""
        self.tags: dict[str, str] = {}
        self.archive = archive(VERSION)
        self.refusals = 0
        """How often the archive is refused from now on."""
        self.downloads = 0
        self.asked: list[str] = []
        """Paths of metadata that were asked for."""
        self.requests = 0
        """How many requests have arrived."""
        self.without_token: list[str] = []
        """Paths that were asked for without a session's token."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        super().__init__(server)

    def offered(self, checksum: str | None = None) -> list[dict[str, str]]:
        """List the runner applications as GitHub does."""
        return [
            {
                "os": "linux",
                "architecture": architecture,
                "download_url": f"{self.url}/{VERSION}/actions-runner-linux-{architecture}-{VERSION}.tar.gz",
                "filename": f"actions-runner-linux-{architecture}-{VERSION}.tar.gz",
                "sha256_checksum": checksum or hashlib.sha256(self.archive).hexdigest(),
            }
            for architecture in ("x64", "arm64")
        ]

    @staticmethod
    def unpack(folder: Path, version: str) -> None:
        """Have the image bring a runner along."""
        folder.mkdir()
        subprocess.run(["tar", "-xzf", "-", "-C", str(folder)], input=archive(version), check=True)  # noqa: S603, S607 - tar

    def answer(self, path: str, token: str | None) -> tuple[int, bytes]:
        """Answer a GET."""
        if path.endswith(".tar.gz"):
            self.downloads += 1
            self.refusals -= 1
            return (503, b"") if self.refusals >= 0 else (200, self.archive)
        if token != _TOKEN:
            self.without_token.append(path)
            return 401, b""
        name = path.removeprefix("/latest/meta-data/")
        self.asked.append(name)
        found = self._metadata().get(name)
        return (404, b"not found") if found is None else (200, found.encode())

    def _metadata(self) -> dict[str, str]:
        expires = datetime.now(UTC) + timedelta(hours=1)
        credentials = {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": "ASIAROLE",
            "SecretAccessKey": "role",
            "Token": "session",
            "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        return {
            "instance-id": self.instance_id,
            "iam/security-credentials/": _ROLE,
            f"iam/security-credentials/{_ROLE}": json.dumps(credentials),
            **{f"tags/instance/{name}": value for name, value in self.tags.items()},
        }


def archive(version: str) -> bytes:
    """Pack a runner of which both scripts only write down how they were called."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as file:
        for path in sorted(STUBS.iterdir()):
            file.add(path, path.name, filter=_executable)
        content = version.encode()
        member = tarfile.TarInfo("version")
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _executable(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.mode = 0o755
    return member


def _handler(surroundings: Surroundings) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            surroundings.requests += 1
            asked_well = self.path == "/latest/api/token" and "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
            self._send(*((200, _TOKEN.encode()) if asked_well else (400, b"")))

        def do_GET(self) -> None:
            surroundings.requests += 1
            self._send(*surroundings.answer(self.path, self.headers.get("X-aws-ec2-metadata-token")))

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
