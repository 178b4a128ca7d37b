"""The report as a JSON document, for programs; `docs/report.schema.json` describes it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, assert_never

from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.output import history_report
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from refresh.engine.change import Change, Outcome
    from refresh.engine.report import ComponentReport, Report
    from refresh.pool.snapshot import Ended, InstanceSnapshot, PoolSnapshot

SCHEMA_VERSION = 1
"""Increased when a reader of the previous version would be misled; new fields do not increase it."""


def serialized(report: Report) -> Iterator[str]:
    """Yield the whole report piece by piece: fifty thousand changes at once would fill the memory."""
    return pieces(_document(report))


def _document(report: Report) -> dict[str, Any]:
    """Return the report, whose long lists are lazy. Times are UTC, durations are in seconds."""
    desired = report.desired
    return {
        "schema_version": SCHEMA_VERSION,
        "repository": str(desired.repository) if desired else "",
        "region": desired.region if desired else "",
        "mode": desired.mode.value if desired else "",
        "runner_scope": desired.runner_scope.value if desired else "",
        "github_app_id": (desired.github_app_id or None) if desired else None,
        "aws_role": desired.role.arn if desired and desired.role else None,
        "run_url": desired.run_url if desired else "",
        "started_at": _time(report.started_at),
        "finished_at": _time(report.finished_at),
        "status": report.status,
        "exit_code": report.exit_code,
        "components": map(component, report.components),
        "pool": pool(report.pool),
        "ended": map(_ended, report.ended),
        "history": history_report.history(report.history) if report.history else None,
    }


def change(one: Change) -> dict[str, Any]:
    """Return one change: action and resource, the fields that differ, and further facts."""
    return {
        "action": one.verb,
        "resource": one.noun,
        "subject": one.subject,
        "description": str(one),
        "note": one.note,
        "differences": [
            {
                "field": difference.name,
                "from": difference.before,
                "to": difference.after,
                "diff": "\n".join(difference.diff) or None,
            }
            for difference in one.differences
        ],
        "facts": dict(one.facts),
    }


def component(report: ComponentReport) -> dict[str, Any]:
    """Return one component's report."""
    unchecked = report.unchecked
    return {
        "name": report.name,
        "status": report.status,
        "duration_seconds": round(report.duration.total_seconds(), 3),
        "planned": map(change, report.planned),
        "following": map(change, report.following),
        "outcomes": map(_outcome, report.outcomes),
        "pending": map(change, report.pending),
        "warnings": list(report.warnings),
        "notes": list(report.notes),
        "refusals": list(report.refusals),
        "error": str(report.error) if report.error else None,
        "not_checked": {"reason": unchecked.reason, "due": unchecked.due} if unchecked else None,
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    match outcome:
        case Done():
            name, reason = "done", None
        case Skipped(reason=why):
            name, reason = "skipped", why
        case Failed(error=error):
            name, reason = "failed", str(error)
        case Postponed(because=because):
            name, reason = "postponed", str(because) if because else None
        case _:
            assert_never(outcome)
    return {"outcome": name, "reason": reason, "change": change(outcome.change)}


def pool(seen: PoolSnapshot) -> dict[str, Any]:
    """Return the pool as a run found or left it."""
    template = {"id": seen.template_id, "version": seen.template_version} if seen.template_id else None
    return {
        "launch_template": template,
        "queues": dict(seen.queues),
        "registration_token_expires_at": _time(seen.token_expires_at),
        "instances": None if seen.instances is None else map(_instance, seen.instances),
    }


def _instance(instance: InstanceSnapshot) -> Mapping[str, Any]:
    return {
        "id": instance.id,
        "state": instance.state,
        "ec2_state": instance.ec2_state,
        "class": instance.resource_class,
        "run_id": instance.run_id,
        "launched_at": _time(instance.launched_at),
        "threshold": _time(instance.threshold),
        "protected": instance.protected,
    }


def _ended(instance: Ended) -> Mapping[str, Any]:
    return {
        "id": instance.id,
        "reason": instance.reason,
        "state": instance.state,
        "class": instance.resource_class,
        "run_id": instance.run_id,
        "overdue_seconds": None if instance.overdue is None else int(instance.overdue.total_seconds()),
        "cut_off": instance.cut_off,
        "steps": list(instance.steps),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else records.wire_time(moment)


def pieces(value: object) -> Iterator[str]:
    """Yield a JSON document piece by piece; an iterator in it becomes a list, with an element on each line."""
    if isinstance(value, Iterator):
        yield "["
        for number, each in enumerate(value):
            yield f"{',' * (number > 0)}\n"
            yield from pieces(each)
        yield "]"
    elif isinstance(value, dict) and _holds_iterator(value):
        yield "{"
        for number, (name, each) in enumerate(value.items()):
            yield f"{',' * (number > 0)}\n{json.dumps(name)}: "
            yield from pieces(each)
        yield "}"
    else:
        yield json.dumps(value)


def _holds_iterator(value: object) -> bool:
    """Whether there is an iterator in a value or in the dictionaries in it; lists hold none."""
    if isinstance(value, dict):
        return any(map(_holds_iterator, value.values()))
    return isinstance(value, Iterator)
