"""DynamoDB: the machine's own record, the registration token, and what the agent reports.

docs/table.md has the form of all items.
"""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING

from refresh.agent.aws import Refused, Unanswered
from refresh.agent.clock import wire
from refresh.agent.log import say

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from refresh.agent.aws import Aws
    from refresh.agent.clock import Clock

RUN = re.compile(r"[A-Za-z0-9_.-]{1,64}")
"""What is accepted as the label of a run."""
_DAY = 86400
_ASKS_EVERY = 60
"""Seconds between two attempts to write the machine's own item that AWS refused."""
_SOON = 5
"""The same if STS did not answer."""


class Record:
    """The machine's own record as it was read: whether there is one, its run and its threshold."""

    def __init__(self, item: dict[str, Any] | None, read_at: float) -> None:
        self.found = item is not None
        self.run = text_of(item or {}, "runId")
        self.threshold = text_of(item or {}, "threshold")
        self.read_at = read_at
        """Seconds since the boot when it was asked for."""


class Table:
    """The pool's table, as far as one machine needs it. Methods raise `Unanswered` or `Refused`."""

    def __init__(self, aws: Aws, clock: Clock, name: str, instance_id: str, *, shared: bool) -> None:
        self._aws = aws
        self._clock = clock
        self._name = name
        self._id = instance_id
        self._shared = shared
        """Whether the items that the original action reads are written too."""
        self._own = ""
        self._asks_at = 0.0
        self._token, self._token_at = "", 0.0
        self._reporting = threading.Lock()
        """Keeps a heartbeat that is under way from being written after a newer signal."""
        self.report: dict[str, str] = {}
        """What the agent reports: the members of its item's value."""

    def record(self) -> Record:
        """Read the machine's own record."""
        asked = self._clock.uptime()
        return Record(self._get("INSTANCE", self._id), asked)

    def token(self, longest: float) -> str:
        """Return the registration token, read at most `longest` seconds ago; "" if there is none."""
        now = self._clock.uptime()
        if not self._token or now - self._token_at > longest:
            item = self._get("METADATA", "gh_registration_token") or {}
            self._token, self._token_at = text_of(item.get("value", {}).get("M", {}), "token"), now
        return self._token

    def script(self, sha256: str) -> str:
        """Read the script that is stored under its SHA-256; "" if there is none."""
        return text_of(self._get("METADATA", f"pre_runner_script_{sha256[:16]}") or {}, "value")

    def beat(self) -> None:
        """Write the heartbeat, which repeats the last signal."""
        self._put_both("HEARTBEAT", {"S": "PING"})

    def signal(self, state: str, run: str) -> None:
        """Write a signal."""
        self.report.update(state=state, runId=run, signalledAt=wire(self._clock.now()))
        self._put_both("WS", _members({"state": state, "runId": run}))

    def _put_both(self, shared: str, value: dict[str, Any]) -> None:
        """Write an item that the original action reads, and the machine's own. One of them is enough.

        A machine may be older than the end of `original-modes`, after which its role need not write the former.
        """
        refusal = None
        if self._shared:
            try:
                self._put(shared, shared, value)
            except Refused as error:
                refusal = error
        if self._put_own() or not refusal:
            return
        # AWS refuses both, so the next attempt need not wait.
        self._asks_at = 0.0
        raise refusal

    def _put_own(self) -> bool:
        """Write the item that IAM lets this machine alone write; whether that succeeded.

        If that fails for another reason than an outage, the original action can still use the machine.
        """
        if self._clock.uptime() < self._asks_at:
            return False
        try:
            self._own = self._own or f"AGENT#{self._aws.user_id()}"
            with self._reporting:
                self._put(self._own, "AGENT", _members(dict(self.report)))
        except (Unanswered, Refused) as error:
            if not self._shared or (self._own and isinstance(error, Unanswered)):
                raise
            refused = isinstance(error, Refused)
            self._asks_at = self._clock.uptime() + (_ASKS_EVERY if refused else _SOON)
            remedy = "; see the policy in docs/instance.md" if refused else ""
            say(f"report.refused key=TYPE#{self._own} {error}{remedy}")
            return False
        return True

    def _get(self, entity: str, identifier: str) -> dict[str, Any] | None:
        asked = {"TableName": self._name, "Key": _key(entity, identifier), "ConsistentRead": True}
        item: dict[str, Any] | None = self._aws.dynamodb("GetItem", asked).get("Item")
        return item

    def _put(self, entity: str, kind: str, value: dict[str, Any]) -> None:
        now = self._clock.now()
        item = {
            **_key(entity, self._id),
            **_members({"entityType": kind, "identifier": self._id, "updatedAt": wire(now)})["M"],
            "value": value,
            "expiresAt": {"N": str(int(now) + _DAY)},
        }
        self._aws.dynamodb("PutItem", {"TableName": self._name, "Item": item})


def insist(what: str, attempt: Callable[[], Any]) -> Any:
    """Call it until it succeeds, however long AWS refuses, throttles or does not answer."""
    while True:
        try:
            return attempt()
        except (Unanswered, Refused) as error:
            say(f"retried: {what}: {error}")
            time.sleep(2)


def text_of(members: dict[str, Any], name: str) -> str:
    """Read a text attribute; "" if it is absent or of another type."""
    content = members.get(name, {}).get("S")
    return content if isinstance(content, str) else ""


def _key(entity: str, identifier: str) -> dict[str, Any]:
    return {"PK": {"S": f"TYPE#{entity}"}, "SK": {"S": f"ID#{identifier}"}}


def _members(texts: dict[str, str]) -> dict[str, Any]:
    return {"M": {name: {"S": text} for name, text in texts.items()}}
