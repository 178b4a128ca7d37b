"""Makes docs/images/recording.svg: plan, apply and a build, as the demo prints them (`make recording`).

The lines are real. Ids and dates are replaced by constant ones, so that two recordings differ little. Times are
compressed.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tools.docs.terminal import COLUMNS, Line, Scene, svg

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "recording.svg"
TITLE = (
    "A terminal: refresh plans a new image and applies it; then provision launches a machine, a job runs, and release "
    "returns the machine to the pool"
)
SCENES = {
    "refresh: plan": ("plan",),
    "refresh: apply": ("apply",),
    "a build: provision, job, release": ("provision", "job", "release"),
}
"""The acts of each scene; another one before them makes the pool."""
_ACT = re.compile(r"── \d+/\d+ (?P<title>.*?) ─*$")
_SHOWN = re.compile(r" {4}|  [$=] ")
_STEADY = (
    (re.compile(r"\bi-[0-9a-f]{17}"), "i-0a1b2c3d4e5f60718"),
    (re.compile(r"\blt-[0-9a-f]{17}"), "lt-0718a1b2c3d4e5f60"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "2026-01-31T16:35:00Z"),
)
_QUICK_SECONDS, _PAUSE_SECONDS = 0.1, 0.9
_LONG_SECONDS = 0.4
"""From here on a wait is shown as a pause."""


class Failed(Exception):
    """The demo did not play its acts."""


def main() -> int:
    """Record, and write the picture."""
    try:
        PICTURE.write_text(svg(TITLE, tuple(_scenes())), encoding="utf-8")
    except Failed as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    sys.stdout.write(f"written: {PICTURE}\n")
    return 0


def _scenes() -> Iterator[Scene]:
    recorded = iter(_acts(_output()))
    next(recorded)  # the pool is made
    for name, acts in SCENES.items():
        lines: list[Line] = []
        for _ in acts:
            lines += [Line("", 0.0)] * bool(lines) + next(recorded)
        yield Scene(name, tuple(lines))


def _output() -> list[tuple[float, str]]:
    """Return what the demo prints, each line with the moment at which it came."""
    acts = ["create", *(each for some in SCENES.values() for each in some)]
    with subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tools.demo", *acts],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": str(COLUMNS)},
        stdout=subprocess.PIPE,
        text=True,
    ) as demo:
        output = [(time.monotonic(), line.rstrip()) for line in demo.stdout or ()]
    if demo.returncode:
        raise Failed("\n".join(line for _, line in output[-20:]))
    return output


def _acts(output: Iterable[tuple[float, str]]) -> list[list[Line]]:
    """Return the lines of each act: its title, what is started, logs and figures."""
    acts: list[list[Line]] = []
    last = 0.0
    for moment, line in output:
        if act := _ACT.match(line):
            acts.append([Line(f"── {act['title']} ──", _PAUSE_SECONDS)])
        elif acts and line.startswith("── "):
            break
        elif acts and _SHOWN.match(line):
            waited = _PAUSE_SECONDS if moment - last > _LONG_SECONDS else _QUICK_SECONDS
            acts[-1].append(Line(_steady(line), waited))
        last = moment
    return acts


def _steady(line: str) -> str:
    for varying, constant in _STEADY:
        line = varying.sub(constant, line)
    return line


if __name__ == "__main__":
    sys.exit(main())
