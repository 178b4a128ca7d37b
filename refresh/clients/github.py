"""The calls to GitHub's REST API that the components need."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.clients import connection_errors
from refresh.clients.github_errors import Requester, during_app_access, from_github, message_of
from refresh.clients.github_retries import retry
from refresh.clients.process_hooks import silence_loggers
from refresh.credentials import AppKey, Secret
from refresh.desired import RunnerScope
from refresh.pool import records
from refresh.ports import IssuedToken, RunnerRegistration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    import github

    from refresh.clients.process_hooks import ProcessHooks
    from refresh.desired import DesiredState

_GITHUB_SECONDS = 15
_RUNNERS_PER_PAGE = 100
_RENEW_BEFORE_END = timedelta(minutes=1)


class GitHub:
    """GitHub's REST API for the runners of a repository or an organization; connects at the first call."""

    def __init__(self, desired: DesiredState, access: Secret | AppKey, hooks: ProcessHooks) -> None:
        organization = desired.runner_scope is RunnerScope.ORGANIZATION
        self._owner = f"/{'orgs' if organization else 'repos'}/{desired.runners_owner}"
        self._runners = f"{self._owner}/actions/runners"
        self._requester = Requester(access, desired.runner_scope, desired.runners_owner)
        self._repository = desired.repository.name
        self._api_url = desired.github_api_url
        self._hooks = hooks
        self._lock = Lock()
        self._connected: github.Github | None = None
        self._connected_until: datetime | None = None
        """When an App's token expires; None for the input github-token."""

    def require_administration(self) -> None:
        """Raise GitHub's refusal if the token may not administer the runners; change nothing."""
        self._ask("GET", f"{self._runners}?per_page=1")

    def create_registration_token(self) -> IssuedToken:
        """Issue a registration token and mask it.

        https://docs.github.com/en/rest/actions/self-hosted-runners#create-a-registration-token-for-a-repository,
        https://docs.github.com/en/rest/actions/self-hosted-runners#create-a-registration-token-for-an-organization
        """
        path = f"{self._runners}/registration-token"
        answer = self._ask("POST", path)
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.strip() or not token.isprintable():
            raise _unexpected(path, "there is no token in the answer")
        self._hooks.mask(token)
        expires_at = records.read_moment(answer.get("expires_at"))
        if expires_at is None:
            raise _unexpected(path, "expires_at in the answer is not a time with a zone")
        return IssuedToken(Secret(token), expires_at)

    def runner_downloads(self) -> Sequence[Mapping[str, object]]:
        """List the runner applications; mask and drop each short-lived download token, and set `authorized_only`.

        https://docs.github.com/en/rest/actions/self-hosted-runners#list-runner-applications-for-a-repository
        """
        path = f"{self._runners}/downloads"
        answer = self._ask("GET", path)
        if not isinstance(answer, list) or not all(isinstance(each, dict) for each in answer):
            raise _unexpected(path, "the answer is not a list of downloads")
        for each in answer:
            if token := each.pop("temp_download_token", None):
                self._hooks.mask(str(token))
                each["authorized_only"] = True
        return answer

    def runners(self) -> Iterator[RunnerRegistration]:
        """List every runner of the repository or organization, page by page.

        https://docs.github.com/en/rest/actions/self-hosted-runners#list-self-hosted-runners-for-a-repository
        """
        path = self._runners
        page = 0
        while True:
            page += 1
            answer = self._ask("GET", f"{path}?per_page={_RUNNERS_PER_PAGE}&page={page}")
            listed = answer.get("runners") if isinstance(answer, dict) else None
            if not isinstance(listed, list):
                raise _unexpected(path, "the answer is not a list of runners")
            yield from map(_registration, listed)
            if len(listed) < _RUNNERS_PER_PAGE:
                return

    def remove_runner(self, runner_id: int) -> None:
        """Remove a runner's registration.

        https://docs.github.com/en/rest/actions/self-hosted-runners#delete-a-self-hosted-runner-from-a-repository
        """
        self._ask("DELETE", f"{self._runners}/{runner_id}")

    def _ask(self, method: str, path: str) -> Any:
        return self._request(self._connection(), method, path)

    def _request(self, connection: github.Github, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        import github  # noqa: PLC0415 - see the package's docstring

        operation = f"GitHub {method} {path}"
        self._hooks.require_not_stopped(operation)
        began, outcome = time.monotonic(), "answered"
        try:
            _, answer = connection.requester.requestJsonAndCheck(method, path, input=body)
        except github.RateLimitExceededException as error:
            outcome = str(error.status)
            raise errors.Throttled(operation, outcome, message_of(error)) from None
        except github.GithubException as error:
            outcome = str(error.status)
            raise from_github(self._requester, operation, error) from None
        except errors.ApiError as error:
            outcome = error.code
            raise
        except (OSError, ValueError, AttributeError) as error:
            outcome = type(error).__name__
            # PyGithub fails on a body that is not an object. Only the type is reported: the text may quote the request.
            problem, remedy = f"no usable answer from {self._api_url}.", connection_errors.remedy(error)
            raise errors.Unavailable(operation, outcome, problem, remedy=remedy) from None
        finally:
            if self._hooks.called:
                self._hooks.called(operation, 1, time.monotonic() - began, outcome)
        return answer

    def _connection(self) -> github.Github:
        """Return the connection; for an App, a new one when its token is about to expire."""
        from github import Auth  # noqa: PLC0415 - see the package's docstring

        with self._lock:
            expiring = (
                self._connected_until is not None and self._hooks.now() > self._connected_until - _RENEW_BEFORE_END
            )
            if self._connected is None or expiring:
                access = self._requester.access
                token = self._installation_token(access) if isinstance(access, AppKey) else access
                self._connected = self._connect(Auth.Token(token.reveal()))
            return self._connected

    def _connect(self, auth: github.Auth.Auth) -> github.Github:
        import github  # noqa: PLC0415 - see the package's docstring

        silence_loggers()  # importing PyGithub gives its logger a handler
        return github.Github(
            auth=auth,
            base_url=self._api_url,
            timeout=_GITHUB_SECONDS,
            retry=retry(self._hooks, self._requester, self._api_url),
            seconds_between_requests=None,
            seconds_between_writes=None,
            lazy=True,
        )

    def _installation_token(self, app: AppKey) -> Secret:
        """Find the App's installation and request a token that may administer runners and nothing else, for an hour.

        https://docs.github.com/en/rest/apps/apps#create-an-installation-access-token-for-an-app
        """
        as_app = self._connect(_signing(app))
        try:
            installation = self._request(as_app, "GET", f"{self._owner}/installation")
            path = f"/app/installations/{_installation_id(installation)}/access_tokens"
            answer = self._request(as_app, "POST", path, self._token_request())
        except errors.ApiError as error:
            raise during_app_access(self._requester, error) from None
        token = answer.get("token") if isinstance(answer, dict) else None
        if not isinstance(token, str) or not token.isprintable() or not token.strip():
            raise _unexpected(path, "there is no token in the answer")
        self._hooks.mask(token)
        self._connected_until = records.read_moment(answer.get("expires_at")) or self._hooks.now()
        return Secret(token)

    def _token_request(self) -> Mapping[str, Any]:
        if self._requester.scope is RunnerScope.ORGANIZATION:
            return {"permissions": {"organization_self_hosted_runners": "write"}}
        return {"permissions": {"administration": "write"}, "repositories": [self._repository]}


def _signing(app: AppKey) -> github.Auth.AppAuth:
    """Return the App's signature, after checking that its key can sign."""
    from github import Auth  # noqa: PLC0415 - see the package's docstring

    auth = Auth.AppAuth(app.app_id, app.private_key.reveal())
    try:
        auth.create_jwt()
    except Exception as error:  # noqa: BLE001 - the text of any error may hold the key
        raise errors.Rejected(
            "GitHub App",
            type(error).__name__,
            "github-app-private-key cannot be used to sign as the App.",
            remedy="Store the whole .pem file that GitHub generated (an RSA key).",
        ) from None
    return auth


def _installation_id(installation: Any) -> int:
    found = installation.get("id") if isinstance(installation, dict) else None
    if not isinstance(found, int):
        raise _unexpected("installation", "the installation in the answer has no id")
    return found


def _registration(runner: Any) -> RunnerRegistration:
    """Read a listed runner; one that is not clearly offline and idle counts as online and busy."""
    try:
        return RunnerRegistration(
            int(runner["id"]), str(runner["name"]), runner.get("status") == "offline", runner.get("busy") is not False
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise _unexpected("runners", "a runner in the answer has no id or no name") from None


def _unexpected(path: str, problem: str) -> errors.Unavailable:
    return errors.Unavailable(f"GitHub {path}", "Unexpected", f"{problem}.")
