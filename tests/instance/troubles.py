"""What AWS does to an agent's calls: refuse them, throttle them, fail, be silent, or be gone."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.fakes.world import refusal
from tests.instance.metadata import AGENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.aws_server import Arrival, AwsServer

DENIED, THROTTLED, ERRORS, SILENT, GONE = "denied", "throttled", "errors", "silent", "gone"
KINDS = (DENIED, THROTTLED, ERRORS, SILENT, GONE)
_CODES = {DENIED: "AccessDeniedException", THROTTLED: "ThrottlingException", ERRORS: "InternalServerError"}
_LONGEST_SECONDS = 600


@contextmanager
def trouble(aws: AwsServer, kind: str, service: str = "dynamodb", parts: tuple[str, ...] = ()) -> Iterator[None]:
    """Let AWS do this to every call of agents to a service whose body has all the parts."""
    over = threading.Event()

    def instead(arrival: Arrival) -> tuple[int, bytes] | None:
        if not _meant(arrival, service, parts):
            return None
        if kind in _CODES:
            return refusal(arrival.operation, _CODES[kind], 500 if kind == ERRORS else 400)
        if kind == SILENT:
            over.wait(_LONGEST_SECONDS)
        raise ConnectionError

    aws.instead_of = instead
    try:
        yield
    finally:
        aws.instead_of = lambda _: None
        over.set()


@contextmanager
def held(aws: AwsServer, *parts: str) -> Iterator[Callable[[], bool]]:
    """Keep back the writes of agents with all the parts, which are then lost; yields whether there was one."""
    arrived, over = threading.Event(), threading.Event()

    def instead(arrival: Arrival) -> None:
        if _meant(arrival, "dynamodb", parts) and arrival.operation.endswith(":PutItem"):
            arrived.set()
            over.wait(_LONGEST_SECONDS)
            raise ConnectionError

    aws.instead_of = instead
    try:
        yield arrived.is_set
    finally:
        aws.instead_of = lambda _: None
        over.set()


def _meant(arrival: Arrival, service: str, parts: tuple[str, ...]) -> bool:
    ours = arrival.signer.startswith(AGENT) and arrival.operation.startswith(f"{service}:")
    return ours and all(each.encode() in arrival.body for each in parts)
