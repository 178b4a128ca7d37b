"""The step's outputs, as `action.yml` declares them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from refresh import document, records
from refresh.reconciler.garbage_collector.changes import Terminate

if TYPE_CHECKING:
    from refresh.report import Report

PLAN_LIMIT = 256 * 1024
"""GitHub gives a job's outputs one MiB; a longer plan is cut, and the report has all of it."""


def outputs(report: Report, report_path: str) -> dict[str, str]:
    """Give every output by name; one that could not be observed is empty."""
    pool = report.pool
    terminated = [change.id for change in report.done if isinstance(change, Terminate)]
    version, expires_at = pool.template_version, pool.token_expires_at
    return {
        "changed": _boolean(bool(report.done)),
        "drift": _boolean(bool(report.planned)),
        "plan": _plan(report),
        "launch-template-id": pool.template_id,
        "launch-template-version": "" if version is None else str(version),
        "queue-urls": _json(dict(pool.queues)),
        "terminated-count": str(len(terminated)),
        "terminated-instance-ids": _json(terminated),
        "registration-token-expires-at": "" if expires_at is None else records.wire_time(expires_at),
        "failed-components": _json([component.name for component in report.failed]),
        "report-path": report_path,
    }


def _plan(report: Report) -> str:
    """Give the changes that the first look found due, as many as there is room for."""
    listed: list[str] = []
    room = PLAN_LIMIT
    for component in report.components:
        for change in component.planned:
            text = _json({"component": component.name, **document.change(change)})
            room -= len(text) + 1
            if room < 0:
                return f"[{','.join(listed)}]"
            listed.append(text)
    return f"[{','.join(listed)}]"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


def _boolean(value: bool) -> str:  # noqa: FBT001 - it is what is written
    return "true" if value else "false"
