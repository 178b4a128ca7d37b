"""How long a run that is asked to stop may still take."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from refresh.workflow.shutdown import Shutdown

if TYPE_CHECKING:
    import pytest


def test_a_second_signal_does_not_prolong_the_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """GitHub sends SIGTERM seven and a half seconds after SIGINT, and kills ten seconds after it."""
    moments = iter([100.0, 104.9, 105.0])
    monkeypatch.setattr(time, "monotonic", lambda: next(moments))
    shutdown = Shutdown()
    assert not shutdown.out_of_patience()
    shutdown.request()
    shutdown.request()
    assert shutdown.requested()
    assert [shutdown.out_of_patience(), shutdown.out_of_patience()] == [False, True]
