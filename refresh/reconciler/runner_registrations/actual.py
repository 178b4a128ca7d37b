"""Idle offline registrations, and the instances that have ended."""

from __future__ import annotations

from attrs import frozen

from refresh.engine.change import Unchecked
from refresh.ports import RunnerRegistration


@frozen
class Actual:
    """Registrations that are idle and offline, and the instances that ended according to the table."""

    registrations: tuple[RunnerRegistration, ...] = ()
    ended: frozenset[str] = frozenset()
    unchecked: Unchecked | None = None
    """Why GitHub was not asked; None if it was."""
    removed: int = 0
    """How many this run has removed."""
