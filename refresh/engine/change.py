"""Changes, their outcomes and the plan: one list that is the plan, the log and the summary; pure.

A component subclasses `Change` once for each thing it can do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

from attrs import frozen

from refresh.errors import RefreshError

INSTANCE = "instance"
"""The noun of every change of an instance."""
MESSAGE = "message"
"""The noun of a message to the original's `provision`."""
MARKED = "marked"
"""What a change that marks an instance has done: its `done`."""
TERMINATED = "terminated"
"""What a change that terminates an instance has done: its `done`."""


@frozen
class Difference:
    """A field of a resource: its value and the wanted one; None for no value."""

    name: str
    before: str | None
    after: str | None
    diff: tuple[str, ...] = ()
    """The lines of the unified diff of a long text."""

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.after)}"


@frozen
class Change(ABC):
    """A difference between the desired and the actual state, and what removes it.

    Changes are compared by value, so a change that is planned again is recognized.
    """

    noun: ClassVar[str] = "change"
    """What is changed; `noun` and `done` name the log event, `queue.created`."""
    verb: ClassVar[str] = "make"
    done: ClassVar[str] = "made"
    sign: ClassVar[str] = "~"
    """`+` creates, `-` ends or deletes, `~` changes."""

    @property
    @abstractmethod
    def subject(self) -> str:
        """Name the resource or item."""

    @property
    def differences(self) -> tuple[Difference, ...]:
        """List the fields that change; empty if the subject says enough."""
        return ()

    @property
    def note(self) -> str:
        """Say in a few words why, if subject and differences do not."""
        return ""

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Return further values for programs."""
        return {}

    def __str__(self) -> str:
        """Describe the change: `create queue o-r-large-ci-pool`."""
        return f"{self.action()} {self.subject}".rstrip()

    @classmethod
    def action(cls) -> str:
        """Describe changes of this kind: `create queue`."""
        return f"{cls.verb} {cls.noun.replace('_', ' ')}"


@frozen
class Done:
    """The change was made and acknowledged."""

    change: Change


@frozen
class Skipped:
    """The change was not made because another process was first; a lost race is no error."""

    change: Change
    reason: str


@frozen
class Failed:
    """The change was refused or not answered."""

    change: Change
    error: RefreshError


@frozen
class Postponed:
    """The change was not begun before the run's end; the next run plans it again."""

    change: Change
    because: RefreshError | None = None
    """What prevented it until then."""


Outcome = Done | Skipped | Failed | Postponed


@frozen
class Unchecked:
    """What was not checked, and why."""

    reason: str
    due: bool = True
    """False if this run had no reason to check it."""
    wholly: bool = True
    """False if the rest was checked."""


ChangeT = TypeVar("ChangeT", bound=Change)


@frozen
class Plan(Generic[ChangeT]):
    """What a component would do now, and what people should know."""

    changes: tuple[ChangeT, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """What must not be done although it is due; the run fails for it."""
    unchecked: Unchecked | None = None
    """What the read behind this plan did not see."""
    notes: tuple[str, ...] = ()
    """What people should know but need not act on."""


def _shown(value: str | None) -> str:
    return "(none)" if value is None else value
