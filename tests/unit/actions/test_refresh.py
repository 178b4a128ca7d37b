"""The run of refresh: its end, and what a defect leaves."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING

import pytest

from refresh.actions.main import main

if TYPE_CHECKING:
    from refresh.engine.report import Report
    from refresh.workflow.shutdown import Shutdown


def test_a_run_that_is_asked_to_stop_ends_with_exit_code_1_and_garbage_is_collected_again(shutdown: Shutdown) -> None:
    """Garbage collection is off while code is loaded; a long run needs it."""
    shutdown.request()
    gc.disable()
    try:
        assert main(shutdown=shutdown) == 1
        assert gc.isenabled()
        assert gc.get_freeze_count() > 0
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_defect_ends_the_components_that_have_begun(monkeypatch: pytest.MonkeyPatch, shutdown: Shutdown) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("refresh.output.publish.beginning", broken)
    monkeypatch.setattr("botocore.httpsession.URLLib3Session.send", broken)
    assert main(shutdown=shutdown) == 1
    assert shutdown.requested()


@pytest.mark.parametrize("asked_for", [True, False])
def test_a_run_sends_its_report_as_metrics_if_asked_for(
    monkeypatch: pytest.MonkeyPatch, shutdown: Shutdown, *, asked_for: bool
) -> None:
    sent: list[Report] = []
    monkeypatch.setattr("refresh.actions.metrics.send", lambda report, *_: sent.append(report))
    monkeypatch.setitem(os.environ, "INPUT_METRICS", str(asked_for).lower())
    shutdown.request()
    assert main(shutdown=shutdown) == 1
    assert [report.exit_code for report in sent] == [1] * asked_for
