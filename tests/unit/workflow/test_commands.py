"""The runner's protocol: no printed line is a command unless it is meant to be, and none shows a secret."""

from __future__ import annotations

import contextlib
import io
import json
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refresh.workflow import commands, log, redacting_stream
from refresh.workflow.commands import Commands
from refresh.workflow.redacting_stream import RedactingStream
from tests.fakes.serial import NOW

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


def _commands(**environ: object) -> Commands:
    to = Commands({name: str(value) for name, value in environ.items()}, RedactingStream(io.StringIO()))
    to.mask("s3cret-value")
    return to


@pytest.mark.shows("A11")
@given(PIECES)
def test_no_printed_line_is_a_command(text: str) -> None:
    """With its colours or without."""
    printed = _written(lambda _, stream: stream.write(text))
    for each in (printed, re.sub("\x1b\\[[0-9]+m", "", printed)):
        assert not any(understood(line) for line in LINE_ENDS.split(each))


@pytest.mark.shows("A53")
@given(PIECES, PIECES)
def test_an_annotation_is_one_command_with_the_whole_message(title: str, message: str) -> None:
    def use(to: Commands, _: RedactingStream) -> None:
        to.annotate("error", title, message)
        to.show_annotations()

    *logged, line, rest = _written(use).split("\n")
    assert rest == ""
    assert not any(understood(each) for line in logged for each in LINE_ENDS.split(line))
    command = understood(line)
    assert command is not None
    assert command.name == "error"
    # The runner trims its ends.
    assert command.message.strip() == redacting_stream.harmless_lines(message).strip()
    assert not any(understood(each) for each in LINE_ENDS.split(line.partition("::error ")[2]))


@given(PIECES)
def test_a_group_is_opened_and_closed(title: str) -> None:
    def use(to: Commands, stream: RedactingStream) -> None:
        with to.group(title, {}):
            stream.write("inside\n")

    opening, inside, closing, last = _written(use).split("\n")
    assert (inside, closing, last) == ("inside", "::endgroup::", "")
    command = understood(opening)
    assert command is not None
    assert command.name == "group"


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


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("to proxy http://user:p@ss%2F@proxy:8080/: refused", "to proxy http://***@proxy:8080/: refused"),
        ('"https://token@host/x" and https://host/@a', '"https://***@host/x" and https://host/@a'),
        ("octo@example.com; see https://example.com", "octo@example.com; see https://example.com"),
    ],
)
def test_the_user_and_password_of_an_address_are_not_shown(printed: str, shown: str) -> None:
    assert _written(lambda _, stream: stream.write(f"{printed}\n")) == f"{shown}\n"


def test_a_secret_that_is_written_in_pieces_is_concealed() -> None:
    def use(to: Commands, stream: RedactingStream) -> None:
        to.mask("s3cret-value")
        for piece in ("a s3c", "ret-va", "lue b"):
            stream.write(piece)

    assert _written(use, on_github=False) == "a *** b\n"


@pytest.mark.shows("A11")
@pytest.mark.parametrize(
    ("line", "harmless"),
    [
        ("::error::x", r":\u003aerror::x"),
        ("  ::error::x", r"  :\u003aerror::x"),
        ("a ::error::x", "a ::error::x"),
        ("a ##[error]x", r"a ##\u005berror]x"),
        ("plain\ttab é 🐎", "plain\ttab é 🐎"),
        ("\x1b[2Jred\x07 \u202e \udc80", r"\x1b[2Jred\x07 \u202e \udc80"),
    ],
)
def test_commands_and_control_characters_are_rewritten_and_nothing_else(line: str, harmless: str) -> None:
    assert redacting_stream.harmless(line) == harmless


def test_a_redacting_stream_is_a_stream() -> None:
    raw = io.StringIO()
    raw.isatty, raw.fileno = lambda: True, lambda: 7  # type: ignore[method-assign] # what a terminal has
    stream = RedactingStream(raw)
    assert (stream.isatty(), stream.fileno(), stream.encoding) == (True, 7, "utf-8")
    assert stream.write("two\r\nlines\r") == 11


def test_summary_and_outputs_are_appended_without_secrets(tmp_path: Path) -> None:
    summary, output = tmp_path / "summary", tmp_path / "output"
    for path in (summary, output):
        path.write_text("before=1\n")
    to = _commands(GITHUB_STEP_SUMMARY=summary, GITHUB_OUTPUT=output)
    to.summarise("the s3cret-value é\n")
    to.write_outputs({"token": "the s3cret-value"})
    assert summary.read_text() == "before=1\nthe *** é\n"
    assert _values(output.read_text()) == {"before": "1", "token": "the ***"}


@pytest.mark.shows("F28")
def test_a_summary_that_is_too_large_is_cut_at_a_line(tmp_path: Path) -> None:
    """Above 1 MiB GitHub shows nothing of it."""
    path = tmp_path / "summary.md"
    _commands(GITHUB_STEP_SUMMARY=path).summarise("é" * 50 + "\n" + "line\n" * 400_000)
    content = path.read_text()
    assert len(content.encode()) < 1024 * 1024
    assert content.rpartition("line\n\n")[2].startswith("Cut: ")


def test_an_event_is_one_line() -> None:
    line = log.as_line("error", "x.done", {"subject": "", "a": 1, "b": "x\ny"}, NOW)
    assert line == "error: x.done                        a: 1  b: x y"


def _values(content: str) -> dict[str, str]:
    """Read an outputs file as GitHub's runner does: `name=value`, or `name<<delimiter`, lines, delimiter."""
    values: dict[str, str] = {}
    lines = iter(content.split("\n"))
    for line in filter(None, lines):
        name, found, delimiter = line.partition("<<")
        if found:
            value = list(iter(lines.__next__, delimiter))
            values[name] = "\n".join(value)
        else:
            name, _, values[name] = line.partition("=")
    return values


@given(st.lists(PIECES, min_size=2, max_size=2))
def test_no_output_can_forge_another_one(texts: list[str]) -> None:
    given_ = dict(zip(("one", "two"), texts, strict=True))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output"
        _commands(GITHUB_OUTPUT=path).write_outputs(given_)
        content = path.read_bytes().decode()
    assert _values(content) == {name: value.encode(errors="replace").decode() for name, value in given_.items()}


@pytest.mark.shows("A50")
def test_the_report_replaces_a_link_and_leaves_no_other_file(tmp_path: Path) -> None:
    elsewhere, workspace = tmp_path / "elsewhere", tmp_path / "workspace"
    elsewhere.write_text("untouched")
    workspace.mkdir()
    report = workspace / commands.REPORT_FILE
    report.symlink_to(elsewhere)
    assert _commands(GITHUB_WORKSPACE=workspace).write_report(['{"a": ', '"s3cret-value"}']) == commands.REPORT_FILE
    assert report.read_text() == '{"a": "***"}'
    assert elsewhere.read_text() == "untouched"
    report.unlink()
    report.mkdir()
    assert _commands(GITHUB_WORKSPACE=workspace).write_report(["{}"]) == ""
    assert [*workspace.iterdir()] == [report]


@pytest.mark.shows("B85")
@pytest.mark.parametrize(
    ("variable", "path", "expected"),
    [
        pytest.param("GITHUB_OUTPUT", "", "", id="85-unset"),
        pytest.param("GITHUB_OUTPUT", ".", "GITHUB_OUTPUT: .: the outputs ", id="85-directory"),
        # Root may write to any file but the kernel's own.
        pytest.param("GITHUB_OUTPUT", "/proc/version", "GITHUB_OUTPUT: /proc/version: ", id="85-read-only"),
        ("GITHUB_STEP_SUMMARY", "/proc/missing/x", "GITHUB_STEP_SUMMARY: /proc/missing/x: "),
        ("GITHUB_WORKSPACE", "/proc/missing", "report: /proc/missing/refresh-report.json: "),
    ],
)
def test_a_file_that_cannot_be_written_is_a_warning_and_the_run_goes_on(
    variable: str, path: str, expected: str
) -> None:
    """On a laptop there is no such file, and nothing is said of it."""
    raw = io.StringIO()
    to = Commands({variable: path} if path else {}, RedactingStream(raw))
    to.summarise("x")
    to.write_outputs({"a": "b"})
    assert to.write_report(["{}"]) == ""
    to.line("goes on")
    *warnings, last = raw.getvalue().splitlines()
    assert last == "goes on"
    assert [each[: len(expected) + 9] for each in warnings] == ([f"warning: {expected}"] if expected else [])


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
    ("line", "painted"),
    [
        ("error: x: y", "\x1b[31merror: \x1b[0mx: y"),
        ("warning: x", "\x1b[33mwarning: \x1b[0mx"),
        ("+ create queue q", "\x1b[32m+ create queue q\x1b[0m"),
        ("      -old", "\x1b[31m      -old\x1b[0m"),
        ("queue.created   q", "\x1b[36mqueue.created\x1b[0m   q"),
        ("state table: as desired (0.1 s)", "\x1b[1mstate table: as desired (0.1 s)\x1b[0m"),
        ("plain", "plain"),
    ],
)
def test_a_line_is_coloured_by_its_beginning(line: str, painted: str) -> None:
    assert redacting_stream.painted(line) == painted


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
