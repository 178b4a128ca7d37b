"""The outputs of a release, for the workflow's next steps."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from refresh.engine.change import Failed
from refresh.output.release_outputs import OUTPUTS, outputs
from refresh.pool.records import wire_time
from tests.unit.output import releases
from tests.unit.output.releases import DOWN, MIXED, give_back
from tests.unit.release.pools import IDS, after, record


def test_outputs_count_and_name_the_machines() -> None:
    values = outputs(releases.run(*MIXED, Failed(give_back(5), DOWN)), "release-report.json")
    assert values == {
        "released-count": "2",
        "ended-count": "1",
        "instance-ids": json.dumps([IDS[0], IDS[2], IDS[1]], separators=(",", ":")),
        "minutes": "20",
        "report-path": "release-report.json",
    }
    assert list(values) == [each.name for each in OUTPUTS]


def test_outputs_of_a_release_of_nothing_are_zeros() -> None:
    assert outputs(releases.run(), "") == {
        "released-count": "0",
        "ended-count": "0",
        "instance-ids": "[]",
        "minutes": "0",
        "report-path": "",
    }


@pytest.mark.parametrize(("seconds", "minutes"), [(0, "0"), (1, "1"), (60, "1"), (61, "2"), (7199, "120")])
def test_a_begun_minute_is_counted(seconds: int, minutes: str) -> None:
    change = evolve(give_back(), record=record(updated_at=wire_time(after(-seconds))))
    assert outputs(releases.run(*releases.done(change)), "")["minutes"] == minutes


def test_a_list_of_many_machines_is_cut_and_still_a_list() -> None:
    changes = [give_back(id=f"i-{number:017x}") for number in range(1000)]
    values = outputs(releases.run(*releases.done(*changes)), "")
    assert len(values["instance-ids"]) <= 16 * 1024
    assert 700 < len(json.loads(values["instance-ids"])) < 1000
    assert values["released-count"] == "1000"
