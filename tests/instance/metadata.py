"""What EC2 says about one instance, and the credentials of its role."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime

from attrs import define, field

from tests.fakes.role_sessions import Session, Sessions
from tests.fakes.runner_role import ROLE_ID

ANSWERS, ERRORS, SILENT = "answers", "errors", "silent"
AGENT = "ASIAROLE"
"""How the access keys of instances begin."""
SECRET_KEY, SESSION_TOKEN = "ROLE/SECRET+KEY", "ROLE//SESSION+TOKEN"
"""How their secrets begin."""
_ROLE = "runner-role"
_RENEWED_BEFORE_SECONDS = 300
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html"""


@define
class Metadata:
    """Below /latest/meta-data/; a test may change all of it while the instance runs."""

    sessions: Sessions
    """Where the credentials count."""
    instance_id: str = ""
    tags: dict[str, str] = field(factory=dict)
    life_cycle: str = "on-demand"
    role_id: str = ROLE_ID
    """The unique id of its role in IAM."""
    reclaimed_at: str = ""
    """When EC2 takes the spot instance back; empty while it has not said so."""
    mode: str = ANSWERS
    valid_seconds: float = 21600
    """How long credentials last."""
    asked: list[str] = field(factory=list)
    """The paths that were asked for."""
    _held: threading.Event = field(factory=threading.Event)
    _issued: list[tuple[str, float]] = field(factory=list)
    """The access keys, each with the end of its time."""
    _lock: threading.Lock = field(factory=threading.Lock)

    def answer(self, path: str) -> tuple[int, bytes]:
        """Answer a GET."""
        self.asked.append(path)
        if instead := self.trouble():
            return instead
        found = self._known().get(path)
        return (404, b"not found") if found is None else (200, found.encode())

    def trouble(self) -> tuple[int, bytes] | None:
        """Answer with an error, or not for a long time, if a test wants it."""
        if self.mode == SILENT:
            self._held.wait(600)
        return (500, b"") if self.mode == ERRORS else None

    def end(self) -> None:
        """Let go of those that wait for an answer."""
        self._held.set()

    @property
    def user_id(self) -> str:
        """What IAM calls `aws:userid` of the instance."""
        return f"{self.role_id}:{self.instance_id}"

    @property
    def access_key(self) -> str:
        """The newest access key; empty before the first."""
        return self._issued[-1][0] if self._issued else ""

    def _known(self) -> dict[str, str]:
        known = {
            "instance-id": self.instance_id,
            "instance-life-cycle": self.life_cycle,
            "services/domain": "amazonaws.com",
            "iam/security-credentials/": _ROLE,
            **{f"tags/instance/{name}": value for name, value in self.tags.items()},
        }
        if self.asked[-1].startswith("iam/security-credentials/"):
            known[f"iam/security-credentials/{_ROLE}"] = json.dumps(self._credentials())
        if self.reclaimed_at:
            known["spot/instance-action"] = json.dumps({"action": "terminate", "time": self.reclaimed_at})
        return known

    def _credentials(self) -> dict[str, str]:
        with self._lock:
            now = self.sessions.now()
            early = min(_RENEWED_BEFORE_SECONDS, self.valid_seconds / 2)
            if not self._issued or now > self._issued[-1][1] - early:
                self._issue(now + self.valid_seconds)
            key, expires_at = self._issued[-1]
        return {
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": key,
            "SecretAccessKey": SECRET_KEY + key,
            "Token": SESSION_TOKEN + key,
            "Expiration": datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        }

    def _issue(self, expires_at: float) -> None:
        key = f"{AGENT}{time.monotonic_ns()}"
        self.sessions.opened[key] = Session(self.user_id, expires_at)
        self._issued.append((key, expires_at))
