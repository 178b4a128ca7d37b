"""The only room that imports boto3 and PyGithub: sessions, retries, time-outs, pools, and errors in our own terms.

Both are imported when they are needed: a run with bad input needs neither, and one that changes nothing asks GitHub
nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock, local
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.desired import Secret
from refresh.reconciler import Services
from refresh.reconciler.registration_token import IssuedToken
from refresh.reconciler.runner_registrations import Registration

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import github
    from botocore.client import BaseClient

    from refresh.desired import DesiredState, Secrets

CONCURRENCY = 32
"""Calls under way at once, and so connections kept: measured, 1,500 updates take 3.1 s with 32 and 6.7 s with 8."""

_ATTEMPTS = 5
_CONNECT_SECONDS = 3
_READ_SECONDS = 10
_GITHUB_SECONDS = 15
_GITHUB_RETRIES = 3
_GITHUB_LONGEST_WAIT = 60
_RUNNERS_PER_PAGE = 100
_CREDENTIALS_REMEDY = (
    "run aws-actions/configure-aws-credentials before this step, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in "
    "its env"
)
_TALKATIVE = ("boto3", "botocore", "urllib3", "github")


Called = Callable[[str, int, float, str], None]
"""Told of each call: operation, attempt, seconds, and the status or the error that came back."""


def connect(
    desired: DesiredState,
    secrets: Secrets,
    mask: Callable[[str], None],
    now: Callable[[], datetime],
    called: Called | None = None,
) -> Services:
    """Create the clients; calls nothing, but for what the AWS credentials themselves take.

    `mask` is given every secret that arrives later, before anything else happens to it; `now` tells the time.
    Raises `InputErrors` where there are no AWS credentials or where they cannot be fetched.
    """
    import boto3  # noqa: PLC0415 - see the module's docstring
    from botocore.config import Config  # noqa: PLC0415 - the same
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - the same

    quieten()
    try:
        session = boto3.Session(region_name=desired.region)
        credentials = session.get_credentials()
        if credentials:
            # Fetched now, since botocore lets any error of theirs through later, in the middle of a call.
            credentials.get_frozen_credentials()
    except (BotoCoreError, ClientError, OSError) as error:
        raise errors.InputErrors([f"AWS credentials: {error}; {_CREDENTIALS_REMEDY}"]) from None
    if not credentials:
        raise errors.InputErrors([f"AWS credentials: none found; {_CREDENTIALS_REMEDY}"])
    config = Config(
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        connect_timeout=_CONNECT_SECONDS,
        read_timeout=_READ_SECONDS,
        max_pool_connections=CONCURRENCY,
    )
    skew = ClockSkew(now)
    services = Services(
        dynamodb=session.client("dynamodb", config=config),
        ec2=session.client("ec2", config=config),
        sqs=session.client("sqs", config=config),
        github=GitHub(desired.github_api_url, str(desired.repository), secrets.github_token, mask, called),
        skew=skew,
    )
    for client in (services.dynamodb, services.ec2, services.sqs):
        skew.listen(client)
        translate_errors(client)
        if called:
            _Trace(called).listen(client)
    return services


def quieten() -> None:
    """Keep the libraries' own loggers from printing: at DEBUG they show request and response bodies with tokens."""
    for name in _TALKATIVE:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.handlers.clear()


class ClockSkew:
    """How far AWS's clock is ahead of ours, by the `Date` header of the first answer that has one."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._skew: timedelta | None = None

    def __call__(self) -> timedelta:
        """Give what is known; nothing before the first answer."""
        return self._skew or timedelta()

    def listen(self, client: BaseClient) -> None:
        """Look at the answers to a client's calls."""
        client.meta.events.register("after-call", self._answered)

    def _answered(self, http_response: Any, **_: Any) -> None:
        if self._skew is None:
            try:
                theirs = parsedate_to_datetime(http_response.headers.get("date", ""))
                self._skew = theirs - self._now()
            except (ValueError, TypeError):
                return  # no such header, or one without a zone


class _Trace:
    """Tells of every attempt of every call: how long it took and what came back, never what was in it."""

    def __init__(self, called: Called) -> None:
        self._called = called
        self._began = local()

    def listen(self, client: BaseClient) -> None:
        """Look at the calls of a client."""
        client.meta.events.register("before-send", self._sent)
        client.meta.events.register_first("needs-retry", self._answered)

    def _sent(self, **_: Any) -> None:
        self._began.at = time.monotonic()

    def _answered(
        self, event_name: str, attempts: int, response: Any, caught_exception: Exception | None, **_: Any
    ) -> None:
        answer = type(caught_exception).__name__ if response is None else str(response[0].status_code)
        operation = ":".join(event_name.split(".")[1:])
        self._called(operation, attempts, time.monotonic() - self._began.at, answer)


def translate_errors(client: BaseClient) -> None:
    """Make every error of a boto3 client one of ours, through botocore's own events."""
    service = client.meta.service_model.service_name

    def answered(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        if http_response.status_code >= 300:  # noqa: PLR2004 - what botocore itself calls an error
            raise errors.from_aws(f"{service}:{model.name}", http_response.status_code, parsed)

    def unanswered(exception: Exception, event_name: str, **_: Any) -> None:
        operation = f"{service}:{event_name.rpartition('.')[2]}"
        raise _unanswered(operation, exception) from None

    client.meta.events.register("after-call", answered)
    client.meta.events.register("after-call-error", unanswered)


def _unanswered(operation: str, error: Exception) -> errors.ApiError:
    from botocore.exceptions import CredentialRetrievalError, NoCredentialsError  # noqa: PLC0415 - loaded by now

    if isinstance(error, NoCredentialsError | CredentialRetrievalError):
        return errors.CredentialsExpired(operation, type(error).__name__, str(error))
    return errors.Unavailable(operation, type(error).__name__, str(error))


class GitHub:
    """GitHub's REST API, as far as the components need it; connects at the first call."""

    def __init__(
        self, api_url: str, repository: str, token: Secret, mask: Callable[[str], None], called: Called | None = None
    ) -> None:
        self._called = called or (lambda *_: None)
        self._api_url = api_url
        self._repository = repository
        self._token = token
        self._mask = mask
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
        self._mask(token)
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
                self._mask(str(token))
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
        import github  # noqa: PLC0415 - see the module's docstring
        import requests  # noqa: PLC0415 - PyGithub's own transport, whose exceptions it lets through

        operation = f"GitHub {method} {path}"
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
            self._called(operation, 1, time.monotonic() - began, told)
        return answer

    def _connection(self) -> github.Github:
        import github  # noqa: PLC0415 - see the module's docstring

        with self._lock:
            if self._github is None:
                quieten()
                self._github = github.Github(
                    auth=github.Auth.Token(self._token.reveal()),
                    base_url=self._api_url,
                    timeout=_GITHUB_SECONDS,
                    retry=github.GithubRetry(total=_GITHUB_RETRIES, max_rate_limit_wait=_GITHUB_LONGEST_WAIT),
                    seconds_between_requests=None,
                    seconds_between_writes=None,
                    lazy=True,
                )
                quieten()
            return self._github


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
