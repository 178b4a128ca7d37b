"""GitHub's workflow runs and their jobs.

https://docs.github.com/en/rest/actions/workflow-jobs#list-jobs-for-a-workflow-run,
https://docs.github.com/en/rest/actions/workflow-runs#get-a-workflow-run
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh import errors
from refresh.clients import github_get, github_policies
from refresh.desired import RunnerScope
from refresh.pool import records
from refresh.ports import WorkflowJob, WorkflowRun

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from refresh.clients.github_get import Answer
    from refresh.clients.process_hooks import ProcessHooks
    from refresh.credentials import Secret
    from refresh.pool import names

_PER_PAGE = 100
_MOST_PAGES = 50
_SECONDS = 5
_RETRIES = 2
_HEADERS = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
_UNAUTHENTICATED, _FORBIDDEN, _ABSENT, _TOO_MANY = 401, 403, 404, 429
_FIRST_REFUSAL, _FIRST_SERVER_ERROR = 400, 500
_LONGEST_ADDRESS, _LONGEST_MESSAGE = 200, 300
_PERMISSION = (
    "Give the job `permissions: actions: read` (a job that lists permissions has no others), and leave {token} at its "
    "default"
)
_ABSENT_IF = {"jobs": "has no such run: check run-id", "runs": "does not exist"}
_ABSENT_RUN = "has no such run: it was deleted, or is another repository's"
"""Why GitHub does not find something, by the last part of its path."""


@frozen
class Requester:
    """Which action asks, for the remedies."""

    token_input: str
    """The input that has the token."""
    later: str
    """What helps once GitHub answers again."""


RELEASE = Requester("github-token", "Run the job again in some minutes")
REFRESH = Requester("workflow-token", "The next run asks again")


class WorkflowRuns:
    """GitHub's REST API for workflow runs.

    It sends requests with `requests`, and not with PyGithub, whose import takes 110 ms: a whole release takes a quarter
    of a second. A rate limit is an error at once, since GitHub asks to wait for minutes. A token that GitHub does not
    know is a missing permission: the other credentials of the run are not affected.
    """

    def __init__(self, api_url: str, token: Secret, hooks: ProcessHooks, requester: Requester = RELEASE) -> None:
        self._api_url = api_url
        self._token = token
        self._requester = requester
        self._hooks = hooks

    def jobs(self, repository: names.Repository, run_id: str) -> Iterator[WorkflowJob]:
        """List every job of the latest attempt of a run, page by page."""
        path = f"/repos/{repository}/actions/runs/{run_id}/jobs"
        for job in self._listed(repository, path, "jobs", {"filter": "latest"}):
            yield _job(f"GitHub GET {path}", job)

    def run(self, repository: names.Repository, run_id: str) -> WorkflowRun:
        """Describe a run."""
        path = f"/repos/{repository}/actions/runs/{run_id}"
        found = _run(f"GitHub GET {path}", self._get(repository, path, {}))
        if found.id != run_id:
            raise _unexpected(f"GitHub GET {path}", "the answer describes another run")
        return found

    def unfinished(self, repository: names.Repository) -> Iterator[WorkflowRun]:
        """List the runs that are queued or in progress, page by page."""
        path = f"/repos/{repository}/actions/runs"
        for status in ("queued", "in_progress"):
            for run in self._listed(repository, path, "workflow_runs", {"status": status}):
                yield _run(f"GitHub GET {path}", run)

    def _listed(
        self, repository: names.Repository, path: str, member: str, parameters: Mapping[str, str]
    ) -> Iterator[Any]:
        """Yield every element of a list, page by page."""
        for page in range(1, _MOST_PAGES + 1):
            asked = {**parameters, "per_page": str(_PER_PAGE), "page": str(page)}
            content = self._get(repository, path, asked)
            listed = content.get(member) if isinstance(content, dict) else None
            if not isinstance(listed, list):
                raise _unexpected(f"GitHub GET {path}", f"the answer has no list {member}")
            yield from listed
            if len(listed) < _PER_PAGE:
                return
        raise _unexpected(f"GitHub GET {path}", f"there are more than {_MOST_PAGES * _PER_PAGE} {member}")

    def _get(self, repository: names.Repository, path: str, parameters: Mapping[str, str]) -> Any:
        operation = f"GitHub GET {path}"
        if not self._token.reveal():
            problem = "there is no token for GitHub."
            raise errors.PermissionDenied(operation, "NoToken", problem, remedy=f"Set {self._requester.token_input}.")
        request = github_get.Request(
            operation=operation,
            url=f"{self._api_url}{path}",
            token=self._token,
            parameters=parameters,
            problem=f"no usable answer from {self._api_url}.",
            headers=_HEADERS,
            retries=_RETRIES,
            seconds=_SECONDS,
        )
        answer = github_get.get(request, self._hooks)
        if not answer.ok:
            raise _refused(self._requester, operation, repository, answer)
        return answer.content


def _run(operation: str, run: Any) -> WorkflowRun:
    """Read a run; one that is not clearly completed is not."""
    identifier, attempt = (run.get(name) if isinstance(run, dict) else None for name in ("id", "run_attempt"))
    if type(identifier) is not int or type(attempt) is not int or attempt < 1:
        raise _unexpected(operation, "a run in the answer has no id or no attempt")
    completed = run.get("status") == "completed"
    # A run has no member for this; nothing of a completed run changes later, unless it begins another attempt.
    completed_at = records.read_moment(run.get("updated_at")) if completed else None
    return WorkflowRun(id=str(identifier), attempt=attempt, completed_at=completed_at)


def _job(operation: str, job: Any) -> WorkflowJob:
    """Read a listed job: one that is not clearly completed is open, and unclear labels are none."""
    if not isinstance(job, dict):
        raise _unexpected(operation, "a job in the answer is not an object")
    labels, url = job.get("labels"), job.get("html_url")
    return WorkflowJob(
        name=str(job.get("name") or "a job without a name"),
        labels=tuple(each for each in labels if isinstance(each, str)) if isinstance(labels, list) else (),
        completed=job.get("status") == "completed",
        queued_since=records.read_moment(job.get("created_at")) if job.get("status") == "queued" else None,
        started_at=records.read_moment(job.get("started_at")) if job.get("status") == "in_progress" else None,
        url=url if isinstance(url, str) and url.startswith(("https://", "http://")) else "",
    )


def _refused(requester: Requester, operation: str, repository: names.Repository, answer: Answer) -> errors.ApiError:
    status, code, message = answer.status, str(answer.status), _message(answer)
    if status < _FIRST_REFUSAL:
        return _moved(operation, repository, answer)
    if status == _UNAUTHENTICATED:
        token = requester.token_input
        remedy = f"The {token} is wrong, revoked or expired; without this input it is the workflow's own."
        return errors.PermissionDenied(operation, code, message, remedy=remedy)
    if _is_limited(answer):
        remedy = f"{requester.later}; all workflows of a repository share one limit."
        return errors.Throttled(operation, code, message, remedy=remedy)
    if status in (_FORBIDDEN, _ABSENT):
        return errors.PermissionDenied(
            operation, code, message, remedy=_remedy(requester, operation, repository, answer)
        )
    return (errors.Unavailable if status >= _FIRST_SERVER_ERROR else errors.Rejected)(operation, code, message)


def _is_limited(answer: Answer) -> bool:
    """Whether a rate limit is used up.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    used_up = answer.headers.get("x-ratelimit-remaining") == "0" or "retry-after" in answer.headers
    return answer.status == _TOO_MANY or (
        answer.status == _FORBIDDEN and (used_up or "rate limit" in _message(answer).lower())
    )


def _remedy(requester: Requester, operation: str, repository: names.Repository, answer: Answer) -> str:
    """Return the remedy for a missing permission, or for a policy that forbids the request."""
    permission = f"{_PERMISSION.format(token=requester.token_input)}."
    if answer.status == _ABSENT:
        why = _ABSENT_IF.get(operation.rpartition("/")[2], _ABSENT_RUN)
        return f"{permission} GitHub gives the same answer if {repository} {why}."
    message = _message(answer)
    if policy := github_policies.remedy(RunnerScope.REPOSITORY, str(repository), message, answer.headers):
        return policy
    return permission if message else github_policies.without_message(permission)


def _moved(operation: str, repository: names.Repository, answer: Answer) -> errors.Rejected:
    address = answer.headers.get("location", "")[:_LONGEST_ADDRESS] or "an address that it does not name"
    remedy = f"If {repository} was renamed or moved, run again under its new name. Otherwise correct GITHUB_API_URL."
    return errors.Rejected(operation, str(answer.status), f"GitHub redirects to {address}.", remedy=remedy)


def _message(answer: Answer) -> str:
    """Return GitHub's own message; "" if there is none."""
    found = answer.content.get("message") if isinstance(answer.content, dict) else None
    return str(found or "")[:_LONGEST_MESSAGE]


def _unexpected(operation: str, problem: str) -> errors.Unavailable:
    return errors.Unavailable(operation, "Unexpected", f"{problem}.")
