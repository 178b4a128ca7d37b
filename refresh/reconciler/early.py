"""A read that is begun at the start of a run, so that it overlaps with everything else."""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor

T = TypeVar("T")


class Early(Generic[T]):
    """Begins `read` at once; the first call gives that result, later calls read anew."""

    def __init__(self, pool: Executor, read: Callable[[], T]) -> None:
        self._read = read
        self._begun = pool.submit(read)
        self._taken = False
        self._lock = Lock()

    def first(self) -> T:
        """Give what was read at the start, however often."""
        return self._begun.result()

    def __call__(self) -> T:
        """Give a reading that nobody has had yet."""
        with self._lock:
            taken, self._taken = self._taken, True
        return self._read() if taken else self.first()
