"""What the demo prints, in 80 to 120 columns."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap

from attrs import define, field

LOG = "    "
"""What stands before each line of the program's own log."""
COMMAND = "  $ "
_NARROWEST, _WIDEST = 80, 120
_SHOWN_OF_A_KIND = 2
_MOST_LINES = 3
_QUIET = re.compile(r"[a-z ]+: (as desired|not checked)\b")
_KIND = re.compile(r"  ([a-z_.]+) ")


def _width() -> int:
    return min(max(shutil.get_terminal_size((100, 24)).columns, _NARROWEST), _WIDEST)


@define
class Screen:
    """Prints titles, sentences and logs; a log is cut where it repeats itself."""

    width: int = field(factory=_width)
    _quiet: dict[str, int] = field(factory=dict)
    """How many components had nothing to do, by what they say."""
    _kind: str = ""
    _repeated: int = 0

    def title(self, text: str) -> None:
        """Begin an act."""
        line = f"── {text} "
        self._say("\n" + _bold(line + "─" * (self.width - len(line))))

    def sentence(self, text: str) -> None:
        """Say what happens."""
        self._say(textwrap.fill(text, self.width))

    def command(self, text: str) -> None:
        """Say what is started."""
        self._say(f"\n{COMMAND}{text}")
        self._quiet, self._kind, self._repeated = {}, "", 0

    def log(self, line: str) -> None:
        """Show a line of the program's log, or only count it."""
        if quiet := _QUIET.match(line):
            self._quiet[quiet[1]] = self._quiet.get(quiet[1], 0) + 1
            return
        kind = _KIND.match(line)
        if kind and kind[1] == self._kind:
            self._repeated += 1
        else:
            self._sum_up_kind()
            self._kind, self._repeated = kind[1] if kind else "", 1
        if line.startswith("refresh.finished"):
            self._sum_up_quiet()
        if self._repeated <= _SHOWN_OF_A_KIND:
            self.line(line)

    def line(self, text: str) -> None:
        """Show a line of a log, on several lines if it is long."""
        for each in _wrapped(LOG + text, self.width):
            self._say(each)

    def row(self, text: str = "") -> None:
        """Show a line as it is."""
        self._say(text)

    def figures(self, text: str) -> None:
        """End a log with a line of figures."""
        self._sum_up_kind()
        self._say(f"  = {text}")

    def _sum_up_kind(self) -> None:
        if self._repeated > _SHOWN_OF_A_KIND:
            self.line(f"  (and {self._repeated - _SHOWN_OF_A_KIND} more {self._kind})")
        self._repeated = 0

    def _sum_up_quiet(self) -> None:
        if self._quiet:
            counted = ", ".join(f"{number} {what}" for what, number in sorted(self._quiet.items()))
            self.line(f"(components: {counted})")

    def _say(self, text: str) -> None:
        print(text, flush=True)


def _wrapped(text: str, width: int) -> list[str]:
    """Break a long line, between two of its values if possible; what does not fit on the last line is cut."""
    inner = " " * (len(text) - len(text.lstrip()) + 4)
    lines: list[str] = []
    while len(text) > width and len(lines) < _MOST_LINES - 1:
        start = len(text) - len(text.lstrip())
        at = next((at for gap in ("  ", " ") if (at := text.rfind(gap, start, width)) > start), None)
        if at is None:
            break
        lines.append(text[:at].rstrip())
        text = inner + text[at:].strip()
    return [*lines, _cut(text, width)]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m" if sys.stdout.isatty() else text
