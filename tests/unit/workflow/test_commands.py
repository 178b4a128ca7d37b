"""The runner's protocol: no line is a command but those that are meant, and no secret is in any."""

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


class Command(NamedTuple):
    """What the runner understood."""

    name: str
    properties: dict[str, str]
    message: str


def understood(line: str) -> Command | None:
    """Model GitHub's runner: `::name key=value::text` at the start after trimming, or `##[name]text` anywhere."""
    trimmed = line.strip()
    if trimmed.startswith("::"):
        head, found, message = trimmed[2:].partition("::")
        name, _, properties = head.partition(" ")
        if found and name:
            pairs = dict(pair.partition("=")[::2] for pair in properties.split(",") if "=" in pair)
            return Command(name, {key.strip(): _unescaped(value) for key, value in pairs.items()}, _unescaped(message))
    if legacy := re.search(r"##\[([^\]]+)\]", line):
        return Command(legacy[1].split(" ")[0], {}, "")
    return None


def _unescaped(text: str) -> str:
    for escape, character in (("%3A", ":"), ("%2C", ","), ("%0D", "\r"), ("%0A", "\n"), ("%25", "%")):
        text = text.replace(escape, character)
    return text


# Whatever any reader of the log may take for the end of a line.
LINE_ENDS = re.compile(r"[\n\r\u2028\u2029\x85\x0b\x0c\x1c-\x1e]")
PIECES = st.lists(
    st.one_of(
        st.sampled_from(
            ["::", "##[", "]", "%", "%0A", "\n", "\r", "\u2028", "\x85", "\x0b", "\ufeff", " ", "\t", "\\", ","]
        ),
        st.sampled_from(REGISTERED),
        st.text(max_size=5),
    ),
    max_size=12,
).map("".join)


def _written(use: Callable[[Commands, RedactingStream], object], *, on_github: bool = True) -> str:
    raw = io.StringIO()
    stream = RedactingStream(raw)
    use(Commands({"GITHUB_ACTIONS": "true"} if on_github else {}, stream), stream)
    stream.flush()
    return raw.getvalue()


@pytest.mark.shows("A11")
@given(PIECES)
def test_nothing_that_is_printed_is_a_command(text: str) -> None:
    """Record fields, error bodies and tracebacks come from others."""
    printed = _written(lambda _, stream: stream.write(text))
    assert not any(understood(line) for line in LINE_ENDS.split(printed))


@pytest.mark.shows("A53")
@given(PIECES, PIECES)
def test_an_annotation_is_one_command_with_the_whole_message(title: str, message: str) -> None:
    """However hostile; the runner trims its ends, and no line of it is a command to whoever splits it."""

    def use(to: Commands, _: RedactingStream) -> None:
        to.annotate("error", title, message)
        to.show_annotations()

    *told, line, rest = _written(use).split("\n")
    assert rest == ""
    assert not any(understood(each) for line in told for each in LINE_ENDS.split(line))
    command = understood(line)
    assert command is not None
    assert command.name == "error"
    assert command.message.strip() == redacting_stream.harmless_lines(message).strip()
    assert not any(understood(each) for each in LINE_ENDS.split(line.partition("::error ")[2]))


@given(PIECES)
def test_a_group_is_opened_and_closed(title: str) -> None:
    """And what is printed in it is in it."""

    def use(to: Commands, stream: RedactingStream) -> None:
        with to.group(title, {}):
            stream.write("inside\n")

    opening, inside, closing, last = _written(use).split("\n")
    assert (inside, closing, last) == ("inside", "::endgroup::", "")
    command = understood(opening)
    assert command is not None
    assert command.name == "group"


def test_outside_github_there_are_no_commands() -> None:
    """A person reads it."""

    def use(to: Commands, stream: RedactingStream) -> None:
        to.mask("secret-value")
        with to.group("things", {}):
            stream.write("inside\n")
        to.annotate("warning", "thing", "it is\nodd")
        to.show_annotations()

    assert _written(use, on_github=False) == "things\n  inside\nwarning: thing: it is odd\n"


def test_a_mask_comes_first_and_conceals_in_every_stream() -> None:
    """The runner cannot mask what it has seen before."""
    out, err = io.StringIO(), io.StringIO()
    streams = RedactingStream(out), RedactingStream(err)
    runner_ = Commands({"GITHUB_ACTIONS": "true"}, *streams)
    runner_.mask("s3cret%value")
    for stream in streams:
        stream.write("the s3cret%value is s3cret%value\n")
    runner_.annotate("notice", "token", "s3cret%value")
    runner_.show_annotations()
    told = "the *** is ***\n\x1b[36mnotice: \x1b[0mtoken: ***\n::notice title=token::***\n"
    assert out.getvalue() == f"::add-mask::s3cret%25value\n{told}"
    assert err.getvalue() == "the *** is ***\n"


def test_what_is_too_short_to_be_a_secret_is_not_concealed() -> None:
    """An emulator's `test` would spoil every text that holds these letters, and each output of the step."""

    def use(to: Commands, stream: RedactingStream) -> None:
        to.mask("")
        to.mask(" ")
        to.mask("test")
        to.mask("minioadmin0")
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
def test_who_asks_a_proxy_or_an_endpoint_is_not_shown(printed: str, shown: str) -> None:
    """Libraries quote addresses in their errors."""
    assert _written(lambda _, stream: stream.write(f"{printed}\n")) == f"{shown}\n"


def test_a_secret_in_pieces_is_concealed_once_the_line_is_whole() -> None:
    """Libraries print in pieces."""

    def use(to: Commands, stream: RedactingStream) -> None:
        to.mask("s3cret-value")
        for piece in ("a s3c", "ret-va", "lue b"):
            stream.write(piece)

    assert _written(use, on_github=False) == "a *** b\n"


@pytest.mark.shows("A11")
def test_control_characters_are_shown_and_not_sent() -> None:
    """A terminal would obey them."""
    assert (
        redacting_stream.harmless("\x1b[2Jred\x07\ttab é 🐎 \u202e \udc80")
        == r"\x1b[2Jred\x07" + "\ttab é 🐎 " + r"\u202e \udc80"
    )


@pytest.mark.parametrize(
    ("line", "harmless"),
    [
        ("::error::x", r":\u003aerror::x"),
        ("  ::error::x", r"  :\u003aerror::x"),
        ("a ::error::x", "a ::error::x"),
        ("a ##[error]x", r"a ##\u005berror]x"),
        ("plain", "plain"),
    ],
)
def test_a_line_is_changed_only_where_it_must(line: str, harmless: str) -> None:
    """People read it too."""
    assert redacting_stream.harmless(line) == harmless


def test_a_redacting_stream_is_a_stream() -> None:
    """What libraries ask of one."""

    class _Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

        def fileno(self) -> int:
            return 7

    stream = RedactingStream(_Terminal())
    assert (stream.isatty(), stream.fileno(), stream.encoding) == (True, 7, "utf-8")
    assert stream.write("two\r\nlines\r") == 11


def test_the_summary_is_appended_without_secrets(tmp_path: Path) -> None:
    """Other steps' summaries stay."""
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    runner_ = Commands({"GITHUB_STEP_SUMMARY": str(path)}, RedactingStream(io.StringIO()))
    runner_.mask("s3cret-value")
    runner_.summarise("the s3cret-value é\n")
    assert path.read_text() == "before\nthe *** é\n"


@pytest.mark.shows("F28")
def test_a_summary_that_is_too_large_is_cut_at_a_line(tmp_path: Path) -> None:
    """Above 1 MiB GitHub shows nothing of it."""
    path = tmp_path / "summary.md"
    Commands({"GITHUB_STEP_SUMMARY": str(path)}, RedactingStream(io.StringIO())).summarise(
        "é" * 50 + "\n" + "line\n" * 400_000
    )
    content = path.read_text()
    assert len(content.encode()) < 1024 * 1024
    assert content.endswith("line\n\nCut: the summary has no room for more.\n")


def test_without_a_summary_file_nothing_is_written() -> None:
    """It runs outside GitHub too."""
    assert _written(lambda to, _: to.summarise("text")) == ""


@pytest.mark.parametrize(
    ("level", "event", "facts", "line"),
    [
        ("info", "queue.created", {"subject": "q"}, "queue.created                 q"),
        ("info", "x.done", {"a": 1, "b": "x\ny"}, "x.done                        a: 1  b: x y"),
        ("error", "change.failed", {"subject": ""}, "error: change.failed"),
    ],
)
def test_an_event_is_one_line(level: str, event: str, facts: dict[str, object], line: str) -> None:
    """Name, subject, facts."""
    assert log.as_line(level, event, facts, NOW) == line


def _values(content: str) -> dict[str, str]:
    """Read an outputs file as GitHub's runner does: `name<<delimiter`, lines, delimiter."""
    values: dict[str, str] = {}
    lines = iter(content.split("\n"))
    for line in lines:
        if not line:
            continue
        name, found, delimiter = line.partition("<<")
        if not found:
            name, _, values[name] = line.partition("=")
            continue
        value: list[str] = []
        for each in lines:
            if each == delimiter:
                break
            value.append(each)
        else:
            raise AssertionError(f"no end of {name}")
        values[name] = "\n".join(value)
    return values


@given(st.lists(PIECES, min_size=2, max_size=2))
def test_no_value_can_forge_another_output(values: list[str]) -> None:
    """Each ends where it was meant to, whatever is in it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "output"
        given_ = dict(zip(("one", "two"), values, strict=True))
        Commands({"GITHUB_OUTPUT": str(path)}, RedactingStream(io.StringIO())).write_outputs(given_)
        content = path.read_bytes().decode()
    assert _values(content) == {name: value.encode(errors="replace").decode() for name, value in given_.items()}


def test_outputs_are_appended_without_secrets(tmp_path: Path) -> None:
    """Other steps' lines stay."""
    path = tmp_path / "output"
    path.write_text("before=1\n")
    to = Commands({"GITHUB_OUTPUT": str(path)}, RedactingStream(io.StringIO()))
    to.mask("s3cret-value")
    to.write_outputs({"token": "the s3cret-value"})
    assert _values(path.read_text()) == {"before": "1", "token": "the ***"}


@pytest.mark.shows("A50")
def test_the_report_takes_the_place_of_whatever_was_there(tmp_path: Path) -> None:
    """A link that somebody left in the workspace is not followed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("untouched")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / commands.REPORT_FILE).symlink_to(elsewhere)
    to = Commands({"GITHUB_WORKSPACE": str(workspace)}, RedactingStream(io.StringIO()))
    to.mask("s3cret-value")
    assert to.write_report(['{"a": ', '"s3cret-value"}']) == "refresh-report.json"
    assert (workspace / commands.REPORT_FILE).read_text() == '{"a": "***"}'
    assert elsewhere.read_text() == "untouched"
    assert len(list(workspace.iterdir())) == 1


@pytest.mark.parametrize("variable", ["GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT", "GITHUB_WORKSPACE"])
def test_a_file_that_cannot_be_written_is_a_warning(variable: str, tmp_path: Path) -> None:
    """The exit code is about the pool, not about the file."""
    raw = io.StringIO()
    to = Commands({variable: str(tmp_path / "missing" / "x")}, RedactingStream(raw))
    to.summarise("x")
    to.write_outputs({"a": "b"})
    assert to.write_report(["{}"]) == ""
    (line,) = raw.getvalue().splitlines()
    assert line.startswith("warning: ")
    assert "missing" in line


@pytest.mark.shows("B85")
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        pytest.param(None, "", id="85-unset"),
        pytest.param(".", "GITHUB_OUTPUT: .: the outputs ", id="85-directory"),
        # Root may write to any file but the kernel's own.
        pytest.param("/proc/version", "GITHUB_OUTPUT: /proc/version: the outputs ", id="85-read-only"),
    ],
)
def test_outputs_that_cannot_be_written_are_a_warning_and_the_run_goes_on(file: str | None, expected: str) -> None:
    """Where there is no file at all, as on a laptop, nobody waits for outputs and nothing is said."""
    raw = io.StringIO()
    to = Commands({"GITHUB_OUTPUT": file} if file else {}, RedactingStream(raw))
    to.write_outputs({"a": "b"})
    to.line("goes on")
    *warnings, last = raw.getvalue().splitlines()
    assert last == "goes on"
    assert len(warnings) == bool(expected)
    assert all(each.startswith(f"warning: {expected}") for each in warnings)


def test_one_cause_is_one_annotation_with_all_its_titles() -> None:
    """Each once."""

    def use(to: Commands, stream: RedactingStream) -> None:
        to.annotate("error", "pond", "leaks.", cause="leak")
        to.annotate("error", "shed", "burns.", cause="fire")
        for title in ("gate", "pond", "gate"):
            assert to.told_before("leak", title) == "pond"
        assert not to.told_before("flood", "gate")
        stream.write("\n")
        to.show_annotations()

    assert _written(use).splitlines()[-2:] == ["::error title=pond%2C gate::leaks.", "::error title=shed::burns."]


def test_github_gets_ten_annotations_of_a_level_the_most_important_first() -> None:
    """It shows no more; the rest are summed up and are in the log."""
    raw = io.StringIO()
    to = Commands({"GITHUB_ACTIONS": "true"}, RedactingStream(raw))
    for number in range(12):
        to.annotate("error", "thing", f"{number}.", first=number == 11)
        to.annotate("warning", "thing", f"{number}.") if number < 10 else None
    told = raw.getvalue()
    assert told.count("thing") == 22
    to.show_annotations()
    commands = [command for line in raw.getvalue()[len(told) :].splitlines() if (command := understood(line))]
    errors_ = [command.message for command in commands if command.name == "error"]
    assert errors_ == [*(f"{n}." for n in (11, *range(8))), "3 more are in the log and in the job's summary."]
    assert [command.message for command in commands if command.name == "warning"] == [f"{n}." for n in range(10)]
    to.show_annotations()
    assert raw.getvalue().count("::error") == 10


def test_in_json_every_line_is_an_object_and_commands_go_to_the_error_stream() -> None:
    """So that a program can read it."""
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
def test_a_line_is_coloured_by_its_look(line: str, painted: str) -> None:
    """And reads the same without."""
    assert redacting_stream.painted(line) == painted


@given(PIECES)
def test_colour_makes_no_command(text: str) -> None:
    """It is put around what is harmless already."""
    printed = _written(lambda _, stream: stream.write(text))
    assert not any(understood(re.sub("\x1b\\[[0-9]+m", "", line)) for line in LINE_ENDS.split(printed))


@pytest.mark.parametrize(
    ("environ", "terminal", "coloured"),
    [
        ({}, False, False),
        ({}, True, True),
        ({"GITHUB_ACTIONS": "true"}, False, True),
        ({"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}, True, False),
    ],
)
def test_colour_is_for_those_who_see_it(environ: dict[str, str], *, terminal: bool, coloured: bool) -> None:
    """GitHub shows it, a file does not; NO_COLOR is respected."""
    raw = io.StringIO()
    raw.isatty = lambda: terminal  # type: ignore[method-assign] # a terminal, or none
    stream = RedactingStream(raw)
    Commands(environ, stream).line("warning: x")
    assert ("\x1b" in raw.getvalue()) is coloured
