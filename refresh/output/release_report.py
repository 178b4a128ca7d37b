"""The report of a release as a JSON document, for programs; docs/release.md describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh.output import json_report
from refresh.output.release_summary import status
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.output.release_run import Machine, ReleaseRun

FILE = "release-report.json"
SCHEMA_VERSION = 1


def serialized(run: ReleaseRun) -> Iterator[str]:
    """Yield the document piece by piece. Times are UTC, durations are in seconds."""
    desired = run.desired
    return json_report.pieces(
        {
            "schema_version": SCHEMA_VERSION,
            "repository": str(desired.repository),
            "region": desired.region,
            "mode": desired.mode.value,
            "run_id": desired.run_id,
            "labels": desired.labels,
            "run_url": desired.run_url,
            "started_at": records.wire_time(run.started_at),
            "finished_at": records.wire_time(run.finished_at),
            "status": status(run),
            "exit_code": run.exit_code,
            "machines": map(_machine, run.machines),
            "release": json_report.component(run.component),
        }
    )


def _machine(machine: Machine) -> dict[str, Any]:
    return {
        "id": machine.id,
        "label": machine.label,
        "class": machine.resource_class,
        "type": machine.instance_type,
        "usage": machine.usage_class,
        "worked_seconds": None if machine.worked is None else int(machine.worked.total_seconds()),
        "result": machine.result,
        "reason": machine.reason,
    }
