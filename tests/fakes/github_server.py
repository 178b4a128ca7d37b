"""A stand-in for GitHub: its REST API for runners and Apps, and a job's OIDC tokens, as github.com answers them."""

from __future__ import annotations

import base64
import json
import sys
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from tests.fakes import app, canaries, outgoing
from tests.fakes.serving import Serving

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ISSUER = "https://token.actions.githubusercontent.com"
SUBJECT = "repo:octo@11/widgets@22:ref:refs/heads/main"


class GitHubServer(Serving):
    """A GitHub endpoint; `calls` lists method and path, `answers` replaces single answers."""

    def __init__(self, version: str = "2.335.1", host: str = "127.0.0.1", port: int = 0) -> None:
        self.calls: list[str] = []
        self.version = version
        self.failure: tuple[int, bytes] | None = None
        """Answered to everything instead, when set."""
        self.headers: dict[str, str] = {}
        """Sent with every answer."""
        self.answers: dict[str, Any] = {}
        """By the last part of the path: what is answered instead."""
        self.runners: list[dict[str, Any]] = []
        """As GitHub lists them: id, name, status, busy."""
        self.jobs: dict[str, list[dict[str, Any]]] = {}
        """By the run's id, as GitHub lists them; a run that is not among them does not exist."""
        self.workflow_runs: dict[str, dict[str, Any]] = {}
        """By id, as GitHub shows them; see `workflow_run`."""
        self.reads_actions = True
        """Whether the job's token has `actions: read`."""
        self.token_life = timedelta(hours=1)
        self.installed = True
        """Whether the App is installed where it is looked for."""
        self.permissions: dict[str, str] = {"administration": "write", "organization_self_hosted_runners": "write"}
        """What the App was given."""
        self.asked: list[dict[str, Any]] = []
        """What was asked of an installation token."""
        self.after_call: Callable[[str], None] = lambda _: None
        """Called with method and path after their effect and before their answer."""
        self._issued = 0
        server = _Server((host, port), _handler(self))
        server.daemon_threads = True
        super().__init__(server)

    @property
    def offered(self) -> dict[str, str]:
        """The variables with which GitHub lets a job ask for OIDC tokens."""
        return {
            "ACTIONS_ID_TOKEN_REQUEST_URL": f"{self.url}/id-token?api-version=2.0",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST,
        }

    def answer(  # noqa: C901, PLR0911 - one return an answer
        self, method: str, path: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, bytes]:
        """Answer one request."""
        self.calls.append(f"{method} {path}")
        outgoing.github_request(method, path, headers, body)
        if self.failure is not None:
            return self.failure
        if not (authorization := headers.get("Authorization", "").strip()):
            return 401, b'{"message": "Requires authentication"}'
        plain, _, query = path.partition("?")
        last = plain.rpartition("/")[2]
        if last in self.answers:
            return 200, json.dumps(self.answers[last]).encode()
        match method, last:
            case "GET", "id-token":
                return self._id_token(authorization)
            case _, "installation" | "access_tokens":
                return self._as_app(authorization, last, body)
            case "POST", "registration-token":
                self._issued += 1
                expires_at = datetime.now(UTC) + self.token_life
                token = {"token": f"{canaries.REGISTRATION}{self._issued}", "expires_at": expires_at.isoformat()}
                return 201, json.dumps(token).encode()
            case "GET", "runners" | "jobs" | "runs":
                return self._listed(plain, parse_qs(query))
            case "GET", number if number.isdigit() and "/actions/runs/" in plain:
                return self._run(number)
            case "DELETE", number if number.isdigit():
                before = len(self.runners)
                self.runners = [each for each in self.runners if each["id"] != int(number)]
                return (204, b"") if len(self.runners) < before else (404, b'{"message": "Not Found"}')
            case "GET", "downloads":
                return 200, json.dumps(downloads(self.version)).encode()
            case _:
                return 404, b'{"message": "Not Found"}'

    def _as_app(self, authorization: str, last: str, body: bytes) -> tuple[int, bytes]:
        if app.signed_by(authorization.removeprefix("Bearer ")) != app.APP_ID:
            return 401, b'{"message": "A JSON web token could not be decoded"}'
        if not self.installed:
            return 404, b'{"message": "Not Found"}'
        if last == "installation":
            return 200, json.dumps({"id": app.INSTALLATION_ID}).encode()
        self.asked.append(json.loads(body))
        if not self.asked[-1]["permissions"].items() <= self.permissions.items():
            return 422, b'{"message": "The permissions requested are not granted to this installation."}'
        expires_at = datetime.now(UTC) + self.token_life
        token = f"ghs_{canaries.INSTALLATION}{len(self.asked)}"
        return 201, json.dumps({"token": token, "expires_at": expires_at.isoformat()}).encode()

    def _id_token(self, authorization: str) -> tuple[int, bytes]:
        if authorization != f"Bearer {canaries.REQUEST}":
            return 401, b'{"message": "no such job"}'
        claims = base64.urlsafe_b64encode(json.dumps({"sub": SUBJECT, "iss": ISSUER}).encode()).decode().rstrip("=")
        return 200, json.dumps({"value": f"e30.{claims}.{canaries.ID_TOKEN}"}).encode()

    def _listed(self, path: str, query: Mapping[str, list[str]]) -> tuple[int, bytes]:
        *_, run_id, name = path.split("/")
        if name != "runners" and not self.reads_actions:
            return 403, b'{"message": "Resource not accessible by integration"}'
        listed = self.runners if name == "runners" else self.jobs.get(run_id)
        if name == "runs":
            status = query.get("status", [""])[0]
            listed = [each for each in self.workflow_runs.values() if status in {"", each["status"]}]
            name = "workflow_runs"
        if listed is None:
            return 404, b'{"message": "Not Found"}'
        size, page = (int(query.get(each, [default])[0]) for each, default in (("per_page", "30"), ("page", "1")))
        shown = listed[(page - 1) * size : page * size]
        return 200, json.dumps({"total_count": len(listed), name: shown}).encode()

    def _run(self, run_id: str) -> tuple[int, bytes]:
        if not self.reads_actions:
            return 403, b'{"message": "Resource not accessible by integration"}'
        found = self.workflow_runs.get(run_id)
        return (200, json.dumps(found).encode()) if found else (404, b'{"message": "Not Found"}')


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let clients go away in the middle: those that are cancelled or killed do."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def job(number: int, name: str, *labels: str, status: str = "queued") -> dict[str, Any]:
    """Give a job of a workflow run as GitHub lists it."""
    return {
        "id": number,
        "name": name,
        "labels": list(labels),
        "status": status,
        "conclusion": "success" if status == "completed" else None,
        "html_url": f"https://github.com/octo/widgets/actions/runs/77/job/{number}",
    }


def workflow_run(
    number: int, status: str = "completed", attempt: int = 1, updated_at: datetime | None = None
) -> dict[str, Any]:
    """Give a workflow run as GitHub shows it."""
    return {
        "id": number,
        "run_attempt": attempt,
        "status": status,
        "conclusion": "success" if status == "completed" else None,
        "updated_at": (updated_at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "html_url": f"https://github.com/octo/widgets/actions/runs/{number}",
    }


def runner(number: int, name: str, status: str = "offline", *, busy: bool = False) -> dict[str, Any]:
    """Give a runner as GitHub lists it."""
    return {"id": number, "name": name, "os": "linux", "status": status, "busy": busy, "labels": []}


def downloads(version: str) -> list[dict[str, str]]:
    """List the runner applications as GitHub does, those for other systems included."""
    return [
        {
            "os": system,
            "architecture": architecture,
            "download_url": f"https://github.com/actions/runner/releases/download/v{version}/"
            f"actions-runner-{system}-{architecture}-{version}.tar.gz",
            "filename": f"actions-runner-{system}-{architecture}-{version}.tar.gz",
            "temp_download_token": canaries.DOWNLOAD,
            "sha256_checksum": ("a" if architecture == "x64" else "b") * 64,
        }
        for system in ("osx", "linux", "win")
        for architecture in ("x64", "arm64")
    ]


def _handler(server: GitHubServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer()

        def do_DELETE(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            """Say nothing: the calls are counted."""

        def _answer(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = server.answer(self.command, self.path, dict(self.headers), sent)
            server.after_call(f"GitHub:{self.command} {self.path}")
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            for name, value in server.headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    return Handler
