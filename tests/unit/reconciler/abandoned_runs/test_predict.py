"""What a dry run expects after a mark."""

from __future__ import annotations

from refresh.reconciler.abandoned_runs.actual import Actual
from refresh.reconciler.abandoned_runs.predict import predict
from refresh.reconciler.garbage_collector.changes import Mark, Reason
from tests.fakes.serial import NOW
from tests.unit.reconciler.abandoned_runs.runs import HELD, OTHER, held


def test_a_marked_machine_is_held_by_no_run() -> None:
    other = held(id=OTHER)
    assert predict(Actual((HELD, other)), [Mark(HELD, Reason.ABANDONED, NOW)]) == Actual((other,))
