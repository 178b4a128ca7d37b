"""Jobs as GitHub lists them: unclear ones count as open, without labels."""

from __future__ import annotations

from typing import Any

import pytest

from refresh.clients import workflow_runs
from refresh.ports import WorkflowJob


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
