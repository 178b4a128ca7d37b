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
TERMINATED = "terminated"
"""What a change that terminates an instance has done: its `done`."""


@frozen
class Difference:
    """One field of a resource: what it is and what it should be; None where there is nothing."""

    name: str
    before: str | None
    after: str | None
    diff: tuple[str, ...] = ()
    """Of a long text: the lines of its unified diff."""

    def __str__(self) -> str:
        return f"{self.name}: {_shown(self.before)} -> {_shown(self.after)}"


@frozen
class Change(ABC):
    """One difference between the desired and the actual state, and what removes it.

    Changes are compared by value: one that is planned again after it was made is recognised.
    """

    noun: ClassVar[str] = "change"
    """What is changed; with `done` it names the log event, `queue.created`."""
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
        """List the fields that change; empty where the subject says it all."""
        return ()

    @property
    def note(self) -> str:
        """Say why, in a few words, where subject and differences do not."""
        return ""

    @property
    def facts(self) -> Mapping[str, str | int]:
        """Give what a program wants to know of it besides."""
        return {}

    def __str__(self) -> str:
        """Say what is to be done, `create queue o-r-large-ci-pool`."""
        return f"{self.action()} {self.subject}".rstrip()

    @classmethod
    def action(cls) -> str:
        """Say what changes of this kind do, `create queue`."""
        return f"{cls.verb} {cls.noun.replace('_', ' ')}"


@frozen
class Done:
    """The change was made and acknowledged."""

    change: Change


@frozen
class Skipped:
    """The change was not made because the world moved first: a lost race is no error."""

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
    """What kept it from being made until then."""


Outcome = Done | Skipped | Failed | Postponed


@frozen
class Unchecked:
    """What was not looked at, and why."""

    reason: str
    due: bool = True
    """False where this run had no reason to look."""
    wholly: bool = True
    """False where the rest was looked at."""


ChangeT = TypeVar("ChangeT", bound=Change)


@frozen
class Plan(Generic[ChangeT]):
    """What a component would do now, and what a person should know."""

    changes: tuple[ChangeT, ...] = ()
    warnings: tuple[str, ...] = ()
    refusals: tuple[str, ...] = ()
    """What must not be done although it may be due; the run fails for it."""
    unchecked: Unchecked | None = None
    """What the look on which this stands did not see."""


def _shown(value: str | None) -> str:
    return "(none)" if value is None else value
