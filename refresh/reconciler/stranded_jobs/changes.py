"""What can be done for stranded jobs."""

from __future__ import annotations

from typing import ClassVar

from attrs import field, frozen

from refresh.engine.change import Change
from refresh.pool.runs import RunRequest
from refresh.text import enumerated


@frozen(kw_only=True)
class Rescue(Change):
    """Provide the machines of a label again, as `provision` was asked to, for jobs that wait for them."""

    noun: ClassVar[str] = "stranded_jobs"
    verb: ClassVar[str] = "rescue"
    done: ClassVar[str] = "rescued"
    sign: ClassVar[str] = "+"
    label: str
    attempt: int
    """The run's latest attempt."""
    run_id: str = field(eq=False)
    asked: RunRequest = field(eq=False)
    """What `provision` was asked for."""
    rescues: int = field(eq=False)
    """The number of this rescue: 1 for the first one of the label in this attempt."""
    jobs: tuple[str, ...] = field(eq=False)
    """The names of the jobs that wait; none if an earlier rescue is continued."""
    machines: tuple[str, ...] = field(default=(), eq=False)
    """The ids of those that are ready, once it is done."""
    origins: str = field(default="", eq=False)
    """Where they came from: `1 claimed, 1 launched`."""

    @property
    def subject(self) -> str:
        return self.label

    @property
    def note(self) -> str:
        asked = self.asked
        machines = f"{asked.count} machines" if asked.count > 1 else "a machine"
        kind = f"{machines} of the class {asked.resource_class}, {asked.usage_class}"
        ready = f"; ready: {enumerated(self.machines)} ({self.origins})" if self.machines else ""
        return f"attempt {self.attempt}; {kind}{ready}"

    @property
    def facts(self) -> dict[str, str | int]:
        return {
            "attempt": self.attempt,
            "rescues": self.rescues,
            "jobs": ", ".join(self.jobs),
            "class": self.asked.resource_class,
            "usage": self.asked.usage_class,
            "count": self.asked.count,
            **({"instances": " ".join(self.machines)} if self.machines else {}),
        }
