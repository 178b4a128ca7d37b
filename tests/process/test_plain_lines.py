"""Whatever happens to the process, a person reads one plain line: no traceback, nothing in a library's own form."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.fakes.world import ROOT, inherited

if TYPE_CHECKING:
    from tests.fakes.world import World

ENTRYPOINT = str(ROOT / "entrypoint.py")
RAW = re.compile(r"Traceback|Exception ignored|Logging error|Retrying \(|^  File |Error: \[Errno", re.MULTILINE)
OLD = [
    path
    for pattern in ("2.7.*", "3.6.*", "3.7.*", "3.8.*", "3.9.*", "3.10.*")
    for path in sorted(Path.home().glob(f".pyenv/versions/{pattern}/bin/python"))
] + [Path(found) for name in ("python2", "python3.9", "python3.10") if (found := shutil.which(name, path="/usr/bin"))]


def _shell(command: str, environ: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `$refresh` is the entrypoint."""
    return subprocess.run(  # noqa: S603 - our own entrypoint
        ["/bin/bash", "-o", "pipefail", "-c", command],
        env={**inherited(), **environ, "refresh": f"{sys.executable} {ENTRYPOINT}"},
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        timeout=100,
    )


def test_a_reader_that_has_read_enough_ends_nothing(world: World) -> None:
    """`| head -1`: the pool is refreshed all the same, and nothing is said of the pipe."""
    done = _shell("$refresh | head -1", world.environ())
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, 1, "")
    assert "dynamodb:CreateTable" in world.aws.calls


def test_a_full_disk_under_the_log_is_a_line_and_the_run_goes_on(world: World) -> None:
    """The exit code is about the pool."""
    done = _shell("$refresh > /dev/full", world.environ())
    lost = "No space left on device; the rest of what was printed there is lost"
    assert (done.returncode, done.stderr) == (0, f"warning: standard output: {lost}\n")
    assert "dynamodb:CreateTable" in world.aws.calls
    done = _shell("$refresh 2> /dev/full", world.environ(log_format="json"))
    assert done.returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_obstacle(world: World, closed: str) -> None:
    """Their numbers are not taken by connections either, into which the log would go."""
    done = _shell(f"$refresh {closed}", world.environ())
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "en_US.ISO-8859-1"}])
def test_a_terminal_that_lacks_a_character_gets_its_number(world: World, locale: dict[str, str]) -> None:
    """And no UnicodeEncodeError."""
    done = _shell(
        "$refresh", {**world.environ(mode="pl\u00e4n \u274c"), **locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    )
    assert done.returncode == 2, done.stderr
    assert "error: mode: " in done.stdout
    assert not RAW.search(done.stdout + done.stderr)


def test_a_workspace_that_cannot_be_written_is_a_warning_and_keeps_no_scraps(world: World, tmp_path: Path) -> None:
    """The report is missing, the pool is refreshed."""
    (tmp_path / "refresh-report.json").mkdir()
    code, printed = world.run({"GITHUB_WORKSPACE": str(tmp_path)})
    assert code == 0, printed
    assert "warning: report: " in printed
    assert [path.name for path in tmp_path.iterdir()] == ["refresh-report.json"]
    code, printed = world.run({"GITHUB_WORKSPACE": "/proc"})
    assert code == 0, printed
    assert "warning: report: /proc/refresh-report.json: the report was not written: " in printed


INTERRUPTED = """
import importlib.abc, os, runpy, signal, sys
# Tests that a shell runs in the background inherit that the signal is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
moment = sys.argv.pop(1)
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == moment:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
if sys.argv[1:]:
    runpy.run_path(sys.argv[1], run_name="__main__")
else:
    runpy.run_module("refresh", run_name="__main__", alter_sys=True)
"""
MOMENTS = [
    "refresh.start",
    "refresh.workflow.shutdown",
    "refresh.workflow.unforeseen",
    "attrs",
    "refresh.actions.refresh",
    "botocore.session",
]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("form", [[ENTRYPOINT], []], ids=["entrypoint", "module"])
def test_ctrl_c_while_the_program_loads_is_a_line(world: World, moment: str, form: list[str]) -> None:
    """Whatever is being loaded; AWS is not called."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", INTERRUPTED, moment, *form],
        env={**inherited(), **world.environ(), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    printed = done.stdout + done.stderr
    assert done.returncode == 1, printed
    assert "stopped as asked" in printed
    assert not RAW.search(printed), printed
    assert world.aws.calls == []


@pytest.mark.parametrize("form", [[ENTRYPOINT], ["-m", "refresh"], ["-m", "refresh", "--help"]])
def test_a_python_without_the_packages_says_how_to_install_them(form: list[str]) -> None:
    """`-S` leaves out the folder in which packages are."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-S", *form],
        cwd=ROOT,
        env=inherited(),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith(
        "error: refresh: the package attrs is not installed for this Python; install the pinned ones: "
    )
    assert line.endswith("-m pip install --require-hashes -r requirements/runtime.txt")


@pytest.mark.skipif(not OLD, reason="an older Python is not on this machine")
@pytest.mark.parametrize("python", OLD, ids=lambda path: path.parts[-3])
@pytest.mark.parametrize("form", [[ENTRYPOINT], ["-m", "refresh", "plan"]], ids=["entrypoint", "module"])
def test_an_older_python_is_refused_in_a_line(python: Path, form: list[str]) -> None:
    """It must be able to read the file first."""
    environ = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(  # noqa: S603 - our own program
        [str(python), *form], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert re.fullmatch(r"error: refresh: Python 3.11 or newer is required; this is Python [0-9.]+\n", done.stderr)


TROUBLE = """
import runpy, sys, threading, warnings, logging
import refresh.output.publish
def trouble(*_):
    import concurrent.futures
    warnings.warn("two\\nlines", RuntimeWarning)
    logging.getLogger("urllib3.connectionpool").warning("Retrying (Retry(total=2)) after %r", "x")
    logging.getLogger("anything").warning("not %d", "a number")
    logging.getLogger("anything").error("not %d", "a number")
    future = concurrent.futures.Future()
    future.add_done_callback(lambda _: 1 / 0)
    future.set_result(1)
    thread = threading.Thread(target=lambda: 1 / 0)
    thread.start()
    thread.join()
    class Held:
        def __del__(self):
            1 / 0
    Held()
refresh.output.publish.beginning = trouble
sys.argv[:] = [sys.argv[1]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_what_libraries_and_python_itself_would_print_is_a_line_each(world: World, log_format: str) -> None:
    """Warnings, errors that libraries log, threads and finalizers that fail."""
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(TROUBLE)} {shlex.quote(ENTRYPOINT)}"
    done = _shell(command, {**world.environ(log_format=log_format), "PYTHONPATH": str(ROOT)})
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert not RAW.search(done.stdout)
    assert done.stdout.count("two lines" if log_format == "text" else r"two\nlines") == 1
    assert done.stdout.count("defect: ZeroDivisionError in ") == 2
    assert done.stdout.count("exception calling callback") == 1


def test_a_github_that_does_not_answer_is_reported_once(world: World) -> None:
    """Without urllib3's own words for its retries."""
    done = _shell("$refresh", {**world.environ(), "GITHUB_API_URL": "http://127.0.0.1:9"})
    assert done.returncode == 1
    assert not RAW.search(done.stdout + done.stderr)
    assert done.stderr == ""


def test_a_start_that_cannot_even_say_why_it_fails_has_its_exit_code() -> None:
    """Nothing can be written anywhere."""
    done = _shell(f"{sys.executable} -S {ENTRYPOINT} 2> /dev/full", {})
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
