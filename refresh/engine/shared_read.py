"""Reads that several components share: made once, in a thread of their own."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

T = TypeVar("T")


class LazyRead(Generic[T]):
    """Read when the result is first needed, and cache the result or the error."""

    def __init__(self, executor: Executor, read: Callable[[], T]) -> None:
        self._executor = executor
        self._read = read
        self._started: Future[T] | None = None
        self._lock = Lock()

    def begin(self) -> Future[T]:
        """Start the read, without waiting."""
        with self._lock:
            self._started = self._started or self._executor.submit(self._read)
            return self._started

    @property
    def begun(self) -> bool:
        """Whether it was started."""
        return self._started is not None

    def __call__(self) -> T:
        """Return the result."""
        return self.begin().result()


class SharedRead(Generic[T]):
    """Start `read` immediately and cache the result until `invalidate()`."""

    def __init__(self, executor: Executor, read: Callable[[], T]) -> None:
        self._executor = executor
        self._read = read
        self.first = LazyRead(executor, read)
        """The result from the start of the run, also after `invalidate()`."""
        self.first.begin()
        self._latest = self.first

    def __call__(self) -> T:
        """Return the latest result."""
        return self._latest()

    def invalidate(self) -> None:
        """Read again when the result is needed next."""
        self._latest = LazyRead(self._executor, self._read)
