"""The step's outputs, as `action.yml` declares them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from refresh.engine.change import INSTANCE, TERMINATED
from refresh.output import json_report
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from refresh.engine.change import Change
    from refresh.engine.report import Report

PLAN_LIMIT, LIST_LIMIT = 32 * 1024, 16 * 1024
"""A longer output is cut: a next step gets each as a variable or an argument, of which Linux takes 128 KiB.

So even `toJSON` of all outputs together fits, which doubles quotes. The counts and the report file have all.
"""


def outputs(report: Report, report_path: str) -> dict[str, str]:
    """Give every output by name; one that could not be observed is empty."""
    pool = report.pool
    terminated = [each.subject for each in report.done if (each.noun, each.done) == (INSTANCE, TERMINATED)]
    version, expires_at = pool.template_version, pool.token_expires_at
    return {
        "changed": _boolean(bool(report.done)),
        "drift": _boolean(bool(report.planned)),
        "plan": _plan(report),
        "planned-count": str(len(report.planned)),
        "launch-template-id": pool.template_id,
        "launch-template-version": "" if version is None else str(version),
        "queue-urls": f"{{{','.join(_fitting(map(_pair, pool.queues), LIST_LIMIT))}}}",
        "terminated-count": str(len(terminated)),
        "terminated-instance-ids": f"[{','.join(_fitting(map(_json, terminated), LIST_LIMIT))}]",
        "registration-token-expires-at": "" if expires_at is None else records.wire_time(expires_at),
        "failed-components": _json([component.name for component in report.failed]),
        "report-path": report_path,
    }


def _plan(report: Report) -> str:
    """Give the changes that the first look found due, as many as there is room for; a long text goes first."""
    changes = (_planned(component.name, change) for component in report.components for change in component.planned)
    return f"[{','.join(_fitting(changes, PLAN_LIMIT))}]"


def _planned(component: str, change: Change) -> str:
    told = {"component": component, **json_report.change(change)}
    whole = _json(told)
    if len(whole) <= PLAN_LIMIT // 2:
        return whole
    note = f"{change.note}; its differences are in the report file".removeprefix("; ")
    return _json({**told, "differences": [], "note": note})


def _fitting(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Give the first texts, as many as fit with a comma behind each and a bracket at both ends."""
    room = limit - 2
    for text in texts:
        room -= len(text) + 1
        if room < 0:
            return
        yield text


def _pair(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"{_json(name)}:{_json(value)}"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _boolean(value: bool) -> str:  # noqa: FBT001 - it is what is written
    return "true" if value else "false"
