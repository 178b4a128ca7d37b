"""Signals that end the demo: the first one stops it, at a moment at which no child process can be lost."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """The demo was asked to stop."""

    def __init__(self, number: int) -> None:
        """Take the number of the signal."""
        super().__init__()
        self.code = 128 + number


def stop_once() -> None:
    """Raise `Stopped` at the first signal; ignore the next ones, so that cleaning up is not interrupted."""

    def stop(number: int, _: object) -> None:
        ignore()
        raise Stopped(number)

    for each in _SIGNALS:
        # nohup lets the demo go on without its terminal.
        if each != signal.SIGHUP or signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, stop)


def ignore() -> None:
    """Ignore these signals from now on."""
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)


@contextmanager
def put_off() -> Iterator[None]:
    """Let the signals wait until the end of the block."""
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, _: came.append(number)) for each in _SIGNALS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in came:
            signal.raise_signal(number)
