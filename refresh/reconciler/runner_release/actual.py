"""What GitHub and the table say about the runner's releases."""

from __future__ import annotations

from attrs import frozen

from refresh.reconciler.runner_release.releases import Recorded, Release


@frozen
class Actual:
    """The newest known release, what is recorded, and what GitHub answered if it was asked."""

    newest: Release
    recorded: Recorded | None = None
    answered: bool = False
    """Whether `newest` is what GitHub has just answered."""
    refusal: str = ""
    """Why GitHub did not answer."""
    notes: tuple[str, ...] = ()
    """What GitHub's answer lacks."""
