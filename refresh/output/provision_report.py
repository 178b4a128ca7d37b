"""The report of a provision as a JSON document, for programs; docs/provision.md describes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh.output import json_report
from refresh.output.provision_summary import status
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.output.provision_run import ProvisionRun, ReadyMachine

FILE = "provision-report.json"
SCHEMA_VERSION = 1


def serialized(run: ProvisionRun) -> Iterator[str]:
    """Yield the document piece by piece. Times are UTC, durations are in seconds."""
    desired = run.desired
    return json_report.pieces(
        {
            "schema_version": SCHEMA_VERSION,
            "repository": str(desired.repository),
            "region": desired.region,
            "mode": desired.mode.value,
            "run_id": desired.run_id,
            "attempt": desired.attempt,
            "label": run.label,
            "resource_class": desired.resource_class,
            "usage_classes": [each.value for each in desired.usage_classes],
            "count": desired.count,
            "min_count": desired.fewest,
            "available": run.available,
            "run_url": desired.run_url,
            "started_at": records.wire_time(run.started_at),
            "finished_at": records.wire_time(run.finished_at),
            "status": status(run),
            "exit_code": run.exit_code,
            "machines": map(_machine, run.ready),
            "provision": json_report.component(run.component),
        }
    )


def _machine(machine: ReadyMachine) -> dict[str, Any]:
    return {
        "id": machine.id,
        "origin": machine.origin,
        "type": machine.instance_type,
        "usage": machine.usage_class,
        "ends_at": records.wire_time(machine.ends_at) if machine.ends_at else None,
    }
