"""The servers of the compose file as a test on the host sees and directs them."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from urllib.request import Request, urlopen

from attrs import frozen

from tests.fakes import canaries, operations

if TYPE_CHECKING:
    from collections.abc import Callable

WAIT_SECONDS = 60


@frozen
class RemoteStage:
    """Both servers in their container: where the host reaches them, and what they were asked."""

    url: str
    """AWS, from the host."""
    control_url: str
    network: str
    """The network that the action has to be on; `aws:5000` and `github:8080` there."""

    @property
    def calls(self) -> list[str]:
        """The calls to both, in the order in which they were carried out."""
        calls: list[str] = self._direct("calls")["calls"]
        return calls

    @property
    def app_key(self) -> str:
        """The private key of the App that GitHub knows there."""
        return canaries.plant("App's private key", self._direct("calls")["key"])

    @property
    def writes(self) -> list[str]:
        """The calls to AWS that change something, and GitHub's."""
        return [call for call in self.calls if not operations.reads(call)]

    def forget_calls(self) -> None:
        """Count anew."""
        self._direct("forget")

    def reset(self) -> None:
        """Empty the account."""
        self._direct("reset")

    def furnish(self) -> None:
        """Put into the account what a pool's owner has there before."""
        self._direct("furnish")

    def hold(self, number: int) -> None:
        """Count anew, carry the call of this number out and hold its answer back."""
        self._direct(f"hold?number={number}")

    def hold_at(self, operation: str) -> None:
        """Count anew, carry the next call of this operation out and hold its answer back."""
        self._direct(f"hold?operation={operation}")

    def release(self) -> None:
        """Give the answer."""
        self._direct("release")

    def wait_until_held(self, over: Callable[[], bool]) -> bool:
        """Wait until the answer is held back; false where that never comes because what asks is over."""
        end = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < end and not self._held() and not over():
            time.sleep(0.02)
        return self._held()

    def _held(self) -> bool:
        return self._direct("calls")["held"] is True

    def _direct(self, what: str) -> dict[str, Any]:
        request = Request(f"{self.control_url}/{what}", method="POST")  # noqa: S310 - http, to our own server
        with urlopen(request, timeout=WAIT_SECONDS) as answer:  # noqa: S310 - as above
            answered: dict[str, Any] = json.load(answer)
        for hit in answered["hits"]:
            canaries.SEARCH.add(canaries.Hit(**hit))
        return answered
