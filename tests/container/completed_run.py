"""What GitHub tells a workflow that runs `on: workflow_run`.

https://docs.github.com/en/webhooks/webhook-events-and-payloads?actionType=completed#workflow_run
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.container.acted import Event

if TYPE_CHECKING:
    from refresh.pool.names import Repository

BUILD_WORKFLOW = {
    "id": 159038,
    "node_id": "MDg6V29ya2Zsb3cxNTkwMzg=",
    "name": "Build",
    "path": ".github/workflows/build.yml",
    "state": "active",
}


def completed(repository: Repository, run: Any, conclusion: str = "success", **changed: Any) -> Event:
    """Give the event of a run's end; `changed` are members of the run."""
    address = f"https://github.com/{repository}"
    shown = {
        "id": 186853002,
        "name": repository.name,
        "full_name": str(repository),
        "private": True,
        "owner": {"login": repository.owner, "id": 21031067, "type": "Organization"},
        "html_url": address,
        "default_branch": "main",
    }
    described = {
        "id": run,
        "name": "Build",
        "node_id": "WFR_kwLOCyMoSs8AAAAFAIeHbA",
        "head_branch": "topic",
        "head_sha": "acb5820ced9479c074f688cc328bf03f341a511d",
        "path": ".github/workflows/build.yml",
        "display_title": "Improve the build",
        "run_number": 562,
        "event": "push",
        "status": "completed",
        "conclusion": conclusion,
        "workflow_id": BUILD_WORKFLOW["id"],
        "check_suite_id": 42,
        "html_url": f"{address}/actions/runs/{run}",
        "pull_requests": [],
        "created_at": "2026-01-31T09:05:12Z",
        "updated_at": "2026-01-31T09:16:04Z",
        "run_started_at": "2026-01-31T09:05:12Z",
        "actor": {"login": "octo-cat", "id": 583231, "type": "User"},
        "triggering_actor": {"login": "octo-cat", "id": 583231, "type": "User"},
        "run_attempt": 1,
        "referenced_workflows": [],
        "head_commit": {"id": "acb5820ced9479c074f688cc328bf03f341a511d", "message": "Improve the build"},
        "repository": shown,
        "head_repository": shown,
        **changed,
    }
    payload = {
        "action": "completed",
        "workflow_run": described,
        "workflow": BUILD_WORKFLOW,
        "repository": shown,
        "sender": {"login": "octo-cat", "id": 583231, "type": "User"},
    }
    return Event("workflow_run", payload)
