"""The runner's protocol: no printed line is a command unless it is meant to be, and none shows a secret."""

from __future__ import annotations

import contextlib
import io
import json
import re
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refresh.workflow import log, redacting_stream
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream

if TYPE_CHECKING:
    from collections.abc import Callable

REGISTERED = ("set-output", "add-mask", "stop-commands", "error", "warning", "notice", "group", "endgroup", "debug")
LINE_ENDS = re.compile(r"[\n\r\u2028\u2029\x85\x0b\x0c\x1c-\x1e]")
"""Whatever any reader of the log may take for the end of a line."""
MARKS = ["::", "##[", "]", "%", "%0A", "\n", "\r", "\u2028", "\x85", "\x0b", "\ufeff", " ", "\t", "\\", ","]
PIECES = st.lists(st.one_of(st.sampled_from(MARKS), st.sampled_from(REGISTERED), st.text(max_size=5)), max_size=12).map(
    "".join
)


class Command(NamedTuple):
    name: str
    message: str


def understood(line: str) -> Command | None:
    """Model GitHub's runner: `::name key=value::text` at the start after trimming, or `##[name]text` anywhere."""
    trimmed = line.strip()
    if trimmed.startswith("::"):
        head, found, message = trimmed[2:].partition("::")
        if found and (name := head.partition(" ")[0]):
            return Command(name, _unescaped(message))
    if legacy := re.search(r"##\[([^\]]+)\]", line):
        return Command(legacy[1].split(" ")[0], "")
    return None


def _unescaped(text: str) -> str:
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, character)
    return text


def _written(use: Callable[[Commands, RedactingStream], object], *, on_github: bool = True) -> str:
    raw = io.StringIO()
    stream = RedactingStream(raw)
    use(Commands({"GITHUB_ACTIONS": "true"} if on_github else {}, stream), stream)
    stream.flush()
    return raw.getvalue()


@pytest.mark.shows("A11")
@given(PIECES)
def test_no_printed_line_is_a_command(text: str) -> None:
    """With its colours or without."""
    printed = _written(lambda _, stream: stream.write(text))
    for each in (printed, re.sub("\x1b\\[[0-9]+m", "", printed)):
        assert not any(understood(line) for line in LINE_ENDS.split(each))


@pytest.mark.shows("A53")
@given(PIECES, PIECES)
@example("\u2028##[::]", "")
def test_group_and_annotation_are_one_command_each_with_the_whole_text(title: str, message: str) -> None:
    def use(to: Commands, stream: RedactingStream) -> None:
        with to.group(title, {}):
            stream.write("inside\n")
        to.annotate("error", title, message)
        to.show_annotations()

    lines = _written(use).split("\n")
    assert lines[1:3] == ["inside", "::endgroup::"]
    found = [command for line in lines if (command := understood(line))]
    assert [command.name for command in found] == ["group", "endgroup", "error"]
    # The runner trims its ends.
    assert found[-1].message.strip() == redacting_stream.harmless_lines(message).strip()
    assert not any(understood(each) for line in lines for each in LINE_ENDS.split(line)[1:])


def test_outside_github_nothing_is_a_command() -> None:
    def use(to: Commands, stream: RedactingStream) -> None:
        to.mask("secret-value")
        with to.group("things", {}):
            stream.write("inside\n")
        to.annotate("warning", "thing", "it is\nodd")
        to.summarise("text")
        to.show_annotations()

    assert _written(use, on_github=False) == "things\n  inside\nwarning: thing: it is odd\n"


def test_a_mask_comes_first_and_conceals_in_both_streams() -> None:
    """The runner cannot mask what it has seen before."""
    out, err = io.StringIO(), io.StringIO()
    streams = RedactingStream(out), RedactingStream(err)
    to = Commands({"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}, *streams)
    to.mask("s3cret%value")
    for stream in streams:
        stream.write("the s3cret%value is s3cret%value\n")
    to.annotate("notice", "token", "s3cret%value")
    to.show_annotations()
    lines = "the *** is ***\nnotice: token: ***\n::notice title=token::***\n"
    assert out.getvalue() == f"::add-mask::s3cret%25value\n{lines}"
    assert err.getvalue() == "the *** is ***\n"


@pytest.mark.parametrize("short", ["", " ", "test", "minioadmin0"])
def test_a_value_that_is_too_short_for_a_secret_is_not_concealed(short: str) -> None:
    """An emulator's `test` would spoil every text that holds these letters."""

    def use(to: Commands, stream: RedactingStream) -> None:
        to.mask(short)
        stream.write("test minioadmin0\n")

    assert _written(use) == "test minioadmin0\n"


def test_one_cause_is_one_annotation_with_all_its_titles() -> None:
    def use(to: Commands, stream: RedactingStream) -> None:
        to.annotate("error", "pond", "leaks.", cause="leak")
        to.annotate("error", "shed", "burns.", cause="fire")
        for title in ("gate", "pond", "gate"):
            assert to.add_to_earlier("leak", title) == "pond"
        assert not to.add_to_earlier("flood", "gate")
        stream.write("\n")
        to.show_annotations()

    assert _written(use).splitlines()[-2:] == ["::error title=pond%2C gate::leaks.", "::error title=shed::burns."]


def test_github_gets_ten_annotations_of_a_level_the_most_important_first() -> None:
    """It shows no more of a level."""
    raw = io.StringIO()
    to = Commands({"GITHUB_ACTIONS": "true"}, RedactingStream(raw))
    for number in range(12):
        to.annotate("error", "thing", f"{number}.", first=number == 11)
    for number in range(10):
        to.annotate("warning", "thing", f"{number}.")
    logged = raw.getvalue()
    assert logged.count("thing") == 22
    to.show_annotations()
    shown = [command for line in raw.getvalue()[len(logged) :].splitlines() if (command := understood(line))]
    *first, more = [command.message for command in shown if command.name == "error"]
    assert first == [f"{n}." for n in (11, *range(8))]
    assert more.startswith("3 more ")
    assert [command.message for command in shown if command.name == "warning"] == [f"{n}." for n in range(10)]
    to.show_annotations()
    assert raw.getvalue().count("::error") == 10


def test_in_json_every_line_is_an_object_and_commands_go_to_the_error_stream() -> None:
    out, err = io.StringIO(), io.StringIO()
    log.configure(as_json=True)
    try:
        with contextlib.redirect_stdout(RedactingStream(out)):
            to = Commands({"GITHUB_ACTIONS": "true"}, RedactingStream(out), RedactingStream(err), as_json=True)
            to.mask("s3cret-value")
            with to.group("thing: as desired", {"component": "thing", "status": "as desired"}):
                log.info("queue.created", subject="##[error]x\n::error::y")
            to.annotate("warning", "thing", "odd")
            to.show_annotations()
    finally:
        log.configure(as_json=False)
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert all(event.pop("timestamp") for event in events)
    assert events == [
        {"level": "info", "event": "queue.created", "subject": "##[error]x\n::error::y"},
        {"level": "info", "event": "component.finished", "component": "thing", "status": "as desired"},
        {"level": "warning", "event": "problem.found", "subject": "thing", "message": "odd"},
    ]
    assert not any(understood(line) for line in out.getvalue().splitlines())
    assert err.getvalue() == "::add-mask::s3cret-value\n::warning title=thing::odd\n"


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"GITHUB_ACTIONS": "true"}, False, True),
        ({"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_terminals_and_github_unless_no_color_is_set(
    environ: dict[str, str], *, terminal: bool, coloured: bool
) -> None:
    raw = io.StringIO()
    raw.isatty = lambda: terminal  # type: ignore[method-assign] # a terminal, or none
    stream = RedactingStream(raw)
    Commands(environ, stream).line("warning: x")
    assert ("\x1b" in raw.getvalue()) is coloured
