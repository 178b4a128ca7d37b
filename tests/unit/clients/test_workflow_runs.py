"""Jobs and runs as GitHub shows them: unclear ones count as open, without labels and without an end."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from refresh import errors
from refresh.clients import workflow_runs
from refresh.ports import WorkflowJob, WorkflowRun


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "requested", "pending", "COMPLETED", None, 5])
def test_only_a_job_that_is_clearly_completed_is(status: Any) -> None:
    assert not workflow_runs._job("x", {"name": "build", "status": status}).completed


@pytest.mark.parametrize(
    ("labels", "read"), [(["77", "gpu"], ("77", "gpu")), (["77", 5, None], ("77",)), (None, ()), ("77", ()), ({}, ())]
)
def test_labels_are_texts_and_unclear_ones_are_none(labels: Any, read: tuple[str, ...]) -> None:
    assert workflow_runs._job("x", {"labels": labels}).labels == read


def test_a_job_without_any_field_is_open_and_has_no_labels() -> None:
    assert workflow_runs._job("x", {}) == WorkflowJob(name="a job without a name", labels=(), completed=False)


@pytest.mark.parametrize("url", ["javascript:alert(1)", 5, None])
def test_only_an_address_of_the_web_is_a_job_s_address(url: Any) -> None:
    assert not workflow_runs._job("x", {"html_url": url}).url


RUN: dict[str, Any] = {"id": 77, "run_attempt": 2, "status": "completed", "updated_at": "2026-01-31T09:05:00Z"}


def test_a_completed_run_has_its_attempt_and_its_end() -> None:
    found = workflow_runs._run("x", RUN)
    assert found == WorkflowRun(id="77", attempt=2, completed_at=datetime(2026, 1, 31, 9, 5, tzinfo=UTC))


@pytest.mark.parametrize("status", ["queued", "in_progress", "waiting", "requested", "pending", "COMPLETED", None, 5])
def test_only_a_run_that_is_clearly_completed_is(status: Any) -> None:
    assert workflow_runs._run("x", {**RUN, "status": status}).completed_at is None


@pytest.mark.parametrize("updated_at", ["", "soon", None, 5, "2026-01-31T09:05:00", {}])
def test_a_run_whose_end_cannot_be_read_is_not_completed(updated_at: Any) -> None:
    assert workflow_runs._run("x", {**RUN, "updated_at": updated_at}).completed_at is None


@pytest.mark.parametrize(
    "run",
    [
        *({**RUN, "id": each} for each in ("77", None, True, 7.5)),
        *({**RUN, "run_attempt": each} for each in ("1", None, True, 0, -1)),
        *(None, [], "run", {}),
    ],
)
def test_a_run_without_an_id_or_an_attempt_is_refused(run: Any) -> None:
    with pytest.raises(errors.Unavailable, match="no id or no attempt"):
        workflow_runs._run("x", run)


@pytest.mark.parametrize(("status", "waits"), [("queued", True), ("in_progress", False), ("completed", False)])
def test_only_a_queued_job_waits_for_a_runner(status: str, *, waits: bool) -> None:
    job = workflow_runs._job("x", {"status": status, "created_at": "2026-01-31T09:05:00Z"})
    assert bool(job.queued_since) is waits
