"""What an instance finds on the network: the metadata service (IMDSv2) and the archives of the runner."""

from __future__ import annotations

import hashlib
import io
import subprocess
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.fakes.role_sessions import Sessions
from tests.fakes.serving import Serving
from tests.instance.metadata import Metadata

VERSION = "2.335.1"
STUBS = Path(__file__).parent / "stubs"
_TOKEN = "IMDS-TOKEN"


class Surroundings(Serving):
    """A server for both; what it answers can be changed while an instance runs."""

    def __init__(self, sessions: Sessions | None = None) -> None:
        self.metadata = Metadata(sessions or Sessions())
        self.archive = archive(VERSION)
        self.refusals = 0
        """How often the archive is refused from now on."""
        self.downloads = 0
        self.requests = 0
        """How many requests for metadata have arrived."""
        self.without_token: list[str] = []
        """Paths that were asked for without a session's token."""
        self.archives = threading.Event()
        """Until it is set, a download waits."""
        self.archives.set()
        self._serve(0)

    def _serve(self, port: int) -> None:
        server = _Server(("127.0.0.1", port), _handler(self))
        super().__init__(server)

    @property
    def tags(self) -> dict[str, str]:
        """The instance's tags, as the template lets EC2 show them."""
        return self.metadata.tags

    @property
    def asked(self) -> list[str]:
        """Paths of metadata that were asked for."""
        return self.metadata.asked

    def vanish(self) -> None:
        """Refuse every connection."""
        self.__exit__()

    def come_back(self) -> None:
        """Answer again, at the same address."""
        self._serve(self.port)
        self.__enter__()

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
            self.archives.wait()
            self.refusals -= 1
            return (503, b"") if self.refusals >= 0 else (200, self.archive)
        self.requests += 1
        if token != _TOKEN:
            self.without_token.append(path)
            return 401, b""
        return self.metadata.answer(path.removeprefix("/latest/meta-data/"))


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


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing of clients that hang up."""


def _handler(surroundings: Surroundings) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            surroundings.requests += 1
            if instead := surroundings.metadata.trouble():
                self._send(*instead)
                return
            asked_well = self.path == "/latest/api/token" and "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
            self._send(*((200, _TOKEN.encode()) if asked_well else (400, b"")))

        def do_GET(self) -> None:
            self._send(*surroundings.answer(self.path, self.headers.get("X-aws-ec2-metadata-token")))

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    return Handler
