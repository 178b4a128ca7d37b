"""The outputs of a provision, for the jobs that use its machines."""

from __future__ import annotations

import json
from datetime import datetime

import pytest
from attrs import frozen

from refresh.output.provision_outputs import CLAIMED, HELD, LAUNCHED, OUTPUTS, outputs
from tests.fakes.serial import NOW


@frozen
class _Machine:
    id: str
    origin: str


@frozen
class _Run:
    label: str
    ready: tuple[_Machine, ...] = ()
    ends_at: datetime | None = None
    available: bool = False


MACHINES = tuple(_Machine(f"i-{number:017x}", each) for number, each in enumerate((HELD, CLAIMED, CLAIMED, LAUNCHED)))


def test_outputs_count_and_name_the_machines() -> None:
    assert outputs(_Run("77-tests", MACHINES, NOW, available=True), "provision-report.json") == {
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
    values = outputs(_Run("ubuntu-latest"), "")
    assert (values["label"], values["labels"], values["available"]) == ("ubuntu-latest", '["ubuntu-latest"]', "false")
    assert [values[name] for name in ("count", "claimed-count", "launched-count")] == ["0", "0", "0"]
    assert (values["instance-ids"], values["ends-at"], values["report-path"]) == ("[]", "", "")


@pytest.mark.parametrize("each", OUTPUTS, ids=lambda each: each.name)
def test_an_output_keeps_its_declared_type(each: object) -> None:
    ((name, kind),) = [(out.name, out.type) for out in OUTPUTS if out is each]
    value = outputs(_Run("77", MACHINES, NOW, available=True), "x")[name]
    assert {"boolean": value in {"true", "false"}, "integer": value.isdecimal(), "string": bool(value)}[kind]
