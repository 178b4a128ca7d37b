"""GitHub in memory: registration tokens, runner downloads, runners and the jobs of runs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import define

from refresh import errors
from refresh.credentials import Secret
from refresh.pool import names
from refresh.ports import IssuedToken, RunnerRegistration, WorkflowJob, WorkflowRun
from tests.fakes import canaries
from tests.fakes.memory.account import Account, operation

_LIFE = timedelta(hours=1)


@define
class GitHub:
    """What the components need of GitHub, one method a request."""

    account: Account

    @operation("github:CreateRegistrationToken", writes=True)
    def create_registration_token(self) -> IssuedToken:
        """Issue a token that lives for an hour."""
        self.account.state.tokens += 1
        return IssuedToken(
            Secret(f"{canaries.REGISTRATION}{self.account.state.tokens}"), self.account.clock.now() + _LIFE
        )

    @operation("github:ListOneRunner")
    def require_administration(self) -> None:
        """Refuse nothing."""

    @operation("github:ListDownloads")
    def runner_downloads(self) -> list[dict[str, Any]]:
        """List the runner applications."""
        return [
            {
                "os": "linux",
                "architecture": architecture,
                "download_url": "https://github.com/actions/runner/releases/download/v2.335.1/"
                f"actions-runner-linux-{architecture}-2.335.1.tar.gz",
                "filename": f"actions-runner-linux-{architecture}-2.335.1.tar.gz",
                "sha256_checksum": "a" * 64,
            }
            for architecture in ("x64", "arm64")
        ]

    @operation("github:ListRunners")
    def runners(self) -> list[RunnerRegistration]:
        """List the runners."""
        return list(self.account.state.runners.values())

    @operation("github:RemoveRunner", writes=True)
    def remove_runner(self, runner_id: int) -> None:
        """Remove a runner."""
        if self.account.state.runners.pop(runner_id, None) is None:
            raise errors.NotFound("github:RemoveRunner", "404", "Not Found")

    @operation("github:ListJobs")
    def jobs(self, _repository: names.Repository, run_id: str) -> list[WorkflowJob]:
        """List the jobs of a run."""
        return list(self.account.state.jobs.get(run_id, ()))

    @operation("github:GetRun")
    def run(self, _repository: names.Repository, run_id: str) -> WorkflowRun:
        """Describe a run."""
        found: WorkflowRun | None = self.account.state.runs.get(run_id)
        if found is None:
            raise errors.PermissionDenied("github:GetRun", "404", "Not Found")
        return found

    @operation("github:ListRuns")
    def unfinished(self, _repository: names.Repository) -> list[WorkflowRun]:
        """List the runs that are queued or in progress."""
        return [each for each in self.account.state.runs.values() if each.completed_at is None]
