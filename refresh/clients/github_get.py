"""A GET request to GitHub with `requests`, for what has to answer fast: importing PyGithub takes 110 ms longer.

A redirect is an answer, since the token must not be sent elsewhere. urllib3 would sleep for as long as `Retry-After`
says, so the header is ignored.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import field, frozen

from refresh import errors
from refresh.clients import connection_errors

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

    from refresh.clients.process_hooks import ProcessHooks
    from refresh.credentials import Secret

_BACK_OFF = 0.5
_PASSING = (500, 502, 503, 504)
_FIRST_OTHER = 300


@frozen(kw_only=True)
class Request:
    """What is requested, with which token, and how patiently."""

    operation: str
    """Its name in the log and in errors."""
    url: str
    token: Secret
    parameters: Mapping[str, str]
    problem: str
    """What is reported if there is no usable answer."""
    headers: Mapping[str, str] = field(factory=dict)
    retries: int
    """How often it is sent again after a failed connection or an error of the server."""
    seconds: float
    """How long one attempt waits for the connection, and for each part of the answer."""


@frozen
class Answer:
    """An answer with any status."""

    status: int
    headers: Mapping[str, str]
    """With names in lower case."""
    content: Any
    """The parsed JSON; None if the status is an error and the body is no JSON."""

    @property
    def ok(self) -> bool:
        """Whether the request was successful; a redirect is not."""
        return self.status < _FIRST_OTHER


def get(request: Request, hooks: ProcessHooks) -> Answer:
    """Send the request; raise `Unreachable` or `Unavailable` if there is no usable answer."""
    hooks.require_not_stopped(request.operation)
    began, outcome = time.monotonic(), "answered"
    try:
        response = _send(request)
        outcome = str(response.status_code)
        headers = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, headers, _content(response))
    except (OSError, ValueError, RecursionError) as error:  # the last for JSON that is nested without end
        # Only the type is reported: the text may quote the request.
        outcome = type(error).__name__
        files = connection_errors.GITHUB_FILES
        if lasting := connection_errors.lasting(request.operation, error, request.url, files):
            raise lasting from None
        remedy = connection_errors.remedy(error)
        raise errors.Unavailable(request.operation, outcome, request.problem, remedy=remedy) from None
    finally:
        if hooks.called:
            hooks.called(request.operation, 1, time.monotonic() - began, outcome)


def _content(response: Response) -> Any:
    try:
        return response.json()
    except ValueError:
        if response.status_code < _FIRST_OTHER:
            raise
        return None


def _send(request: Request) -> Response:
    import requests  # noqa: PLC0415 - see the package's docstring
    from requests.adapters import HTTPAdapter  # noqa: PLC0415 - the same
    from urllib3.util import Retry  # noqa: PLC0415 - the same

    def bearer(prepared: PreparedRequest) -> PreparedRequest:
        # As `auth`: a .netrc in HOME would replace a header.
        prepared.headers["Authorization"] = f"Bearer {request.token.reveal()}"
        return prepared

    # `other`: a certificate or a proxy that is refused would be refused again.
    retry = Retry(
        total=request.retries,
        other=0,
        backoff_factor=_BACK_OFF,
        status_forcelist=_PASSING,
        raise_on_status=False,
        respect_retry_after_header=False,
    )
    with requests.Session() as http:
        http.mount(request.url, HTTPAdapter(max_retries=retry))
        return http.get(
            request.url,
            params=request.parameters,
            headers=request.headers,
            auth=bearer,
            timeout=request.seconds,
            allow_redirects=False,
        )
