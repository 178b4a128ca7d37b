"""The credentials of the instance's role, from the metadata service alone: a job can write AWS configuration for root.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-metadata-security-credentials.html
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING

from refresh.agent.aws import Unanswered
from refresh.agent.clock import read_wire

if TYPE_CHECKING:
    from refresh.agent.clock import Clock
    from refresh.agent.imds import Metadata

_RENEWED_BEFORE = 600
"""Seconds before the end when new keys are first asked for. EC2 has them at least 300 s before."""
_ASKED_EVERY = 60
"""Seconds between two requests for new keys while the metadata service has none."""
_ROLE = "iam/security-credentials/"


class Keys:
    """Temporary credentials. `expires_at` is in seconds since 1970. Its repr shows no secret."""

    def __init__(self, access_key: str, secret_key: str, token: str, expires_at: float) -> None:
        self.access_key = access_key
        self.secret_key = secret_key
        self.token = token
        self.expires_at = expires_at


class Credentials:
    """The role's keys, kept for as long as the metadata service has no others."""

    def __init__(self, metadata: Metadata, clock: Clock) -> None:
        self._metadata = metadata
        self._clock = clock
        self._keys: Keys | None = None
        self._refused = False
        self._asked_at = 0.0
        self._lock = threading.Lock()

    def current(self) -> Keys:
        """Return keys to sign with.

        Raises Unanswered if the metadata service has never had any.
        """
        with self._lock:
            if self._keys is None or self._refused or self._is_due(self._keys):
                self._asked_at, self._refused = self._clock.uptime(), False
                try:
                    self._keys = self._ask()
                except Unanswered:
                    if self._keys is None:
                        raise
            return self._keys

    def forget(self) -> None:
        """Ask for others next time, because AWS has refused these."""
        self._refused = True

    def _is_due(self, keys: Keys) -> bool:
        if keys.expires_at - self._clock.now() > _RENEWED_BEFORE:
            return False
        return self._clock.uptime() - self._asked_at >= _ASKED_EVERY

    def _ask(self) -> Keys:
        role = (self._metadata.get(_ROLE) or "").strip()
        answer = self._metadata.get(_ROLE + role) if role else None
        try:
            found = json.loads(answer or "")
            expires_at = read_wire(found["Expiration"])
            return Keys(found["AccessKeyId"], found["SecretAccessKey"], found["Token"], expires_at or 0.0)
        except (ValueError, LookupError, TypeError):
            raise Unanswered(
                f"no credentials of the role {role!r}; attach an instance profile to the instance"
            ) from None
