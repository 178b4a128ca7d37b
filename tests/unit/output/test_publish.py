"""What a run prints: a group a component, a line a change, and annotations for what went wrong."""

from __future__ import annotations

import contextlib
import io
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from attrs import frozen

from refresh import errors, inputs
from refresh.desired import Mode
from refresh.engine.change import Change, Done, Failed, Postponed, Skipped, Unchecked
from refresh.engine.report import ComponentReport, Report
from refresh.output import publish
from refresh.workflow import log
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.fakes.changes import REFUSAL, Paint
from tests.fakes.literals import good

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from refresh.engine.change import Outcome

CLOSED = errors.Unavailable("sqs:CreateQueue", "EndpointConnectionError", "refused.")


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


def _printed(use: Callable[[Commands], None], *, as_json: bool = False) -> list[str]:
    """Give the lines that are printed meanwhile."""
    raw = io.StringIO()
    log.configure(as_json=as_json)
    try:
        with contextlib.redirect_stdout(raw):
            use(Commands({}, RedactingStream(raw), as_json=as_json))
    finally:
        log.configure(as_json=False)
    return raw.getvalue().splitlines()


def _component(*, as_json: bool = False, **fields: Any) -> list[str]:
    report = ComponentReport(name="garden", **fields)
    lines = _printed(lambda commands: publish.component(commands, report), as_json=as_json)
    return [line.removeprefix("  ") for line in lines]


def _paints(number: int) -> tuple[Paint, ...]:
    return tuple(Paint(str(each)) for each in range(number))


def _begin(lines: Iterable[str], *beginnings: str) -> bool:
    return [line.startswith(each) for line, each in zip(lines, beginnings, strict=True)] == [True] * len(beginnings)


def test_a_component_is_a_group_with_a_line_a_change_and_then_its_problems() -> None:
    lines = _component(
        outcomes=(Done(Paint()), Skipped(Paint("red"), "raced"), Failed(Paint("blue"), REFUSAL), Done(Mow())),
        pending=(Paint(),),
        warnings=("it rains",),
        notes=("the gate is locked",),
        duration=timedelta(seconds=2),
    )
    assert _begin(
        lines,
        "garden: failed (2.0 s)",
        "garden_fence.painted          green  colour: (none) -> green",
        "lawn.mown                     front  reason: too long",
        "change.skipped                paint garden fence red  reason: raced",
        "change.pending                paint garden fence green  note: ",
        "notice: garden: the gate is locked",
        "warning: garden: it rains",
        f"error: garden: paint garden fence blue: {REFUSAL}",
    )


def test_a_plan_is_listed_with_fields_and_what_follows_from_each_change() -> None:
    assert _component(mode=Mode.PLAN, planned=(Paint(), Mow()), following=(Mow(), Paint("red"))) == [
        "garden: would change 2 (0.0 s)",
        "~ paint garden fence green",
        "      colour: (none) -> green",
        "~ mow lawn front (too long)",
        "    then mow lawn front",
        "    then paint garden fence red",
    ]


def test_a_plan_in_json_is_an_event_for_each_change() -> None:
    lines = _component(as_json=True, mode=Mode.PLAN, planned=(Paint(),), following=(Mow(),))
    planned, following, finished = map(json.loads, lines)
    assert (planned["event"], planned["action"]) == ("change.planned", "paint")
    assert planned["differences"] == [{"field": "colour", "from": None, "to": "green", "diff": None}]
    assert (following["event"], following["action"]) == ("change.following", "mow")
    assert finished["event"] == "component.finished"


@pytest.mark.parametrize(
    ("outcomes", "lines"),
    [
        ((*map(Done, _paints(51)), Done(Mow())), ["garden_fence.painted          number: 51", "lawn.mown "]),
        (
            (*(Skipped(each, "raced") for each in _paints(51)), Skipped(Paint("pink"), "late")),
            [
                "change.skipped                paint garden fence  number: 51  reason: raced",
                "change.skipped                paint garden fence pink  reason: late",
            ],
        ),
        ((Done(Mow()), *map(Postponed, _paints(4500))), ["lawn.mown ", "change.postponed              number: 4500 "]),
    ],
)
def test_many_changes_of_a_kind_are_one_line_and_others_keep_theirs(
    outcomes: tuple[Outcome, ...], lines: list[str]
) -> None:
    assert _begin(_component(outcomes=outcomes)[1:], *lines)
    assert len(_component(outcomes=tuple(map(Done, _paints(50))))) == 51


def test_of_many_planned_changes_of_a_kind_the_first_are_listed_and_the_rest_counted() -> None:
    following = (*_paints(120), *[Mow()] * 60)
    lines = _component(mode=Mode.PLAN, planned=(*_paints(120), Mow()), following=following)
    assert [line for line in lines if line.startswith("~ ")] == [
        *(f"~ paint garden fence {each}" for each in range(50)),
        "~ paint garden fence: 70 more",
        "~ mow lawn front (too long)",
    ]
    assert lines[-2:] == ["    then mow lawn: 60", "    then paint garden fence: 70"]


def test_one_cause_is_one_error_to_which_the_other_components_refer() -> None:
    def use(to: Commands) -> None:
        publish.component(to, ComponentReport(name="garden", error=CLOSED))
        publish.component(to, ComponentReport(name="shed", outcomes=(Failed(Paint(), CLOSED),)))
        publish.component(to, ComponentReport(name="pond", error=CLOSED))

    garden, shed, pond = [line for line in _printed(use) if not line.endswith("s)")]
    assert garden == f"error: garden: {CLOSED}"
    for line, subject in ((shed, "paint garden fence green"), (pond, "pond")):
        assert line.startswith(f"problem.repeated              {subject}  ")
        assert "garden" in line.partition("note: ")[2]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"error": errors.Blocked("the pond is not ready")}, "skipped: the pond is not ready"),
        ({"unchecked": Unchecked("nothing was due", due=False)}, "not checked: nothing was due"),
    ],
)
def test_a_component_that_was_skipped_or_not_checked_says_why_without_an_error(
    fields: dict[str, Any], status: str
) -> None:
    assert _component(**fields) == [f"garden: {status} (0.0 s)"]


def test_a_run_begins_with_its_pool_and_the_warnings_of_its_inputs() -> None:
    loaded = inputs.load(good(**{"INPUT_IDLE-TIME-SEC": "300", "INPUT_USAGE-CLASS": "spot"}))
    assert _begin(
        _printed(lambda commands: publish.beginning(commands, loaded)),
        "refresh.started               octo/widgets  region: eu-west-1  mode: apply",
        "warning: inputs: idle-time-sec: ",
        "notice: inputs: usage-class: ",
    )


def test_a_run_ends_with_its_sums() -> None:
    def sums(*components: ComponentReport) -> list[str]:
        lines = _printed(lambda commands: publish.ending(commands, Report(components)))
        return [line.removeprefix("refresh.finished              ") for line in lines]

    garden = ComponentReport(name="garden", outcomes=(Done(Paint()), Done(Mow())))
    roof = ComponentReport(name="roof", planned=(Mow(),), error=REFUSAL)
    assert sums(garden, roof) == ["changes: 2  planned: 0  failed: roof"]
    dry = ComponentReport(name="gate", mode=Mode.PLAN, planned=(Mow(),))
    assert sums(dry) == ["changes: 0  planned: 1  failed: none"]


def test_progress_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=False)
    publish.progress("terminated", 300, 5000)
    assert "terminated 300 of 5000" in capfd.readouterr().out


def test_a_call_is_logged_with_its_duration(capfd: pytest.CaptureFixture[str]) -> None:
    log.configure(as_json=False)
    publish.called("sqs:SendMessageBatch", 2, 0.25, "200")
    line = capfd.readouterr().out
    assert [fact in line for fact in ("sqs:SendMessageBatch", "attempt: 2", "250", "200")] == [True] * 4


@pytest.mark.parametrize("on_terminal", [False, True])
def test_a_person_at_a_terminal_reads_the_problems_of_inputs_alone(*, on_terminal: bool) -> None:
    error = errors.InputErrors(["ami: not an AMI id", "mode: apply or plan expected"])
    raw = io.StringIO()
    reword = (lambda title, message: (title, message)) if on_terminal else None
    with contextlib.redirect_stdout(raw):
        publish.input_errors(Commands({}, RedactingStream(raw), reword=reword), error)
    lines = raw.getvalue().splitlines()
    assert lines[:2] == ["error: ami: not an AMI id", "error: mode: apply or plan expected"]
    assert len(lines) == (2 if on_terminal else 3)
