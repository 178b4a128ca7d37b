"""`make demo` and the recording of it: the story is true, a false act is reported, and a signal leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from tests.fakes.world import ROOT, inherited
from tools.demo.story import ACTS
from tools.docs import recording
from tools.docs.terminal import COLUMNS

if TYPE_CHECKING:
    from pathlib import Path

SVG = "{http://www.w3.org/2000/svg}"
_VARYING = re.compile(r"\b(i|lt)-[0-9a-f]{17}|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ|(?<=[( ])[\d.]+ s\b")
# The demo shows what other tests prove; its longest test is in one process.
pytestmark = [pytest.mark.no_cover, pytest.mark.xdist_group("demo")]


def _start(*acts: str, errors: int = subprocess.STDOUT, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tools.demo", *acts],
        cwd=ROOT,
        env={**inherited(), "COLUMNS": str(COLUMNS), **variables},
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )


@pytest.fixture(scope="module")
def story() -> str:
    """Return what the demo prints; each act checks what its title says."""
    demo = _start()
    printed, _ = demo.communicate()
    assert demo.returncode == 0, printed
    return printed


@pytest.mark.ci
def test_the_whole_story_is_true_and_fits_the_screen(story: str) -> None:
    assert all(f"{number}/{len(ACTS)} {act.title}" in story for number, act in enumerate(ACTS, start=1))
    assert max(map(len, story.splitlines())) <= COLUMNS
    # Commands to GitHub's runner contain tokens that are to be masked.
    assert "::" not in story


def _steady(line: str) -> str:
    """Return a line without what differs from run to run."""
    return re.sub(r"\d+", "0", line) if line.startswith("  = ") else _VARYING.sub("~", line)


@pytest.mark.ci
def test_recording_in_the_readme_is_that_of_a_run(story: str) -> None:
    """Its lines are those of the demo, but for ids, times and the numbers of calls."""
    picture = recording.PICTURE.read_text()
    assert len(picture) < 150_000
    assert "prefers-reduced-motion" in picture
    drawn = ["".join(each.itertext()) for each in ET.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 - ours
    shown = {_steady(line) for line in drawn if line not in recording.SCENES}
    printed = {_steady(re.sub(r"^── \d+/\d+ (.*?) ─+$", r"── \1 ──", line)) for line in story.splitlines()}
    assert len(shown) > 40
    assert shown <= printed


def test_an_act_that_is_not_as_its_title_says_is_reported() -> None:
    """Nothing was killed before, so there is nothing to finish. The user's surroundings do not matter."""
    demo = _start(
        *("create", "finish"),
        PYTHONIOENCODING="ascii",
        AWS_PROFILE="work",
        AWS_CA_BUNDLE="/nowhere",
        http_proxy="http://127.0.0.1:9",
    )
    printed, _ = demo.communicate()
    assert (demo.returncode, printed.splitlines()[-1]) == (1, "FAILED: act finish: no run was killed before")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda each: each.name)
def test_a_signal_that_ends_the_demo_leaves_no_process_and_no_file(number: signal.Signals, tmp_path: Path) -> None:
    demo = _start("create", TMPDIR=str(tmp_path))
    assert demo.stdout
    for line in demo.stdout:
        if "refresh.started" in line:
            break
    demo.send_signal(number)  # only to the demo: a terminal would stop its child process as well
    printed, _ = demo.communicate()
    assert (demo.returncode, printed.splitlines()[-1]) == (128 + number, "Stopped. Nothing was left running.")
    _nothing_is_left(demo, tmp_path)


def test_a_reader_that_has_seen_enough_ends_the_demo_without_an_error(tmp_path: Path) -> None:
    demo = _start("create", errors=subprocess.PIPE, TMPDIR=str(tmp_path))
    assert demo.stdout
    assert demo.stderr
    demo.stdout.readline()
    demo.stdout.close()
    with demo.stderr:
        assert (demo.stderr.read(), demo.wait()) == ("", 128 + signal.SIGPIPE)
    _nothing_is_left(demo, tmp_path)


def _nothing_is_left(demo: subprocess.Popen[str], folder: Path) -> None:
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.pid, 0)
    assert not [*folder.iterdir()]
