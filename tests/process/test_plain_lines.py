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
    from collections.abc import Mapping

    from tests.fakes.world import World

ENTRYPOINT = str(ROOT / "entrypoint.py")
RAW = re.compile(r"Traceback|Exception ignored|Logging error|Retrying \(|^  File |Error: \[Errno", re.MULTILINE)
OLD = [
    path
    for pattern in ("2.7.*", "3.6.*", "3.7.*", "3.8.*", "3.9.*", "3.10.*")
    for path in sorted(Path.home().glob(f".pyenv/versions/{pattern}/bin/python"))
] + [Path(found) for name in ("python2", "python3.9", "python3.10") if (found := shutil.which(name, path="/usr/bin"))]


def _done(command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(  # noqa: S603 - our own program
        command,
        cwd=ROOT,
        env={**inherited(), **environ},
        capture_output=True,
        check=False,
        encoding="utf-8",
        errors="replace",
        timeout=100,
    )
    assert not RAW.search(done.stdout + done.stderr), done.stdout + done.stderr
    return done


def _shell(command: str, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a line of shell in which `$refresh` is the entrypoint."""
    refresh = {"refresh": f"{sys.executable} {ENTRYPOINT}"}
    return _done(["/bin/bash", "-o", "pipefail", "-c", command], {**environ, **refresh})


def test_a_reader_that_ends_early_does_not_end_the_run(world: World) -> None:
    done = _shell("$refresh | head -1", world.environ())
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, 1, "")
    assert "dynamodb:CreateTable" in world.aws.calls


def test_a_full_disk_is_one_warning_and_the_run_goes_on(world: World) -> None:
    done = _shell("$refresh > /dev/full", world.environ())
    (line,) = done.stderr.splitlines()
    assert done.returncode == 0
    assert line.startswith("warning: standard output: No space left on device; ")
    assert "dynamodb:CreateTable" in world.aws.calls
    assert _shell("$refresh 2> /dev/full", world.environ(log_format="json")).returncode == 0


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_run_works_with_closed_streams(world: World, closed: str) -> None:
    """A connection must not take the number of one, or the log would go into it."""
    done = _shell(f"$refresh {closed}", world.environ())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize("locale", [{"LC_ALL": "C"}, {"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "en_US.ISO-8859-1"}])
def test_a_character_that_the_terminal_lacks_is_no_error(world: World, locale: dict[str, str]) -> None:
    ascii_only = {**locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    done = _shell("$refresh", {**world.environ(mode="pl\u00e4n \u274c"), **ascii_only})
    assert done.returncode == 2, done.stderr
    assert "error: mode: " in done.stdout


INTERRUPTED = """
import importlib.abc, os, runpy, signal, sys
# Tests that a shell runs in the background inherit that the signal is ignored.
signal.signal(signal.SIGINT, signal.default_int_handler)
moment, number = sys.argv.pop(1), int(sys.argv.pop(1))
class Interrupt(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name == moment:
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Interrupt())
if sys.argv[1:]:
    runpy.run_path(sys.argv.pop(1), run_name="__main__")
else:
    runpy.run_module("refresh", run_name="__main__", alter_sys=True)
"""
MOMENTS = [
    ("refresh.start", "2"),
    ("refresh.workflow.shutdown", "2"),
    ("refresh.workflow.unforeseen", "2"),
    ("attrs", "2"),
    ("refresh.actions.refresh", "15"),
    ("botocore.session", "2"),
]


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize("form", [[ENTRYPOINT], []], ids=["entrypoint", "module"])
def test_a_signal_while_the_program_loads_ends_it_with_a_line(
    world: World, moment: tuple[str, str], form: list[str]
) -> None:
    """Whatever is being loaded, and before AWS is called."""
    done = _done([sys.executable, "-c", INTERRUPTED, *moment, *form], {**world.environ(), "PYTHONPATH": str(ROOT)})
    printed = done.stdout + done.stderr
    assert done.returncode == 1, printed
    assert "stopped as asked" in printed
    assert world.aws.calls == []


@pytest.mark.parametrize("form", [[ENTRYPOINT], ["-m", "refresh"], ["-m", "refresh", "--help"]])
def test_missing_packages_are_one_line_with_the_command_that_installs_them(form: list[str]) -> None:
    """`-S` leaves out the folder in which packages are."""
    done = _done([sys.executable, "-S", *form], {})
    assert done.returncode == 2
    (line,) = (done.stdout + done.stderr).splitlines()
    assert line.startswith("error: refresh: the package attrs ")
    assert line.endswith("-m pip install --require-hashes -r requirements/runtime.txt")


@pytest.mark.skipif(not OLD, reason="an older Python is not on this machine")
@pytest.mark.parametrize("python", OLD, ids=lambda path: path.parts[-3])
@pytest.mark.parametrize("form", [[ENTRYPOINT], ["-m", "refresh", "plan"]], ids=["entrypoint", "module"])
def test_an_older_python_is_refused_in_a_line(python: Path, form: list[str]) -> None:
    environ = {"PYTHONDONTWRITEBYTECODE": "1", "PATH": os.environ["PATH"]}
    done = subprocess.run(  # noqa: S603 - our own program
        [str(python), *form], cwd=ROOT, env=environ, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 2
    assert re.fullmatch(r"error: refresh: Python 3\.11 .* Python [0-9.]+\n", done.stderr)


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
def test_each_warning_and_error_of_libraries_and_python_is_one_line(world: World, log_format: str) -> None:
    command = f"{shlex.quote(sys.executable)} -c {shlex.quote(TROUBLE)} {shlex.quote(ENTRYPOINT)}"
    environ = {**world.environ(log_format=log_format), "GITHUB_API_URL": "http://127.0.0.1:9"}
    done = _shell(command, {**environ, "PYTHONPATH": str(ROOT)})
    assert (done.returncode, done.stderr) == (1, ""), done.stdout
    assert done.stdout.count("two lines" if log_format == "text" else r"two\nlines") == 1
    assert done.stdout.count("defect: ZeroDivisionError in ") == 2
    assert done.stdout.count("exception calling callback") == 1


def test_a_start_that_can_print_nothing_has_its_exit_code() -> None:
    done = _shell(f"{sys.executable} -S {ENTRYPOINT} 2> /dev/full", {})
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")
