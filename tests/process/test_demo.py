"""`make demo`: the story is true, an act that is not is reported, and Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fakes.world import ROOT, inherited
from tools.demo.story import ACTS

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.no_cover  # the demo shows what other tests prove


def _start(*acts: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "tools.demo", *acts],
        cwd=ROOT,
        env={**inherited(), "COLUMNS": "80", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


@pytest.mark.ci
def test_the_whole_story_is_true_and_fits_the_screen() -> None:
    """Each act checks what its title says."""
    demo = _start()
    printed, _ = demo.communicate()
    assert demo.returncode == 0, printed
    assert all(f"{number}/{len(ACTS)} {act.title}" in printed for number, act in enumerate(ACTS, start=1))
    assert max(map(len, printed.splitlines())) <= 80
    # The workflow's mask commands contain tokens, and are the only lines that do.
    assert "::" not in printed


def test_an_act_that_is_not_as_its_title_says_is_reported() -> None:
    """Nothing was killed before, so there is nothing to finish."""
    demo = _start("create", "finish")
    printed, _ = demo.communicate()
    assert (demo.returncode, printed.splitlines()[-1]) == (1, "FAILED: act finish: no run was killed before")


def test_ctrl_c_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    demo = _start("create", TMPDIR=str(tmp_path))
    assert demo.stdout
    for line in demo.stdout:
        if "refresh.started" in line:
            break
    demo.send_signal(signal.SIGINT)  # only to the demo: a terminal would stop its child process as well
    printed, _ = demo.communicate()
    assert (demo.returncode, printed.splitlines()[-1]) == (130, "Stopped. Nothing was left running.")
    with pytest.raises(ProcessLookupError):
        os.killpg(demo.pid, 0)
    assert not [*tmp_path.iterdir()]
