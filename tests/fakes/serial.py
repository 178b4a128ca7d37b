"""Time that stands still and an executor that does everything at once, in order."""

from __future__ import annotations

from concurrent.futures import Executor, Future
from datetime import UTC, datetime
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

NOW = datetime(2026, 1, 31, 9, 5, tzinfo=UTC)

T = TypeVar("T")
Arguments = ParamSpec("Arguments")


class StillClock:
    """A clock that moves only on request; `slept` lists the seconds that were waited."""

    def __init__(self, now: datetime = NOW) -> None:
        self.moment = now
        self.slept: list[float] = []

    def now(self) -> datetime:
        """Give the moment."""
        return self.moment

    def sleep(self, seconds: float) -> None:
        """Write the seconds down."""
        self.slept.append(seconds)


class Serial(Executor):
    """Runs what is submitted before `submit` returns."""

    def submit(self, fn: Callable[Arguments, T], /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Future[T]:
        """Run it now."""
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - a future keeps whatever was raised
            future.set_exception(error)
        return future
