"""The RUN item: a lease on the label, what was asked for, and what `release` reads of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.pool import records, runs
from refresh.pool.runs import FAILED, PROVIDED, Answer, ProvisionedRun, RunRequest
from tests.fakes.memory import expressions
from tests.fakes.serial import NOW

LABEL = "4711-build"


@pytest.mark.parametrize(
    ("value", "reuse"),
    [
        ({"M": {"reuse": {"BOOL": False}}}, False),
        ({"M": {"reuse": {"BOOL": True}}}, True),
        ({"M": {}}, True),
        ({"M": {"reuse": {"S": "false"}}}, True),
        ({"S": "broken"}, True),
        (None, True),
    ],
)
def test_machines_are_reused_unless_the_item_says_no(value: Any, *, reuse: bool) -> None:
    """A broken item ends no machine."""
    item = {**records.item(records.RUN, LABEL, NOW), **({"value": value} if value else {})}
    assert runs.from_item(item) == ProvisionedRun(label=LABEL, reuse=reuse)


def test_what_is_read_is_a_member_of_the_value() -> None:
    assert runs.VALUE[runs.REUSE] == "BOOL"


REQUEST = RunRequest(
    label=LABEL,
    resource_class="large",
    usage_class="any",
    count=3,
    instance_types=("c*", "m7i.large"),
    max_runtime=timedelta(hours=2),
    reuse=False,
    attempt=2,
    link="https://github.com/octo/widgets/actions/runs/4711",
    holder="this process",
    deadline=NOW + timedelta(minutes=11),
    asked_at=NOW,
)


def _held(**changed: Any) -> records.Item:
    """Give the item of a provision that began a moment ago."""
    item: records.Item = runs.lease("table", evolve(REQUEST, holder="another", **changed), NOW)["Item"]
    return item


def _holds(put: dict[str, Any], item: records.Item | None) -> bool:
    names, values = put["ExpressionAttributeNames"], put["ExpressionAttributeValues"]
    return expressions.holds(put["ConditionExpression"], item, names, values)


@pytest.mark.parametrize(
    ("changed", "seconds", "free"),
    [
        ({}, 0, False),
        ({"attempt": 1}, 0, True),
        ({"attempt": 3}, 0, False),
        ({}, 660, False),
        ({}, 661, True),
    ],
)
def test_the_label_is_free_for_a_later_attempt_or_once_the_lease_is_over(
    changed: dict[str, Any], seconds: float, *, free: bool
) -> None:
    assert _holds(runs.lease("table", REQUEST, NOW + timedelta(seconds=seconds)), _held(**changed)) is free


@pytest.mark.parametrize(("result", "free"), [(PROVIDED, False), (FAILED, True)])
def test_the_label_is_free_after_a_failure(result: str, *, free: bool) -> None:
    """A success keeps it: a second provision of the attempt is a mistake, whenever it begins."""
    item = runs.conclusion("table", evolve(REQUEST, holder="another"), result, NOW)["Item"]
    assert _holds(runs.lease("table", REQUEST, NOW + timedelta(days=1)), item) is free
    assert _holds(runs.lease("table", REQUEST, NOW), None)


@pytest.mark.parametrize(
    ("result", "before", "now", "free"),
    [(PROVIDED, 1, 0, True), (PROVIDED, 1, 2, False), (PROVIDED, 0, 0, False), ("", 1, 0, False), ("", 0, 1, False)],
)
def test_a_job_of_the_run_takes_over_what_refresh_has_provided(
    result: str, before: int, now: int, *, free: bool
) -> None:
    """Not while refresh provides, and refresh takes nothing over from anyone."""
    item = runs.conclusion("table", evolve(REQUEST, holder="another", rescues=before), result, NOW)["Item"]
    assert _holds(runs.lease("table", evolve(REQUEST, rescues=now), NOW), item) is free


@pytest.mark.parametrize("result", ["", PROVIDED, FAILED])
def test_a_whole_item_is_read_as_it_was_written(result: str) -> None:
    request = evolve(REQUEST, rescues=2)
    item = runs.conclusion("table", request, result, NOW)["Item"]
    assert runs.requested(item) == runs.KnownRun(request=request, result=result)


@pytest.mark.parametrize(
    ("member", "content"),
    [
        ("resourceClass", None),
        ("resourceClass", {"S": ""}),
        ("usageClass", {"S": "reserved"}),
        ("count", {"N": "0"}),
        ("count", {"N": "101"}),
        ("count", {"S": "1"}),
        ("instanceTypes", {"L": []}),
        ("instanceTypes", {"L": [{"S": "c*"}, {"N": "1"}]}),
        ("instanceTypes", {"L": [{"S": "C*"}]}),
        ("instanceTypes", {"L": [{"S": "c*"}] * 401}),
        ("maxRuntimeMin", None),
        ("maxRuntimeMin", {"N": "-1"}),
        ("maxRuntimeMin", {"N": "7201"}),
        ("attempt", {"N": "0"}),
        ("deadline", {"S": "soon"}),
        ("result", {"S": "perhaps"}),
        ("result", None),
    ],
)
def test_an_item_that_provision_never_writes_is_not_read(member: str, content: Any) -> None:
    """Otherwise anyone who can write to the table could choose what refresh launches."""
    item = runs.conclusion("table", REQUEST, PROVIDED, NOW)["Item"]
    item["value"]["M"][member] = content or {"NULL": True}
    assert runs.requested(item) is None


@pytest.mark.parametrize("rescues", [None, {"N": "-3"}, {"S": "x"}])
def test_an_older_item_was_never_rescued(rescues: Any) -> None:
    item = runs.conclusion("table", REQUEST, PROVIDED, NOW)["Item"]
    del item["value"]["M"]["rescues"]
    item["value"]["M"] |= {"rescues": rescues} if rescues else {}
    known = runs.requested(item)
    assert known
    assert known.request.rescues == 0


@pytest.mark.parametrize(
    ("changed", "result", "seconds"),
    [
        ({}, "", 0),
        ({}, "", 661),
        ({"attempt": 1}, "", 0),
        ({"attempt": 1}, PROVIDED, 0),
        ({"attempt": 3}, PROVIDED, 0),
        ({"attempt": 3}, FAILED, 0),
        ({}, PROVIDED, 0),
        ({}, FAILED, 0),
        ({"rescues": 1}, PROVIDED, 0),
    ],
)
def test_a_label_seems_free_for_a_rescue_just_where_it_can_be_taken(
    changed: dict[str, Any], result: str, seconds: float
) -> None:
    item = runs.conclusion("table", evolve(REQUEST, holder="another", **changed), result, NOW)["Item"]
    now, known = NOW + timedelta(seconds=seconds), runs.requested(item)
    assert known
    assert known.free_for(2, now) is _holds(runs.lease("table", evolve(REQUEST, rescues=1), now), item)


def test_only_the_process_that_holds_the_label_writes_its_result() -> None:
    conclusion = runs.conclusion("table", REQUEST, PROVIDED, NOW)
    assert _holds(conclusion, runs.lease("table", REQUEST, NOW)["Item"])
    assert not _holds(conclusion, _held())
    assert not _holds(conclusion, None)


def test_what_was_asked_for_is_in_the_form_of_the_page() -> None:
    answer = Answer(held=1, launched=2, failures={"capacity": 3}, skew=timedelta(seconds=2))
    item = runs.conclusion("table", REQUEST, PROVIDED, NOW + timedelta(minutes=1), answer)["Item"]
    assert item["value"] == {
        "M": {
            "resourceClass": {"S": "large"},
            "usageClass": {"S": "any"},
            "count": {"N": "3"},
            "instanceTypes": {"L": [{"S": "c*"}, {"S": "m7i.large"}]},
            "maxRuntimeMin": {"N": "120"},
            "reuse": {"BOOL": False},
            "attempt": {"N": "2"},
            "rescues": {"N": "0"},
            "link": {"S": "https://github.com/octo/widgets/actions/runs/4711"},
            "holder": {"S": "this process"},
            "deadline": {"S": "2026-01-31T09:16:00Z"},
            "result": {"S": "provided"},
            "askedAt": {"S": "2026-01-31T09:05:02Z"},
            "answeredAt": {"S": "2026-01-31T09:06:00Z"},
            "held": {"N": "1"},
            "claimed": {"N": "0"},
            "launched": {"N": "2"},
            "failures": {"M": {"capacity": {"N": "3"}}},
            "hosted": {"BOOL": False},
            "machines": {"BOOL": True},
        }
    }
    assert list(item["value"]["M"]) == list(runs.VALUE)
    assert item["expiresAt"] == {"N": str(int((NOW + timedelta(minutes=1) + records.RUN_LIFETIME).timestamp()))}


def test_the_doors_read_who_has_the_label() -> None:
    assert runs.from_item(_held()) == ProvisionedRun(
        label=LABEL, reuse=False, link=REQUEST.link, holder="another", attempt=2, result=""
    )


@pytest.mark.parametrize("machines", [True, False])
def test_an_item_tells_whether_the_label_may_have_machines_of_a_provision(*, machines: bool) -> None:
    item = runs.conclusion("table", REQUEST, FAILED, NOW, Answer(machines=machines))["Item"]
    known = runs.from_item(item)
    assert (known.may_leave_machines, known.reuse) == (machines, not machines)
    assert runs.from_item(_held()).may_leave_machines
    assert not runs.from_item({}).may_leave_machines
