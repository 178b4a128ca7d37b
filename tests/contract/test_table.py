"""docs/table.md and the code agree on kinds of items, attributes, names, conditions and the collector's rules."""

from __future__ import annotations

import itertools
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh.agent.table import Table
from refresh.agent.user_data import StoredScript
from refresh.desired import RunnerScope
from refresh.pool import lifecycle, names, ownership, records, runs, transitions, warm_pool_item
from refresh.pool.ec2_instances import Ec2Instance, Ec2State
from refresh.pool.launch_causes import Cause
from refresh.pool.names import Repository
from refresh.pool.ownership import TemplateIds
from refresh.pool.records import InstanceRecord, wire_time
from refresh.pool.usage import UsageClass
from refresh.pool.warm_pool_item import Pending, Unready, WarmState
from refresh.reconciler.garbage_collector import apply, policy
from refresh.reconciler.garbage_collector.changes import Adopt, Clean, Mark, Reason
from refresh.reconciler.garbage_collector.skip_reasons import SkipReason
from tests.fakes.desired import desired
from tests.fakes.serial import NOW
from tests.unit.agent.stand_ins import FakeAws, FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from refresh.ports import Clients
    from tests.fakes.world import World

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "table.md").read_text()
COMMON = {"PK", "SK", "entityType", "identifier", "updatedAt"}
ID = "i-0123456789abcdef0"
RECORD = InstanceRecord(id=ID, state="running", run_id="7", threshold="2020-01-31T09:05:00Z")
(ADOPTION,) = apply.adopt("table", "url", Adopt(ID, "7", NOW, NOW))
REQUEST = runs.RunRequest(
    label="7",
    resource_class="large",
    usage_class="any",
    count=1,
    instance_types=("c*",),
    max_runtime=timedelta(),
    reuse=True,
    attempt=1,
    link="",
    holder="process",
    deadline=NOW,
    asked_at=NOW,
)
OLD = NOW - desired().max_instance_age - timedelta(seconds=1)
THRESHOLDS = {
    "past": wire_time(NOW - timedelta(seconds=1)),
    "ahead": wire_time(NOW + timedelta(seconds=1)),
    "further ahead": wire_time(NOW + policy.LONGEST_LEASE + timedelta(seconds=1)),
    "unreadable": "soon",
    "none": None,
}
MARKED = {
    "marked more than": wire_time(NOW - policy.UNKNOWN_GRACE - timedelta(seconds=1)),
    "": wire_time(NOW - policy.UNKNOWN_GRACE),
    "its mark has no": "once",
}
"""The time of a mark, by the words of the page."""

WARM = WarmState(
    unready={"i-00000001": Unready(resource_class="large", at=NOW)},
    pending={"large": Pending(token="token", label="warm-77-large", count=1, usage_class=UsageClass.SPOT, at=NOW)},
)
"""The item of launches, with a member of each kind."""


def _rows(title: str, number: int = 0) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    tables = [block.splitlines() for block in section.split("\n\n") if block.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in tables[number][2:]]


def _quoted(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _shape(wire: Mapping[str, Any]) -> str:
    """Write the types of a stored value as the page does; one class or version stands for all."""
    if "L" in wire:
        return "L of S"
    if "M" not in wire:
        return next(iter(wire))
    members = {name: _shape(value) for name, value in wire["M"].items()}
    if "large" in members:
        members = {"<class>": members["large"]}
    if any(name.startswith("i-") for name in members):
        members = {"<instance>": next(iter(members.values()))}
    if any(name[0].isdigit() for name in members):
        members = {"<version>": next(iter(members.values()))}
    return f"M {{{', '.join(f'{name}: {shape}' for name, shape in members.items())}}}"


def test_the_page_has_every_kind_of_item_with_its_key() -> None:
    assert {_quoted(row[0])[0] for row in _rows("Keys")} == set(records.item("X", "x", NOW)) == COMMON
    kinds = [_quoted(row[0])[0] for row in _rows("Keys", 1)]
    known = [records.METADATA, records.INSTANCE, records.AGENT, records.HEARTBEAT, records.SIGNAL, records.HISTORY]
    assert kinds == [*known, records.SETTINGS, records.RUN]
    for kind in kinds:
        assert re.search(rf"^## .*\b{kind}\b", PAGE, re.MULTILINE), kind
    assert (names.partition_key(""), names.sort_key("")) == tuple(_quoted(row[2])[0] for row in _rows("Keys")[:2])


def test_the_page_has_every_metadata_item_and_the_settings_as_a_run_writes_them(
    refreshed: World, clients: Clients
) -> None:
    script = "#" * 2000
    refreshed.refresh(max_instances='{"large": 20}', pre_runner_script=script, daily_summary="00:00")
    rows = _rows("METADATA")
    optional = [names.WARM_POOL_IDENTIFIER, names.DAILY_SUMMARY_IDENTIFIER]
    assert [_quoted(row[0])[0] for row in rows] == [*names.METADATA_IDENTIFIERS, names.STORED_SCRIPTS, *optional]
    stored = {item["identifier"]["S"]: item["value"] for item in refreshed.items(clients).values()}
    stored[names.STORED_SCRIPTS] = stored.pop(StoredScript(script).identifier)
    stored[names.WARM_POOL_IDENTIFIER] = warm_pool_item.to_wire(WARM)
    (settings,) = _rows("SETTINGS")
    assert [*map(_quoted, settings[:2])] == [["doors"], [_shape(stored.pop("doors"))]]
    assert {_quoted(row[0])[0]: _quoted(row[1])[0] for row in rows} == {
        identifier: _shape(value) for identifier, value in stored.items()
    }
    refreshed.refresh(runner_scope=RunnerScope.ORGANIZATION.value)
    token = _shape(refreshed.metadata(clients, names.REGISTRATION_TOKEN_IDENTIFIER))
    row = next(row for row in rows if row[0] == f"`{names.REGISTRATION_TOKEN_IDENTIFIER}`")
    assert token == f"{_quoted(row[1])[0][:-1]}, {_quoted(row[2])[1]}}}"


def test_the_page_has_every_attribute_of_records_and_history() -> None:
    rows = _rows("INSTANCE")
    attributes = [_quoted(row[0])[0] for row in rows]
    assert {*attributes} == {*records.INSTANCE_ATTRIBUTES} - COMMON
    assert {*ADOPTION["Put"]["Item"]} - COMMON <= {*attributes}
    assert {row[0]: row[1] for row in rows if row[1] != "S"} == {"`busySeconds`": "N"}
    assert {*_quoted(rows[0][2])} == {*records.LIVING_STATES, records.TERMINATED}
    ours = [row for row in rows if row[2].startswith("optional: ")]
    assert [_quoted(row[0])[0] for row in ours] == [*records.DOOR_ATTRIBUTES]
    assert all(row[3].startswith(("our ", "refresh")) for row in ours)
    assert _quoted(rows[attributes.index("endedReason")][2]) == [reason.value for reason in Reason]
    ended = tuple((name, "") for name in records.ENDED_ATTRIBUTES)
    optional: dict[str, Any] = {"launched_at": wire_time(OLD), "template_version": "3", "cut_off": "7"}
    history = records.history_item(evolve(RECORD, ended=ended, **optional), NOW)
    assert {*history} == {*records.HISTORY_ATTRIBUTES, *COMMON, records.TIME_TO_LIVE_ATTRIBUTE}
    listed = {name: row[1] for row in _rows("HISTORY") for name in _quoted(row[0])}
    assert listed == {name: _shape(value) for name, value in history.items() if name not in COMMON}
    assert f"for {records.HISTORY_LIFETIME.days} days" in PAGE


def test_the_page_has_the_members_of_a_run_with_their_types() -> None:
    assert {_quoted(row[0])[0]: row[1] for row in _rows("RUN")} == runs.VALUE
    assert f"DynamoDB deletes the item {records.RUN_LIFETIME.days} days later" in PAGE


def test_the_page_has_the_condition_of_the_lease() -> None:
    lease = runs.lease("table", REQUEST, NOW)
    read = {*re.findall(r"#(\w+)", lease["ConditionExpression"])} - {"value"}
    prose = PAGE.partition("The item is also a lease")[2].partition("\n## ")[0]
    assert read == {"attempt", "result", "deadline", "rescues"} <= {*_quoted(prose)}
    results = {_quoted(row[0])[0]: row[2] for row in _rows("RUN")}
    assert {runs.PROVIDED, runs.FAILED} <= {*_quoted(results["result"])}


def test_the_page_has_every_cause_for_which_a_launch_fails() -> None:
    meanings = {_quoted(row[0])[0]: row[2] for row in _rows("RUN")}
    assert _quoted(meanings[runs.FAILURES]) == [*(each.value for each in Cause), runs.NEVER_READY]


def test_our_provision_writes_what_the_page_says_that_it_sets() -> None:
    """Both what each write sets besides state and time, and whether it needs the threshold ahead."""
    rows = [row for row in _rows("INSTANCE", 1) if row[2].startswith("our `provision`")]
    states = [(*_quoted(row[0]), *_quoted(row[1])) for row in rows]
    assert states == [
        ("created",),
        ("created", "claimed"),
        ("created", "running"),
        ("running",),
        ("idle", "claimed"),
        ("claimed", "running"),
        ("claimed", "idle"),
    ]
    assert {"threshold` ahead" in row[3] for row in rows[1:]} == {True}
    minutes = {lifecycle.CREATED_FOR: rows[0], lifecycle.CLAIMED_FOR: rows[4]}
    assert [f"in {each // timedelta(minutes=1)} minutes" in row[4] for each, row in minutes.items()] == [True] * 2


def test_the_page_has_the_items_that_the_agent_writes() -> None:
    aws = FakeAws()
    table = Table(aws, FakeClock(), "table", ID, shared=True)  # type: ignore[arg-type]
    table.report.update(reclaimedAt="2027-01-15T08:00:00Z", cutOff="7")
    table.signal("UD_OK", "7")
    table.beat()
    shapes = {item["entityType"]["S"]: _shape(item["value"]) for item in aws.items.values()}
    assert {frozenset(item) for item in aws.items.values()} == {frozenset({*COMMON, "value", "expiresAt"})}
    listed = {_quoted(row[0])[0]: _quoted(row[1])[0] for row in _rows("HEARTBEAT and WS")}
    assert listed == {"HEARTBEAT": shapes["HEARTBEAT"], "WS": shapes["WS"]}
    members = ", ".join(f"{_quoted(row[0])[0]}: {row[1]}" for row in _rows("AGENT"))
    assert sorted(members.split(", ")) == sorted(shapes["AGENT"].removeprefix("M {").removesuffix("}").split(", "))
    program = "".join(path.read_text() for path in (ROOT / "refresh" / "agent").glob("*.py"))
    signals = set(re.findall(r'"(UD_(?:[A-Z]+_)*(?:OK|FAILED))"', program))
    for stem in re.findall(r'"(UD_[A-Z_]+_)" \+ \("OK" if', program):
        signals |= {f"{stem}OK", f"{stem}FAILED"}
    assert {state for row in _rows("HEARTBEAT and WS", 1) for state in _quoted(row[0])} == signals


def test_the_page_has_the_names_of_everything_and_where_they_are_cut() -> None:
    repository = Repository("OWNER", "REPO")
    table, template, queue = _rows("Names in AWS")
    assert _quoted(table[1]) == [names.table(repository)]
    assert _quoted(template[1]) == [names.launch_template(repository)]
    assert _quoted(queue[1]) == [names.queue(repository, "CLASS")]
    long = Repository("o" * 39, "r" * 100)
    assert f"{len(names.launch_template(long))} characters" in template[2]
    assert _quoted(template[2])[0] in names.launch_template(long)
    assert f"{len(names.queue(long, 'CLASS'))} characters" in queue[2]
    assert _quoted(queue[2])[-1] in names.queue(long, "CLASS")
    tags = [_quoted(row[0])[0] for row in _rows("Names in AWS", 1)]
    assert tags == list(ownership.TAGS)


def test_the_page_has_every_transition_of_refresh_with_its_condition() -> None:
    rows = _rows("INSTANCE", 1)
    states = {state for row in rows for cell in row[:2] for state in _quoted(cell)}
    assert states == {*records.LIVING_STATES, records.TERMINATED}
    ours = {_quoted(row[2])[0]: {*_quoted(row[3])} - {records.TERMINATED} for row in rows if "refresh" in row[2]}
    expired, vanished, abandoned = (
        apply.mark("table", "url", Mark(RECORD, reason, NOW))[0]["Update"]
        for reason in (Reason.EXPIRED, Reason.VANISHED, Reason.ABANDONED)
    )
    judged = [{*re.findall(r"#(\w+)", each["ConditionExpression"])} for each in (expired, abandoned)]
    assert judged == [ours["Mark"] - {"updatedAt"}, ours["Mark"]]
    assert ours["Mark"] == {"state", "runId", "threshold", "updatedAt"}
    assert ("#threshold <" in expired["ConditionExpression"], "<" in vanished["ConditionExpression"]) == (True, False)
    assert (ours["Adopt"], ours["Clean"]) == (set(), {"state"})
    released = lifecycle.update("table", RECORD, {"state": lifecycle.IDLE}, lifecycle.Threshold.AHEAD, NOW)
    read = {*re.findall(r"#(\w+)", released["ConditionExpression"])}
    doors = [row for row in rows if row[2].startswith("our ") and row[0] != transitions.NO_RECORD]
    theirs = [{*_quoted(row[3])} for row in doors]
    assert theirs == [read] * len(theirs) == [{"state", "runId", "threshold"}] * len(theirs) != []
    cleaned = apply.clean("table", NOW, Clean(RECORD))[0]["Delete"]
    assert ADOPTION["Put"]["ConditionExpression"] == "attribute_not_exists(PK)"
    assert cleaned["ConditionExpression"] == "attribute_not_exists(PK) OR #state = :terminated"
    written = {name.strip("#") for name in expired["ExpressionAttributeNames"]}
    assert written == {"state", "runId", "threshold", "updatedAt", "busySeconds", *records.ENDED_ATTRIBUTES}


Case = tuple[InstanceRecord, Ec2Instance, "dict[str, str]"]


def _cases() -> Iterator[Case]:
    """Return every record with every instance of the pool, and what the page's columns say of it."""
    for state, ec2, old in itertools.product(sorted(records.LIVING_STATES), Ec2State, (False, True)):
        for threshold, value in THRESHOLDS.items():
            instance = Ec2Instance(ID, ec2, OLD if old else NOW, {ownership.TEMPLATE_TAG: "lt-ours"})
            record = InstanceRecord(id=ID, state=state, run_id="", threshold=value)
            yield record, instance, {"threshold": threshold, "and": "launched longer ago" if old else ""}
    for (words, value), ec2 in itertools.product(MARKED.items(), Ec2State):
        instance = Ec2Instance(ID, ec2, OLD, {ownership.TEMPLATE_TAG: "lt-ours"})
        record = InstanceRecord(id=ID, state=records.TERMINATED, run_id="", threshold="", updated_at=value)
        yield record, instance, {"and": words}


def _fits(row: list[str], case: Case) -> bool:
    record, instance, facts = case
    kind, threshold, ec2, also, _ = row
    there = kind == f"`{record.state}`" or (kind == "living" and record.state in records.LIVING_STATES)
    in_time = threshold in ("any", facts.get("threshold")) or (
        facts.get("threshold") == "further ahead" and threshold.startswith(("ahead", "further ahead"))
    )
    in_ec2 = ec2 in {"any", f"`{instance.state.value}`"} or (ec2 == "alive" and instance.state.alive)
    return there and in_time and in_ec2 and (not also or bool(facts["and"] and also.startswith(facts["and"])))


def _planned(verdict: policy.Verdict) -> str:
    match verdict:
        case SkipReason():
            return "the run fails" if verdict.fails else "a warning"
        case Mark():
            return f"`Mark`, `{verdict.reason.value}`"
        case None:
            return "nothing"
        case _:
            return f"`{type(verdict).__name__}`"


def test_the_page_has_the_rules_of_the_collector() -> None:
    """In every case the first row that fits says what is planned, and each row is used."""
    rows = _rows("What the collector plans")
    used = set()
    for case in _cases():
        record, instance, _ = case
        verdict = policy.judge(desired(), record, instance, TemplateIds("lt-ours"), NOW)
        number, row = next((number, row) for number, row in enumerate(rows) if _fits(row, case))
        used.add(number)
        assert row[4].partition(":")[0] == _planned(verdict), (row, record, instance)
    assert used == {*range(len(rows))}


@pytest.mark.parametrize(
    "words",
    [
        f"further ahead than {policy.LONGEST_LEASE // timedelta(hours=1)} hours",
        f"more than {policy.UNRECORDED_GRACE // timedelta(minutes=1)} minutes ago",
        f"marked more than {policy.UNKNOWN_GRACE // timedelta(minutes=1)} minutes ago",
        f"more than {lifecycle.LARGEST_SKEW // timedelta(minutes=1)} minutes between".replace("1 minutes", "a minute"),
    ],
)
def test_the_page_has_the_figures_of_the_collector(words: str) -> None:
    assert words in " ".join(PAGE.split())
