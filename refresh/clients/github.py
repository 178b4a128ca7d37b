"""GitHub's REST API, as far as the components need it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from threading import Lock
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.clients.shell import quieten
from refresh.desired import Secret
from refresh.reconciler.registration_token import IssuedToken
from refresh.reconciler.runner_registrations import Registration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import github

    from refresh.clients.shell import Shell

_GITHUB_SECONDS = 15
_GITHUB_RETRIES = 3
_GITHUB_LONGEST_WAIT = 60
_RUNNERS_PER_PAGE = 100


class GitHub:
    """GitHub's REST API, as far as the components need it; connects at the first call."""

    def __init__(self, api_url: str, repository: str, token: Secret, shell: Shell) -> None:
        self._api_url = api_url
        self._repository = repository
        self._token = token
        self._shell = shell
        self._lock = Lock()
        self._github: github.Github | None = None

    def create_registration_token(self) -> IssuedToken:
        """Issue a registration token and mask it.

        https://docs.github.com/en/rest/actions/self-hosted-runners#create-a-registration-token-for-a-repository
        """
        path = f"/repos/{self._repository}/actions/runners/registration-token"
        answer = self._ask("POST", path)
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.strip() or not token.isprintable():
            raise _unexpected(path, "there is no token in the answer")
        self._shell.mask(token)
        expires_at = _moment(answer.get("expires_at"))
        if expires_at is None:
            raise _unexpected(path, "the answer's expires_at is no time with a zone")
        return IssuedToken(Secret(token), expires_at)

    def runner_downloads(self) -> Sequence[Mapping[str, object]]:
        """List the runner applications; the short-lived download token among them is masked and dropped.

        https://docs.github.com/en/rest/actions/self-hosted-runners#list-runner-applications-for-a-repository
        """
        path = f"/repos/{self._repository}/actions/runners/downloads"
        answer = self._ask("GET", path)
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise _unexpected(path, "a list of downloads is expected")
        for each in answer:
            if token := each.pop("temp_download_token", None):
                self._shell.mask(str(token))
        return answer

    def runners(self) -> Iterator[Registration]:
        """List every runner of the repository, page by page.

        https://docs.github.com/en/rest/actions/self-hosted-runners#list-self-hosted-runners-for-a-repository
        """
        path = f"/repos/{self._repository}/actions/runners"
        page = 0
        while True:
            page += 1
            answer = self._ask("GET", f"{path}?per_page={_RUNNERS_PER_PAGE}&page={page}")
            listed = answer.get("runners") if isinstance(answer, dict) else None
            if not isinstance(listed, list):
                raise _unexpected(path, "a list of runners is expected")
            yield from map(_registration, listed)
            if len(listed) < _RUNNERS_PER_PAGE:
                return

    def remove_runner(self, runner_id: int) -> None:
        """Remove a runner's registration.

        https://docs.github.com/en/rest/actions/self-hosted-runners#delete-a-self-hosted-runner-from-a-repository
        """
        self._ask("DELETE", f"/repos/{self._repository}/actions/runners/{runner_id}")

    def _ask(self, method: str, path: str) -> Any:
        import github  # noqa: PLC0415 - see the package's docstring
        import requests  # noqa: PLC0415 - PyGithub's own transport, whose exceptions it lets through

        operation = f"GitHub {method} {path}"
        self._shell.require_going_on(operation)
        began, told = time.monotonic(), "answered"
        try:
            _, answer = self._connection().requester.requestJsonAndCheck(method, path)
        except github.RateLimitExceededException as error:
            told = str(error.status)
            raise errors.Throttled(operation, str(error.status), _text(error)) from None
        except github.GithubException as error:
            told = str(error.status)
            raise _github_error(operation, error.status, _text(error)) from None
        except (requests.RequestException, ValueError, AttributeError) as error:
            told = type(error).__name__
            # PyGithub trips over a body that is no object. The text may quote the request; the type says what happened.
            raise errors.Unavailable(
                operation, type(error).__name__, f"no usable answer from {self._api_url}."
            ) from None
        finally:
            if self._shell.called:
                self._shell.called(operation, 1, time.monotonic() - began, told)
        return answer

    def _connection(self) -> github.Github:
        import github  # noqa: PLC0415 - see the package's docstring

        with self._lock:
            if self._github is None:
                quieten()
                self._github = github.Github(
                    auth=github.Auth.Token(self._token.reveal()),
                    base_url=self._api_url,
                    timeout=_GITHUB_SECONDS,
                    retry=_retry(self._shell),
                    seconds_between_requests=None,
                    seconds_between_writes=None,
                    lazy=True,
                )
                quieten()
            return self._github


def _retry(shell: Shell) -> github.GithubRetry:
    """Retry with a bound (PyGithub's own would wait for up to an hour), and not once the run was asked to end."""
    import github  # noqa: PLC0415 - see the package's docstring

    class Retry(github.GithubRetry):
        def increment(self, method: str | None = None, url: str | None = None, *args: Any, **kwargs: Any) -> Any:
            shell.require_going_on(f"GitHub {method} {url} again")
            return super().increment(method, url, *args, **kwargs)

    return Retry(total=_GITHUB_RETRIES, max_rate_limit_wait=_GITHUB_LONGEST_WAIT)


_UNAUTHENTICATED, _FORBIDDEN, _ABSENT, _TOO_MANY, _SERVER_ERROR = 401, 403, 404, 429, 500
_ADMINISTRATION = (
    "The token needs administration of the repository's runners: a fine-grained PAT with Administration: write, or a "
    "classic one with the scope repo; the workflow's own GITHUB_TOKEN cannot have it."
)


def _github_error(operation: str, status: int, message: str) -> errors.ApiError:
    code = str(status)
    if status == _UNAUTHENTICATED:
        return errors.CredentialsExpired(
            operation, code, f"{message}. Replace the github-token: it is wrong or expired."
        )
    if status == _FORBIDDEN:
        return errors.PermissionDenied(operation, code, f"{message}. {_ADMINISTRATION}")
    if status == _ABSENT:
        return errors.NotFound(
            operation,
            code,
            f"{message}. GitHub says so too to a token that may not see it. {_ADMINISTRATION}",
        )
    if status == _TOO_MANY:
        return errors.Throttled(operation, code, message)
    return (errors.Unavailable if status >= _SERVER_ERROR else errors.Rejected)(operation, code, message)


def _registration(runner: Any) -> Registration:
    """Read a runner as listed; what is not clearly offline and idle counts as neither."""
    try:
        return Registration(
            int(runner["id"]), str(runner["name"]), runner.get("status") == "offline", runner.get("busy") is not False
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _unexpected("runners", "a runner has an id and a name") from None


def _unexpected(path: str, problem: str) -> errors.Unavailable:
    return errors.Unavailable(f"GitHub {path}", "Unexpected", f"{problem}.")


def _text(error: github.GithubException) -> str:
    message = error.data.get("message") if isinstance(error.data, dict) else None
    return str(message or "no message")[:300]


def _moment(value: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None
