"""The stand-ins for AWS and GitHub in a container, and a third port by which a test on the host directs them.

GET /calls returns the calls since they were last forgotten, whether an answer is held back, the App's key, and the
secrets found in requests since the last time. POST
/forget, /reset (an empty account), /furnish (what a pool's owner has there before), /hold?number=3 or
/hold?operation=sqs:CreateQueue (that call from now is carried out, its answer waits) and /release.
"""

from __future__ import annotations

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock
from urllib.parse import parse_qs, urlsplit

from attrs import asdict

from tests.fakes import app, canaries
from tests.fakes.aws_server import AwsServer
from tests.fakes.github_server import GitHubServer

ANYWHERE = "0.0.0.0"  # noqa: S104 - of the container; the ports are published to the loopback of its host
AWS_PORT, GITHUB_PORT, CONTROL_PORT = 5000, 8080, 9000
LONGEST_HOLD_SECONDS = 120


class Stage:
    """The calls to both servers in order, and the one whose answer is held back."""

    def __init__(self, aws: AwsServer, github: GitHubServer) -> None:
        self.aws = aws
        self.github = github
        self.calls: list[str] = []
        self.held = False
        self._awaited = ""
        """A number of a call or an operation."""
        self._release = Event()
        self._lock = Lock()
        aws.after_call = self._called
        github.after_call = self._called

    def _called(self, operation: str) -> None:
        with self._lock:
            self.calls.append(operation)
            mine = not self.held and self._awaited in (str(len(self.calls)), operation)
            self.held = self.held or mine
        if mine:
            self._release.wait(LONGEST_HOLD_SECONDS)

    def direct(self, path: str, query: dict[str, list[str]]) -> dict[str, object]:
        """Do as a test says and return the state."""
        with self._lock:
            match path:
                case "/forget":
                    self.calls.clear()
                case "/reset":
                    self.aws.forget_everything()
                    self.calls.clear()
                case "/furnish":
                    self.aws.furnish()
                case "/hold":
                    self.calls.clear()
                    self._release.clear()
                    self._awaited = (query.get("number") or query["operation"])[0]
                case "/release":
                    self._awaited, self.held = "", False
                    self._release.set()
                case _:
                    pass
            hits = [asdict(hit) for hit in canaries.taken()]
            return {"calls": list(self.calls), "held": self.held, "key": app.private_key(), "hits": hits}


def main() -> None:
    """Serve until it is ended."""
    with AwsServer(ANYWHERE, AWS_PORT) as aws, GitHubServer(host=ANYWHERE, port=GITHUB_PORT) as github:
        stage = Stage(aws, github)

        class Control(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Return the state."""
                self.do_POST()

            def do_POST(self) -> None:
                """Direct."""
                asked = urlsplit(self.path)
                body = json.dumps(stage.direct(asked.path, parse_qs(asked.query))).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        ThreadingHTTPServer((ANYWHERE, CONTROL_PORT), Control).serve_forever()


if __name__ == "__main__":
    main()
