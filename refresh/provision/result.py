"""What a provision comes to, and what it may still do once it was asked to stop."""

from __future__ import annotations

from collections.abc import Callable

from attrs import field, frozen

from refresh.engine.report import ComponentReport
from refresh.pool.records import InstanceRecord


@frozen(kw_only=True)
class Machine:
    """A machine that is ready for the label."""

    record: InstanceRecord
    origin: str
    """`HELD`, `CLAIMED` or `LAUNCHED`."""

    @property
    def id(self) -> str:
        """The instance's id."""
        return self.record.id


@frozen(kw_only=True)
class Provided:
    """What a provision has come to."""

    report: ComponentReport
    ready: tuple[Machine, ...] = ()
    available: bool = False
    """Whether the jobs can start on them."""


@frozen
class Patience:
    """What a provision may still do once it was asked to stop."""

    stopped: Callable[[], bool] = field(default=lambda: False)
    out: Callable[[], bool] = field(default=lambda: False)
    """Whether it no longer waits for the answer to a fleet."""
    write_anyway: Callable[[], object] = field(default=lambda: None)
    """Called before records are written in spite of it: those of a fleet that EC2 has launched."""
