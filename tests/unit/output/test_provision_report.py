"""The report of a provision as a document for programs."""

from __future__ import annotations

import json
from typing import Any

from refresh.output import provision_report
from tests.unit.output import provisions
from tests.unit.output.provisions import FAILED, machine
from tests.unit.provision.pools import IDS


def _report(*ready: Any, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("".join(provision_report.serialized(provisions.run(*ready, **fields))))
    return document


def test_the_report_has_what_was_asked_for_and_what_is_ready() -> None:
    report = _report(machine(), machine(1, ends_at=None), wanted={"count": 3, "min_count": 2}, outcomes=(FAILED,))
    expected = {
        "schema_version": 1,
        "repository": "octo/widgets",
        "mode": "apply",
        "run_id": "77",
        "attempt": 1,
        "label": "77",
        "usage_classes": ["on-demand"],
        "count": 3,
        "min_count": 2,
        "available": True,
        "started_at": "2026-01-31T09:04:57Z",
        "exit_code": 0,
        "status": "2 of 3 ready (2 warm)",
    }
    assert {name: report[name] for name in expected} == expected
    facts = {"origin": "claimed", "type": "c7i.large", "usage": "on-demand"}
    assert report["machines"] == [
        {"id": IDS[0], **facts, "ends_at": "2026-01-31T09:05:00Z"},
        {"id": IDS[1], **facts, "ends_at": None},
    ]
    assert len(report["provision"]["outcomes"]) == 1
