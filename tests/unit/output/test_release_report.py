"""The report file of a release."""

from __future__ import annotations

import json
from typing import Any

from refresh.engine.change import Failed
from refresh.output import release_report
from refresh.release.changes import Reason
from tests.fakes.desired import RUN_URL
from tests.unit.output import releases
from tests.unit.output.releases import DOWN, MIXED, give_back
from tests.unit.release.pools import IDS, RUN


def _report(*outcomes: Any, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads("".join(release_report.serialized(releases.run(*outcomes, **fields))))
    return document


def test_the_report_says_what_was_released_from_where_and_when() -> None:
    report = _report(*MIXED, wanted={"name": "gpu"})
    component, machines = report.pop("release"), report.pop("machines")
    assert report == {
        "schema_version": release_report.SCHEMA_VERSION,
        "repository": "octo/widgets",
        "region": "eu-west-1",
        "mode": "apply",
        "run_id": RUN,
        "labels": "77-gpu",
        "run_url": RUN_URL,
        "started_at": "2026-01-31T09:04:57Z",
        "finished_at": "2026-01-31T09:05:00Z",
        "status": "2 released, 1 ended",
        "exit_code": 0,
    }
    assert [each["id"] for each in machines] == IDS[:3]
    assert len(component["outcomes"]) == len(MIXED)


def test_a_machine_has_its_facts_and_seconds_of_work_or_none() -> None:
    released, ended = _report(*MIXED)["machines"][:2]
    facts = {"label": RUN, "class": "large", "type": "c7i.large", "usage": "on-demand"}
    assert released == {"id": IDS[0], **facts, "worked_seconds": 600, "result": "released", "reason": ""}
    reason = Reason.NEVER_RAN.value
    assert ended == {"id": IDS[1], **facts, "worked_seconds": None, "result": "ended", "reason": reason}


def test_a_failed_release_has_its_exit_code_and_errors() -> None:
    report = _report(Failed(give_back(), DOWN))
    assert report["exit_code"] == 1
    assert report["machines"][0]["reason"] == str(DOWN)
