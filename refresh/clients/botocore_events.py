"""Handlers of botocore's events around every call to AWS: clock skew, tracing, errors and the end of the run."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import local
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from refresh import errors
from refresh.clients import aws_errors, connection_errors, regions

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from botocore.client import BaseClient

    from refresh.clients.process_hooks import Called, ProcessHooks

_FIRST_ERROR = 300
"""The first status that botocore treats as an error."""
_ACCOUNT_ENDPOINT = (
    "If the network allows only listed hosts, add {host} or set AWS_ACCOUNT_ID_ENDPOINT_MODE to disabled in the "
    "step's env. Otherwise nothing is lost: the next run continues."
)


class ClockSkew:
    """How far AWS's clock is ahead of ours, from the `Date` header of the first answer that has one."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._skew: timedelta | None = None

    def __call__(self) -> timedelta:
        """Return the skew, zero before the first answer."""
        return self._skew or timedelta()

    def listen(self, client: BaseClient) -> None:
        """Observe the answers to a client's calls."""
        client.meta.events.register("after-call", self._answered)

    def _answered(self, http_response: Any, **_: Any) -> None:
        if self._skew is None:
            try:
                theirs = parsedate_to_datetime(http_response.headers.get("date", ""))
                self._skew = theirs - self._now()
            except (ValueError, TypeError):
                return  # no such header, or a date without a zone


class Trace:
    """Reports every attempt of every call: its duration and status, never its content."""

    def __init__(self, called: Called) -> None:
        self._called = called
        self._began = local()

    def listen(self, client: BaseClient) -> None:
        """Observe the calls of a client."""
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


def refuse_once_stopped(client: BaseClient, hooks: ProcessHooks) -> None:
    """Send nothing more once the run was asked to stop, neither a new call nor a retry."""

    def sending(event_name: str, **_: Any) -> None:
        hooks.require_not_stopped(":".join(event_name.split(".")[1:]))

    client.meta.events.register("before-send", sending)


class RefusedCredentials:
    """Blocks calls with credentials that AWS has refused: every further call would fail the same way."""

    def __init__(self) -> None:
        self._refusal: errors.CredentialsExpired | None = None

    def listen(self, client: BaseClient) -> None:
        """Observe the answers to a client's calls."""
        service = client.meta.service_model.service_name

        def answered(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
            if http_response.status_code < _FIRST_ERROR:
                return
            error = aws_errors.from_aws(f"{service}:{model.name}", http_response.status_code, parsed)
            if isinstance(error, errors.CredentialsExpired):
                self._refusal = error  # of several concurrent ones any will do

        client.meta.events.register_first("after-call", answered)

    def guard(self, client: BaseClient) -> None:
        """Block a client's later calls."""

        def sending(event_name: str, **_: Any) -> None:
            if refusal := self._refusal:
                operation = ":".join(event_name.split(".")[1:])
                raise errors.CredentialsExpired(
                    operation, refusal.code, f"not sent: AWS has refused these credentials for {refusal.operation}."
                )

        client.meta.events.register("before-send", sending)


def give_up_early(client: BaseClient) -> None:
    """Retry nothing if no further attempt could make the connection."""
    service = client.meta.service_model.service_name

    def answered(event_name: str, caught_exception: Exception | None, **_: Any) -> None:
        if caught_exception is None:
            return
        if lasting := lasting_problem(f"{service}:{event_name.rpartition('.')[2]}", caught_exception):
            raise lasting

    client.meta.events.register_first("needs-retry", answered)


def lasting_problem(operation: str, error: BaseException) -> errors.Unreachable | None:
    """Return what is wrong with a certificate or a proxy on the way to AWS; None for any other error."""
    url = str(getattr(error, "kwargs", {}).get("endpoint_url", ""))
    return connection_errors.lasting(operation, error, url, connection_errors.AWS_FILES)


def translate_errors(client: BaseClient) -> None:
    """Translate every error of a client into our types."""
    service = client.meta.service_model.service_name

    def answered(http_response: Any, parsed: Mapping[str, Any], model: Any, **_: Any) -> None:
        if http_response.status_code >= _FIRST_ERROR:
            error = aws_errors.from_aws(f"{service}:{model.name}", http_response.status_code, parsed)
            raise regions.explained(error, client.meta.region_name)

    def unanswered(exception: Exception, event_name: str, **_: Any) -> None:
        if not isinstance(exception, errors.RefreshError):
            raise _unanswered(f"{service}:{event_name.rpartition('.')[2]}", exception) from None

    client.meta.events.register("after-call", answered)
    client.meta.events.register("after-call-error", unanswered)


def _unanswered(operation: str, error: Exception) -> errors.ApiError:
    from botocore.exceptions import CredentialRetrievalError, NoCredentialsError  # noqa: PLC0415 - already loaded

    if isinstance(error, NoCredentialsError | CredentialRetrievalError):
        return errors.CredentialsExpired(operation, type(error).__name__, str(error))
    return errors.Unavailable(operation, type(error).__name__, str(error), remedy=_remedy(error))


def _remedy(error: Exception) -> str:
    """Return the remedy; an account's own endpoint of DynamoDB is missing in most lists of allowed hosts."""
    host = urlsplit(str(getattr(error, "kwargs", {}).get("endpoint_url", ""))).hostname or ""
    return _ACCOUNT_ENDPOINT.format(host=host) if ".ddb." in host else connection_errors.remedy(error)
