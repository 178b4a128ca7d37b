"""Retries of GitHub's API: at most a minute for each request, and only at the address that was asked first.

Measured: urllib3 sleeps for as long as `Retry-After` says, such as three times an hour. PyGithub waits for a limit that
comes with 403 but not with 429, and follows a 301 without the query. It takes every other redirect for an answer, so a
removal would count as done although nothing was removed, and it repeats a request for ever while the answer is 202.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from refresh import errors
from refresh.clients import connection_errors
from refresh.clients.github_errors import Requester, moved

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import github

    from refresh.clients.process_hooks import ProcessHooks

LONGEST_WAIT_SECONDS = 60
_RETRIES = 3
_LIMITED = (403, 429)
_MOVED = (301, 302, 303, 307, 308)
_NOT_YET = 202
_SECONDS = re.compile(r"[0-9]{1,12}")


def retry(hooks: ProcessHooks, requester: Requester, api_url: str) -> github.GithubRetry:  # noqa: C901 - its base class must not be loaded earlier
    """Build a bounded retry that ends once the run is asked to stop; redirects are reported, not followed."""
    import github  # noqa: PLC0415 - see the package's docstring
    from urllib3.exceptions import InvalidHeader, MaxRetryError  # noqa: PLC0415 - PyGithub's transport

    class Retry(github.GithubRetry):
        waited: float = 0

        def increment(self, method: Any = None, url: Any = None, response: Any = None, *args: Any, **more: Any) -> Any:
            try:
                return self._next(f"GitHub {method} {url}", method, url, response, *args, **more)
            except errors.RefreshError:
                if response is not None:
                    response.drain_conn()  # otherwise the connection stays open
                raise

        def _next(self, operation: str, method: Any, url: Any, response: Any, *args: Any, **more: Any) -> Any:
            require_temporary(operation, args[0] if args else more.get("error"), api_url)
            hooks.require_not_stopped(f"{operation} again")
            if response is not None and response.status in _MOVED:
                raise moved(requester, operation, response.status, response.headers.get("Location", ""))
            try:
                following: Any = super().increment(method, url, response, *args, **more)
            except MaxRetryError:
                if response is None:
                    raise
                raise _given_up(operation, response.status, f"the same answer {_RETRIES + 1} times.") from None
            pause = _pause(following, response, hooks.now())
            following.waited = self.waited + pause
            if following.waited > LONGEST_WAIT_SECONDS:
                problem = (
                    f"GitHub asks to wait {pause:.0f} s; a request waits {LONGEST_WAIT_SECONDS} s at most in total."
                )
                raise _given_up(operation, response.status, problem)
            return following

        def get_retry_after(self, response: Any) -> float | None:
            try:
                return super().get_retry_after(response)
            except InvalidHeader:
                return None

    again = [_NOT_YET, *_MOVED, *_LIMITED, *range(500, 600)]
    return Retry(total=_RETRIES, max_rate_limit_wait=LONGEST_WAIT_SECONDS, status_forcelist=again)


def require_temporary(operation: str, error: BaseException | None, url: str) -> None:
    """Raise an error that no retry would change."""
    if error and (lasting := connection_errors.lasting(operation, error, url, connection_errors.GITHUB_FILES)):
        raise lasting


def _pause(following: Any, response: Any, now: datetime) -> float:
    """Return how long to wait, and set a pause for a limit that names no time."""
    requested: float | None = None if response is None else following.get_retry_after(response)
    pause: float = requested or following.get_backoff_time()
    if response is not None and response.status in _LIMITED and requested is None:
        pause = pause or _default_pause(response.headers, now)
        following.get_backoff_time = lambda: pause
    return pause


def _default_pause(headers: Mapping[str, str], now: datetime) -> float:
    """Return how long to wait if GitHub does not say it: until its limit is reset, otherwise the minute it asks for.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api#exceeding-the-rate-limit
    """
    reset = headers.get("X-RateLimit-Reset", "")
    if headers.get("X-RateLimit-Remaining") == "0" and _SECONDS.fullmatch(reset):
        return max(int(reset) - now.timestamp(), 0) + 1
    return LONGEST_WAIT_SECONDS


def _given_up(operation: str, status: int, problem: str) -> errors.ApiError:
    return (errors.Throttled if status in _LIMITED else errors.Unavailable)(operation, str(status), problem)
