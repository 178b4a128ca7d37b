"""The step's outputs: what the next step needs, and no more than it can take."""

from __future__ import annotations

import json

from refresh.engine.change import Done
from refresh.engine.report import ComponentReport, Report
from refresh.output import step_outputs
from refresh.pool.records import InstanceRecord
from refresh.pool.snapshot import PoolSnapshot
from refresh.reconciler.garbage_collector.changes import Clean, Terminate
from refresh.reconciler.launch_template.changes import CreateVersion
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.serial import NOW

ID = "i-0123456789abcdef0"
ENDED = InstanceRecord(id=ID, state="terminated", run_id=None, threshold=None)


def test_every_output_is_a_text() -> None:
    outcomes = (Done(Paint()), Done(Terminate(ID)), Done(Clean(ENDED)))
    components = (
        ComponentReport(name="garbage collector", planned=(Terminate(ID), Paint()), outcomes=outcomes),
        ComponentReport(name="launch template", error=REFUSAL),
    )
    pool = PoolSnapshot(
        template_id="lt-1", template_version=3, queues=(("large", "https://x/q"),), token_expires_at=NOW
    )
    values = step_outputs.outputs(Report(components, pool=pool), "refresh-report.json")
    plan = json.loads(values.pop("plan"))
    assert [(each["component"], each["action"]) for each in plan] == [
        ("garbage collector", "terminate"),
        ("garbage collector", "paint"),
    ]
    assert values == {
        "changed": "true",
        "drift": "true",
        "planned-count": "2",
        "launch-template-id": "lt-1",
        "launch-template-version": "3",
        "queue-urls": '{"large":"https://x/q"}',
        "terminated-count": "1",
        "terminated-instance-ids": f'["{ID}"]',
        "registration-token-expires-at": "2026-01-31T09:05:00Z",
        "failed-components": '["launch template"]',
        "report-path": "refresh-report.json",
    }


def test_an_output_is_empty_where_nothing_was_seen_or_done() -> None:
    values = step_outputs.outputs(Report(()), "")
    assert {name: value for name, value in values.items() if value} == {
        **dict.fromkeys(("changed", "drift"), "false"),
        **dict.fromkeys(("plan", "terminated-instance-ids", "failed-components"), "[]"),
        **dict.fromkeys(("planned-count", "terminated-count"), "0"),
        "queue-urls": "{}",
    }


def test_the_next_step_can_use_every_output_of_a_large_pool() -> None:
    """Also all together as GitHub's `toJSON` writes them: Linux takes 128 KiB in a variable or an argument."""
    ids = [f"i-{number:017x}" for number in range(5000)]
    changes = tuple(map(Terminate, ids))
    planned = ComponentReport(name="garbage collector", planned=changes, outcomes=tuple(map(Done, changes)))
    url = "https://vpce-0123456789abcdef0-01234567.sqs.us-gov-west-1.vpce.amazonaws.com/123456789012"
    queues = tuple((f"class{number}" * 8, f"{url}/{'q' * 80}") for number in range(50))
    values = step_outputs.outputs(Report((planned,), pool=PoolSnapshot(queues=queues)), "refresh-report.json")
    assert len(json.dumps(values, indent=2)) < 128 * 1024
    assert 50 < len(json.loads(values["plan"])) < 5000
    assert json.loads(values["terminated-instance-ids"]) == ids[:744]
    assert len(json.loads(values["queue-urls"])) == 50
    assert (values["planned-count"], values["terminated-count"]) == ("5000", "5000")


def test_a_change_with_a_long_text_is_planned_without_its_differences() -> None:
    """An empty plan would say that nothing is due."""
    script = "echo\n" * step_outputs.PLAN_LIMIT
    version = CreateVersion("lt-1", 1, (("UserData", ""),), (("UserData", script),), {})
    component = ComponentReport(name="launch template", planned=(version,))
    (planned,) = json.loads(step_outputs.outputs(Report((component,)), "")["plan"])
    assert (planned["action"], planned["differences"]) == ("create", [])
    assert "report file" in planned["note"]
