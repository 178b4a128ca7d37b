"""Sessions of processes: which processes are theirs, also for an agent that was restarted, and how they end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refresh.agent import processes
from refresh.agent.processes import Session, end_all_in, finishes, start, stop
from tests.unit.agent.programs import BUILDER, ROOT, UNUSED_ID, end, needs_root, until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def started() -> Iterator[Callable[..., Session]]:
    """Start bash scripts, each in a session of its own, and kill them after the test."""
    sessions: list[Session] = []

    def begin(script: str, **how: object) -> Session:
        sessions.append(start(["/bin/bash", "-c", script], **how))
        return sessions[-1]

    yield begin
    for session in sessions:
        end(session)


class Waits:
    """Stands in for the pauses of a stop: records them, and then waits for what must have happened in them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, condition: Callable[[int], bool]) -> None:
        self.seconds: list[float] = []
        self._condition = condition
        sleep = time.sleep

        def record(seconds: float) -> None:
            self.seconds.append(seconds)
            while not condition(len(self.seconds)):
                sleep(0.01)

        monkeypatch.setattr(time, "sleep", record)


def _read(path: Path) -> str:
    until(path.exists)
    until(path.read_text)
    return path.read_text().strip()


def _gone(pid: int) -> bool:
    return not Path(f"/proc/{pid}").exists()


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_program_that_ended_is_not_running_and_leaves_no_zombie(started: Callable[..., Session]) -> None:
    session = started("exit 3")
    until(lambda: not session.running())
    assert _gone(session.pid)
    assert not session.running()
    assert not session.alive()


def test_a_restarted_agent_knows_the_session_by_what_it_stored(started: Callable[..., Session]) -> None:
    session = started("sleep 1000")
    adopted = Session.from_list(json.loads(json.dumps(session.to_list())))
    assert adopted.running()
    assert adopted.alive()
    end(adopted)
    assert not session.running()


def test_the_session_of_a_process_can_be_looked_up(started: Callable[..., Session]) -> None:
    session = started("sleep 1000")
    assert Session.of(session.pid).to_list() == session.to_list()
    end(session)
    with pytest.raises(ProcessLookupError):
        Session.of(session.pid)


def test_a_reused_number_is_another_process(started: Callable[..., Session]) -> None:
    new = started("sleep 1000")
    old = Session(new.pid, "1@" + new.began.partition("@")[2])
    assert not old.running()
    assert not old.alive()
    assert stop(old, ROOT)
    assert new.running()


def test_a_session_from_before_the_machine_was_restarted_is_another_one(
    started: Callable[..., Session], tmp_path: Path
) -> None:
    """Daemons have sessions whose first process has ended, so its start cannot be compared."""
    new = started(f"sleep 1000 & echo $! >{tmp_path}/pid")
    until(lambda: not new.running())
    assert new.alive()
    old = Session(new.pid, new.began.partition("@")[0] + "@another boot")
    assert not old.alive()
    assert stop(old, ROOT)
    assert new.alive()


@pytest.mark.parametrize("name", ["a b", "x) Z 1 (y", "newline\n1 Z"])
def test_a_process_may_have_any_name(tmp_path: Path, name: str) -> None:
    """The name stands before its session and its state, and may hold spaces and brackets."""
    shutil.copy("/bin/sleep", tmp_path / name)
    session = start([str(tmp_path / name), "1000"])
    assert session.running()
    assert session.alive()
    end(session)


def test_processes_of_a_session_count_after_its_first_has_ended(started: Callable[..., Session]) -> None:
    session = started("sleep 1000 &")
    until(lambda: not session.running())
    assert session.alive()
    assert stop(session, ROOT)
    assert not session.alive()


def test_a_stop_leaves_no_zombie(started: Callable[..., Session]) -> None:
    session = started("sleep 1000")
    assert stop(session, ROOT)
    assert _gone(session.pid)


_NEGLIGENT = """
import os, sys, time
if os.fork():
    time.sleep(1000)
os.setsid()
print(os.getpid(), flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.01)
"""


def test_a_zombie_that_its_parent_does_not_reap_is_not_alive(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _NEGLIGENT, str(tmp_path / "end")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:  # noqa: S603 - our own program
        assert parent.stdout
        session = Session.of(int(parent.stdout.readline()))
        assert session.running()
        (tmp_path / "end").touch()
        until(lambda: _state(session.pid) == "Z")
        assert not session.running()
        assert not session.alive()
        assert stop(session, ROOT)
        assert _state(session.pid) == "Z"
        parent.kill()


def test_a_process_whose_first_thread_has_ended_is_alive() -> None:
    """It looks like a zombie, and a job could start one."""
    script = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(1000,)).start()"
    session = start([sys.executable, "-c", f"{script}; ctypes.CDLL(None).pthread_exit(None)"])
    until(lambda: _state(session.pid) == "Z")
    assert session.running()
    assert session.alive()
    assert stop(session, ROOT)
    assert not session.running()


def test_a_process_that_ends_while_it_is_looked_at_is_not_there(
    started: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    session = started("sleep 1000")
    gone = 2**22 + 1  # No process has so large a number.
    listed, read = processes._all_processes, processes._stat_fields
    monkeypatch.setattr(processes, "_all_processes", lambda: [gone, *listed()])
    assert session.alive(UNUSED_ID)
    # It ends between the two looks at it.
    monkeypatch.setattr(processes, "_stat_fields", lambda pid: read(os.getpid() if pid == gone else pid))
    assert session.alive(UNUSED_ID)
    session.kill(0, UNUSED_ID)
    assert session.running()


def test_programs_start_without_input_in_their_own_session_and_share_their_files(tmp_path: Path) -> None:
    """Whatever the agent's umask is."""
    before = os.umask(0o077)
    try:
        script = f"cd {tmp_path}; cat; umask >umask; cut -d' ' -f6 /proc/self/stat >session"
        session = start(["/bin/bash", "-c", script])
        until(lambda: not session.running())
    finally:
        os.umask(before)
    assert (tmp_path / "session").read_text() == f"{session.pid}\n"
    assert (tmp_path / "umask").read_text() == "0022\n"
    assert (tmp_path / "umask").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(("script", "succeeds"), [("exit 0", True), ("exit 1", False), ("kill -KILL $$", False)])
def test_a_program_that_finishes_tells_whether_it_succeeded(script: str, succeeds: bool) -> None:  # noqa: FBT001 - a case
    assert finishes(["/bin/bash", "-c", script], 600) is succeeds


def test_a_program_that_is_missing_does_not_succeed_and_the_log_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    assert not finishes(["/no/such/program"], 600)
    assert "process.failed error=" in capfd.readouterr().err


def test_a_program_that_takes_too_long_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def wait(child: subprocess.Popen[bytes], timeout: float | None = None) -> int:
        if timeout is None:
            return int(waited(child))
        assert timeout == 30
        _read(tmp_path / "pid")
        raise subprocess.TimeoutExpired(child.args, timeout)

    waited = subprocess.Popen.wait
    monkeypatch.setattr(subprocess.Popen, "wait", wait)
    assert not finishes(["/bin/bash", "-c", f"sleep 1000 & echo $! >{tmp_path}/pid; wait"], 30)
    until(lambda: _gone(int(_read(tmp_path / "pid"))) or _state(int(_read(tmp_path / "pid"))) == "Z")
    assert "process.killed program=/bin/bash seconds=30" in capfd.readouterr().err


def test_a_stop_lets_programs_end_by_themselves(
    started: Callable[..., Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = started(f"trap 'touch {tmp_path}/ended; exit' TERM; touch {tmp_path}/ready; while :; do sleep 0.01; done")
    until((tmp_path / "ready").exists)
    Waits(monkeypatch, lambda _: not session.running())
    assert stop(session, ROOT)
    assert (tmp_path / "ended").exists()


def test_what_ignores_the_request_to_end_is_killed_after_half_a_minute(
    started: Callable[..., Session], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = started(f"trap '' TERM; touch {tmp_path}/ready; while :; do sleep 0.01; done")
    until((tmp_path / "ready").exists)
    waits = Waits(monkeypatch, lambda count: session.running() if count <= 150 else not session.alive())
    assert stop(session, ROOT)
    assert sum(waits.seconds[:150]) == pytest.approx(30)
    assert not session.alive()


def test_what_survives_even_that_is_reported_after_five_seconds_more(
    started: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that waits for a disk cannot be killed."""
    session = started("sleep 1000")
    with monkeypatch.context() as patch:
        patch.setattr(Session, "kill", lambda *_: None)
        waits = Waits(patch, lambda _: True)
        assert not stop(session, ROOT)
    assert sum(waits.seconds) == pytest.approx(35)


def test_a_stop_ends_nothing_of_root_outside_the_session(started: Callable[..., Session]) -> None:
    session, other = started("sleep 1000"), started("sleep 1000")
    assert stop(session, ROOT)
    assert other.running()


@pytest.mark.parametrize("known", [True, False])
def test_a_stop_ends_what_the_runners_user_left_in_other_sessions(
    started: Callable[..., Session],
    known: bool,  # noqa: FBT001 - a case
) -> None:
    """Also if no session is known, since the agent was killed before it could store it."""
    needs_root()
    session = started("sleep 1000", user=UNUSED_ID, group=UNUSED_ID, cwd="/")
    left = started("sleep 1000", user=UNUSED_ID, group=UNUSED_ID, cwd="/")
    other = started("sleep 1000", user=UNUSED_ID + 1, cwd="/")
    assert session.alive(UNUSED_ID)
    assert stop(session if known else None, BUILDER)
    assert not session.running()
    assert not left.running()
    assert other.running()


def test_without_a_session_there_is_nothing_of_root_to_stop(started: Callable[..., Session]) -> None:
    other = started("sleep 1000")
    assert stop(None, ROOT)
    assert other.running()


def test_what_works_in_a_folder_ends_and_nothing_elsewhere(started: Callable[..., Session], tmp_path: Path) -> None:
    """An agent that was killed may have left them without storing their session."""
    folder, beside = tmp_path / "runner", tmp_path / "runner2"
    for path in (folder / "bin", folder / "_work", beside):
        path.mkdir(parents=True)
    shutil.copy("/bin/sleep", folder / "bin")
    (tmp_path / "link").symlink_to("runner")
    ended = [started("sleep 1000", cwd=folder)]
    others = [
        started("sleep 1000", cwd=beside),
        # A job may leave such a process for the next one, which is wanted with the runner's user root.
        started("sleep 1000", cwd=folder / "_work"),
        started(f"exec {folder}/bin/sleep 1000", cwd="/"),
    ]
    end_all_in(str(tmp_path / "link"))
    until(lambda: not any(each.running() for each in ended))
    assert all(each.running() for each in others)


def test_what_cannot_be_killed_in_a_folder_holds_the_agent_up_for_five_seconds_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(processes, "_working_in", lambda _: [2**22 + 1])
    waits = Waits(monkeypatch, lambda _: True)
    end_all_in("/opt/actions-runner")
    assert sum(waits.seconds) == pytest.approx(5)
