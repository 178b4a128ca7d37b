"""What can be done to the registration token."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from refresh.engine.change import Change, Difference


@frozen
class ReplaceToken(Change):
    """Ask GitHub for a new token and store it."""

    noun: ClassVar[str] = "registration_token"
    verb: ClassVar[str] = "replace"
    done: ClassVar[str] = "replaced"
    # Neither is compared: a run asks GitHub once, however short-lived the token looks to our clock.
    before: str = field(eq=False)
    """The stored token's expiry, as it is written."""
    reason: str = field(eq=False)

    @property
    def subject(self) -> str:
        return f"({self.reason})"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("expires_at", self.before or None, "an hour after it is issued"),)
