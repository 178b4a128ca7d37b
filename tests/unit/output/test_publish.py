"""What a run prints: a group a component, a line a change, and annotations for what went wrong."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import pytest
from attrs import frozen

from refresh import errors, inputs
from refresh.desired import Mode
from refresh.engine.change import Change, Done, Failed, Postponed, Skipped, Unchecked
from refresh.engine.report import ComponentReport, Report
from refresh.output import change_list, publish
from refresh.workflow import log
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.literals import good

if TYPE_CHECKING:
    from collections.abc import Callable


@frozen
class Mow(Change):
    noun: ClassVar[str] = "lawn"
    verb: ClassVar[str] = "mow"
    done: ClassVar[str] = "mown"

    @property
    def subject(self) -> str:
        """Name it."""
        return "front"

    @property
    def note(self) -> str:
        """Say why."""
        return "too long"


def _printed(use: Callable[[Commands], None]) -> list[str]:
    """Give the lines that are printed meanwhile."""
    raw = io.StringIO()
    with contextlib.redirect_stdout(raw):
        use(Commands({}, RedactingStream(raw)))
    return raw.getvalue().splitlines()


def _component(report: ComponentReport) -> list[str]:
    return [line.removeprefix("  ") for line in _printed(lambda commands: publish.component(commands, report))]


def test_a_component_is_a_group_with_a_line_a_change() -> None:
    """Then what was skipped, what failed, what is pending, notes, warnings and errors."""
    report = ComponentReport(
        name="garden",
        outcomes=(Done(Paint()), Skipped(Paint("red"), "raced"), Failed(Paint("blue"), REFUSAL), Done(Mow())),
        pending=(Paint(),),
        warnings=("it rains",),
        notes=("the gate is locked",),
        duration=timedelta(seconds=2),
    )
    assert _component(report) == [
        "garden: failed (2.0 s)",
        "garden_fence.painted          green  colour: (none) -> green",
        "lawn.mown                     front  reason: too long",
        "change.skipped                paint garden fence red  reason: raced",
        "change.pending                paint garden fence green  note: acknowledged by AWS, not yet read back",
        "notice: garden: the gate is locked",
        "warning: garden: it rains",
        f"error: garden: paint garden fence blue: {REFUSAL}",
    ]


def test_a_plan_is_told_as_what_would_be_done_and_what_would_follow() -> None:
    """With the fields, and what follows under what it follows from."""
    report = ComponentReport(name="garden", mode=Mode.PLAN, planned=(Paint(), Mow()), following=(Mow(), Paint("red")))
    assert _component(report) == [
        "garden: would change 2 (0.0 s)",
        "~ paint garden fence green",
        "      colour: (none) -> green",
        "~ mow lawn front (too long)",
        "    then mow lawn front",
        "    then paint garden fence red",
    ]


@pytest.mark.parametrize(
    ("number", "lines"), [(change_list.LINES_PER_KIND, change_list.LINES_PER_KIND), (change_list.LINES_PER_KIND + 1, 1)]
)
def test_many_changes_of_a_kind_are_one_line_with_their_number(number: int, lines: int) -> None:
    """And the other kinds keep theirs."""
    changes = tuple(Paint(str(each)) for each in range(number))
    done = _component(ComponentReport(name="garden", outcomes=(*map(Done, changes), Done(Mow()))))
    assert sum(line.startswith("garden_fence.painted") for line in done) == lines
    assert len(done) == lines + 2
    if lines == 1:
        assert done[1] == f"garden_fence.painted          number: {number}"


def test_many_planned_changes_of_a_kind_are_told_by_the_first_of_them() -> None:
    """And how many more there are, also of what follows."""
    changes = tuple(Paint(str(each)) for each in range(120))
    later = tuple(Mow() for _ in range(60))
    report = ComponentReport(name="garden", mode=Mode.PLAN, planned=(*changes, Mow()), following=(*changes, *later))
    lines = _component(report)
    assert [line for line in lines if line.startswith("~ ")] == [
        *(f"~ paint garden fence {each}" for each in range(50)),
        "~ paint garden fence: 70 more",
        "~ mow lawn front (too long)",
    ]
    assert lines[-2:] == ["    then mow lawn: 60", "    then paint garden fence: 70"]


def test_many_that_failed_alike_are_told_once() -> None:
    """And what failed in another way is not lost among them."""
    alone = Failed(Paint("pink"), errors.Throttled("paint:Fence", "Slow"))
    outcomes = (*(Failed(Paint(str(each)), REFUSAL) for each in range(60)), alone)
    assert _component(ComponentReport(name="garden", outcomes=outcomes))[1:] == [
        f"error: garden: paint garden fence (60): 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 50 more: {REFUSAL}",
        f"error: garden: paint garden fence pink: {alone.error}",
    ]


def test_one_cause_is_one_error_in_all_components() -> None:
    """The others say where it stands."""
    closed = errors.Unavailable("sqs:CreateQueue", "EndpointConnectionError", "refused.")
    reports = (
        ComponentReport(name="garden", error=closed),
        ComponentReport(name="shed", outcomes=(Failed(Paint(), closed),)),
        ComponentReport(name="pond", error=closed),
    )

    def use(to: Commands) -> None:
        for each in reports:
            publish.component(to, each)

    assert [line for line in _printed(use) if not line.endswith("s)")] == [
        f"error: garden: {closed}",
        "problem.repeated              paint garden fence green  note: see the error of garden above",
        "problem.repeated              pond  note: see the error of garden above",
    ]


def test_a_component_that_was_skipped_or_not_checked_says_why() -> None:
    """In the title of its group, without an error of its own."""
    blocked = ComponentReport(name="shed", error=errors.Blocked("the garden is not ready (see its error above)"))
    assert _component(blocked) == ["shed: skipped: the garden is not ready (see its error above) (0.0 s)"]
    idle = ComponentReport(name="pond", unchecked=Unchecked("nothing was due", due=False))
    assert _component(idle) == ["pond: not checked: nothing was due (0.0 s)"]


def test_many_that_were_skipped_for_one_reason_are_one_line() -> None:
    """And those for another keep theirs."""
    outcomes = (*(Skipped(Paint(str(each)), "raced") for each in range(60)), Skipped(Paint("pink"), "late"))
    assert _component(ComponentReport(name="garden", outcomes=outcomes))[1:] == [
        "change.skipped                paint garden fence  number: 60  reason: raced",
        "change.skipped                paint garden fence pink  reason: late",
    ]


def test_what_was_left_for_the_next_run_is_told_by_number() -> None:
    """Thousands of lines help nobody."""
    left = tuple(Postponed(Paint(str(number))) for number in range(4500))
    lines = _component(ComponentReport(name="garden", outcomes=(Done(Mow()), *left), error=REFUSAL))
    assert lines[2] == "change.postponed              number: 4500  note: left for the next run"
    assert len(lines) == 4


def test_long_work_tells_its_progress() -> None:
    """While it goes on."""
    assert _printed(lambda _: publish.progress("terminated", 300, 5000)) == [
        "collector.progressed          terminated 300 of 5000"
    ]


def test_in_json_a_plan_is_an_event_a_change() -> None:
    """As the report has them."""
    raw = io.StringIO()
    log.configure(as_json=True)
    try:
        with contextlib.redirect_stdout(raw):
            commands = Commands({}, RedactingStream(raw), as_json=True)
            report = ComponentReport(name="garden", mode=Mode.PLAN, planned=(Paint(),), following=(Mow(),))
            publish.component(commands, report)
    finally:
        log.configure(as_json=False)
    events = [json.loads(line) for line in raw.getvalue().splitlines()]
    assert [(each["event"], each.get("action")) for each in events] == [
        ("change.planned", "paint"),
        ("change.following", "mow"),
        ("component.finished", None),
    ]
    assert events[0]["differences"] == [{"field": "colour", "from": None, "to": "green", "diff": None}]


def test_a_call_is_told_without_what_was_in_it() -> None:
    """For those who look for the slow one."""
    assert _printed(lambda _: publish.called("ec2:DescribeInstances", 2, 0.0234, "503")) == [
        "debug: call.answered                 ec2:DescribeInstances  attempt: 2  milliseconds: 23  answer: 503"
    ]


def test_a_run_begins_with_what_it_refreshes_and_what_its_owner_should_know() -> None:
    """Warnings and notices of the inputs."""
    loaded = inputs.load(good(**{"INPUT_IDLE-TIME-SEC": "300", "INPUT_USAGE-CLASS": "spot"}))
    assert _printed(lambda commands: publish.beginning(commands, loaded)) == [
        "refresh.started               octo/widgets  region: eu-west-1  mode: apply",
        "warning: inputs: idle-time-sec: is deprecated; use max-idle-time.",
        "notice: inputs: usage-class: belongs to another mode of the original action and is ignored.",
    ]


def test_a_run_ends_with_its_sums() -> None:
    """And names what failed."""
    report = Report(
        (
            ComponentReport(name="garden", outcomes=(Done(Paint()), Done(Mow()))),
            ComponentReport(name="gate", planned=(Mow(),)),
            ComponentReport(name="roof", error=REFUSAL),
        )
    )
    assert _printed(lambda commands: publish.ending(commands, report)) == [
        "refresh.finished              changes: 2  planned: 0  failed: roof",
    ]
    dry = Report((ComponentReport(name="gate", mode=Mode.PLAN, planned=(Mow(),)),))
    assert _printed(lambda commands: publish.ending(commands, dry)) == [
        "refresh.finished              changes: 0  planned: 1  failed: none",
    ]
    assert _printed(lambda commands: publish.ending(commands, Report(()))) == [
        "refresh.finished              changes: 0  planned: 0  failed: none",
    ]


def test_bad_inputs_are_an_error_each() -> None:
    """And the last line says that nothing was called."""
    refused = errors.InputErrors(["ami: is required; set it", "mode: no; write apply"])
    assert _printed(lambda commands: publish.input_errors(commands, refused)) == [
        "error: ami: is required; set it",
        "error: mode: no; write apply",
        "error: inputs.refused                problems: 2  calls_made: 0",
    ]
