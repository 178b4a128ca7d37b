"""Everything that is printed: no line that the runner would take for a command, and no secret."""

from __future__ import annotations

import io

import pytest

from refresh.workflow import log, redacting_stream
from refresh.workflow.redacting_stream import RedactingStream
from tests.fakes.serial import NOW


def _written(*pieces: str) -> str:
    raw = io.StringIO()
    stream = RedactingStream(raw)
    stream.conceal("s3cret-value")
    for piece in pieces:
        stream.write(piece)
    stream.flush()
    return raw.getvalue()


@pytest.mark.parametrize(
    ("printed", "shown"),
    [
        ("to proxy http://user:p@ss%2F@proxy:8080/: refused", "to proxy http://***@proxy:8080/: refused"),
        ('"https://token@host/x" and https://host/@a', '"https://***@host/x" and https://host/@a'),
        ("octo@example.com; see https://example.com", "octo@example.com; see https://example.com"),
    ],
)
def test_the_user_and_password_of_an_address_are_not_shown(printed: str, shown: str) -> None:
    assert _written(printed) == f"{shown}\n"


def test_a_secret_that_is_written_in_pieces_is_concealed() -> None:
    assert _written("a s3c", "ret-va", "lue b") == "a *** b\n"


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


def test_an_event_is_one_line() -> None:
    line = log.as_line("error", "x.done", {"subject": "", "a": 1, "b": "x\ny"}, NOW)
    assert line == "error: x.done                        a: 1  b: x y"
