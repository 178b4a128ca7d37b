"""What goes wrong on a machine, and how long its agent takes."""

from __future__ import annotations

from enum import Enum, auto

from attrs import frozen


class Fault(Enum):
    """What goes wrong on a machine."""

    NEVER_BOOTS = auto()
    SCRIPT_FAILS = auto()
    REGISTRATION_FAILS = auto()
    HANGS = auto()
    """It never comes to an end with its registration."""
    DIES = auto()
    """It ends before it has registered."""
    SILENT = auto()
    """It registers, and does not beat."""
    OLD = auto()
    """Its agent is an older one, which writes only where the original action reads."""
    TAKEN_BACK = auto()
    """EC2 takes the spot machine back, and its agent reports that."""


@frozen
class Pace:
    """How long an agent takes, in seconds."""

    boot: float = 50
    notice_claim: float = 0.5
    register: float = 4
    notice_release: float = 5
    leave: float = 20
    """To remove its registration and to stop the runner."""
    end: float = 15
    """To notice that its threshold passed a minute ago, and to end itself."""
    fault: Fault | None = None
    taken_back: float = 0
    """After how many seconds EC2 says that it takes the machine back, if it does."""


USUAL = Pace()
SLOW = Pace(register=9, notice_release=10, leave=40)
FAST = Pace(boot=30, register=1, notice_release=1, leave=4)
