"""The outputs of a provision, for the jobs that use its machines."""

from __future__ import annotations

import json
from typing import Any

import pytest

from refresh.desired import DesiredProvision
from refresh.engine.report import ComponentReport
from refresh.output.provision_outputs import OUTPUTS, outputs
from refresh.output.provision_run import ProvisionRun, ReadyMachine
from refresh.pool.runs import CLAIMED, HELD, LAUNCHED
from tests.fakes.desired import REGION, REPOSITORY
from tests.fakes.serial import NOW

MACHINES = tuple(
    ReadyMachine(id=f"i-{number:017x}", origin=each, ends_at=NOW)
    for number, each in enumerate((HELD, CLAIMED, CLAIMED, LAUNCHED))
)


def _run(name: str, *machines: ReadyMachine, **wanted: Any) -> ProvisionRun:
    desired = DesiredProvision(repository=REPOSITORY, region=REGION, run_id="77", name=name, count=4, **wanted)
    return ProvisionRun(
        desired=desired,
        component=ComponentReport(name="provision"),
        ready=machines,
        available=bool(machines),
        started_at=NOW,
        finished_at=NOW,
    )


def test_outputs_count_and_name_the_machines() -> None:
    assert outputs(_run("tests", *MACHINES), "provision-report.json") == {
        "label": "77-tests",
        "labels": '["77-tests"]',
        "count": "4",
        "claimed-count": "2",
        "launched-count": "1",
        "instance-ids": json.dumps([each.id for each in MACHINES], separators=(",", ":")),
        "ends-at": "2026-01-31T09:05:00Z",
        "available": "true",
        "report-path": "provision-report.json",
    }


def test_without_machines_the_hosted_runner_has_the_label() -> None:
    values = outputs(_run("", if_unavailable="ubuntu-latest"), "")
    assert (values["label"], values["labels"], values["available"]) == ("ubuntu-latest", '["ubuntu-latest"]', "false")
    assert [values[name] for name in ("count", "claimed-count", "launched-count")] == ["0", "0", "0"]
    assert (values["instance-ids"], values["ends-at"], values["report-path"]) == ("[]", "", "")


@pytest.mark.parametrize("each", OUTPUTS, ids=lambda each: each.name)
def test_an_output_keeps_its_declared_type(each: object) -> None:
    ((name, kind),) = [(out.name, out.type) for out in OUTPUTS if out is each]
    value = outputs(_run("", *MACHINES), "x")[name]
    assert {"boolean": value in {"true", "false"}, "integer": value.isdecimal(), "string": bool(value)}[kind]
