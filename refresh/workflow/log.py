"""The log: events named `noun.past_participle` with keyed facts, rendered in one place.

It is the standard library's, which every library here loads anyway. Only event and facts are rendered, never an
exception of a record, whose values may be secret.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "notice": logging.INFO}
_LOG = logging.getLogger("refresh")


class _Lines(logging.Handler):
    """Prints each event to the current standard output."""

    as_json = False

    def emit(self, record: logging.LogRecord) -> None:
        render = as_object if self.as_json else as_line
        facts: Mapping[str, Any] = getattr(record, "facts", {})
        moment = datetime.fromtimestamp(record.created, UTC)
        sys.stdout.write(f"{render(record.levelname.lower(), record.getMessage(), facts, moment)}\n")


_LINES = _Lines()


def configure(*, as_json: bool) -> None:
    """Write the log for people, or as one JSON object a line."""
    _LINES.as_json = as_json
    _LOG.handlers[:] = [_LINES]
    _LOG.propagate = False
    _LOG.setLevel(logging.DEBUG)


def as_json() -> bool:
    """Whether the log is JSON objects."""
    return _LINES.as_json


configure(as_json=False)


def debug(event: str, /, **facts: object) -> None:
    """Log a detail that few need."""
    write(logging.DEBUG, event, **facts)


def info(event: str, /, **facts: object) -> None:
    """Log what happened; `subject` is what it happened to."""
    write(logging.INFO, event, **facts)


def error(event: str, /, **facts: object) -> None:
    """Log what went wrong."""
    write(logging.ERROR, event, **facts)


def write(level: int, event: str, /, **facts: object) -> None:
    """Log an event at a level of `logging`."""
    _LOG.log(level, event, extra={"facts": facts})


def problem(level: str, title: str, message: str) -> None:
    """Print an `error`, a `warning` or a `notice` with its title."""
    if _LINES.as_json:
        write(LEVELS[level], "problem.found", subject=title, message=message)
    else:
        sys.stdout.write(f"{level}: {title}: {' '.join(message.splitlines())}\n")


def as_line(level: str, event: str, facts: Mapping[str, Any], _: datetime) -> str:
    """Render for people: `queue.created  o-r-large-ci-pool  name: before -> after`."""
    subject = str(facts.get("subject", ""))
    more = [f"{key}: {value}" for key, value in facts.items() if key != "subject"]
    prefix = "" if level == "info" else f"{level}: "
    return " ".join("  ".join(filter(None, [f"{prefix}{event:<28}", subject, *more])).rstrip().splitlines())


def as_object(level: str, event: str, facts: Mapping[str, Any], moment: datetime) -> str:
    """Render as one JSON object."""
    timestamp = moment.isoformat().replace("+00:00", "Z")
    return json.dumps({"level": level, "event": event, **facts, "timestamp": timestamp}, default=str)
