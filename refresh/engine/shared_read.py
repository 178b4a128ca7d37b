"""Reads that are shared: asked once, whoever needs them first, and beside everything else."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor, Future

T = TypeVar("T")


class LazyRead(Generic[T]):
    """Reads when it is asked first; everybody gets that result, or its error."""

    def __init__(self, executor: Executor, read: Callable[[], T]) -> None:
        self._executor = executor
        self._read = read
        self._begun: Future[T] | None = None
        self._lock = Lock()

    def begin(self) -> Future[T]:
        """Have it read, without waiting."""
        with self._lock:
            self._begun = self._begun or self._executor.submit(self._read)
            return self._begun

    def __call__(self) -> T:
        """Wait for the result."""
        return self.begin().result()


class SharedRead(Generic[T]):
    """Begins `read` at once; whoever asks gets that result, until something has changed what it tells of."""

    def __init__(self, executor: Executor, read: Callable[[], T]) -> None:
        self._executor = executor
        self._read = read
        self.first = LazyRead(executor, read)
        """What was read at the start, however often it is asked for."""
        self.first.begin()
        self._latest = self.first

    def __call__(self) -> T:
        """Give the latest reading."""
        return self._latest()

    def invalidate(self) -> None:
        """Have it read anew when it is asked for next."""
        self._latest = LazyRead(self._executor, self._read)
