"""Sessions of processes, which outlive a restart of the agent; read from /proc, see proc_pid_stat(5)."""

# ruff: noqa: PTH115, PTH116, PTH123, PTH208
# pathlib costs memory and start-up time.

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from refresh.agent.log import say

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refresh.agent.users import User

_PASS_SECONDS = 0.2
_TERM_PASSES = 150
_KILL_PASSES = 25
# Fields of /proc/<pid>/stat after the name, from 0.
_STATE, _SESSION, _THREADS, _BEGAN = 0, 3, 17, 19


class Session:
    """A process and all that have not left its session.

    `began` is the process's start, in ticks since the boot, and the id of the boot: another process of this number is
    not it. Zombies do not count as alive, as their parent may be slow to reap them.
    """

    def __init__(self, pid: int, began: str) -> None:
        self.pid = pid
        self.began = began

    @classmethod
    def of(cls, pid: int) -> Session:
        """Return the session that this process leads. Raises ProcessLookupError."""
        fields = _stat_fields(pid)
        if not fields:
            raise ProcessLookupError(f"process {pid} does not exist")
        return cls(pid, _began(fields))

    @classmethod
    def from_list(cls, stored: list[Any]) -> Session:
        """Return what `to_list` stored."""
        return cls(int(stored[0]), str(stored[1]))

    def to_list(self) -> list[Any]:
        """Return what identifies it after a restart of the agent, for JSON."""
        return [self.pid, self.began]

    def running(self) -> bool:
        """Whether the first process still runs. A child that has ended is reaped."""
        fields = _stat_fields(self.pid)
        if not fields or _began(fields) != self.began:
            return False
        if not _ended(fields):
            return True
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, os.WNOHANG)
        return False

    def alive(self, user_id: int | None = None) -> bool:
        """Whether any process of the session, or of the user, still runs."""
        return next(self._processes(user_id), None) is not None

    def kill(self, number: int, user_id: int | None = None) -> None:
        """Send this signal to each process of the session and of the user."""
        for pid in self._processes(user_id):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _processes(self, user_id: int | None) -> Iterator[int]:
        first = _stat_fields(self.pid)
        # The number is free for another process only when the last of the session has ended.
        same = _began(first) == self.began if first else self.began.endswith(_boot())
        for pid in _all_processes():
            fields = _stat_fields(pid)
            if not fields or _ended(fields):
                continue
            if (same and int(fields[_SESSION]) == self.pid) or (user_id is not None and _user_of(pid) == user_id):
                yield pid
        self.running()  # Reaps it.


def start(arguments: list[str], **how: Any) -> Session:
    """Start a program in a session of its own, without input. Raises OSError."""
    child = _launched(arguments, **how)
    child.returncode = 0  # The session reaps it.
    return Session.of(child.pid)


def finishes(arguments: list[str], seconds: float, **how: Any) -> bool:
    """Run a program in a session of its own, which is killed after this time; whether it succeeds."""
    try:
        child = _launched(arguments, **how)
    except OSError as error:
        say(f"process.failed error={error}")
        return False
    session = Session.of(child.pid)
    try:
        return child.wait(seconds) == 0
    except subprocess.TimeoutExpired:
        say(f"process.killed program={arguments[0]} seconds={seconds}")
        _killed(session, None)
        child.wait()
        return False


def stop(session: Session | None, user: User) -> bool:
    """End the session if there is one, and every process of the user unless that is root; whether none is left.

    Processes that a job left must not see the next registration. It takes at most 35 seconds.
    """
    user_id = user.uid or None
    session = session or Session(0, "")
    session.kill(signal.SIGTERM)
    for _ in range(_TERM_PASSES):
        if not session.alive():
            break
        time.sleep(_PASS_SECONDS)
    return _killed(session, user_id)


def end_all_in(folder: str) -> None:
    """Kill what a killed agent had started in this folder, for at most 5 seconds.

    What jobs leave running for later ones has working directories below it.
    """
    for _ in range(_KILL_PASSES):
        found = _working_in(os.path.realpath(folder))
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not found:
            return
        time.sleep(_PASS_SECONDS)


def _killed(session: Session, user_id: int | None) -> bool:
    """Kill all until none is left, since each pass may miss what was forked during it."""
    for _ in range(_KILL_PASSES):
        session.kill(signal.SIGKILL, user_id)
        if not session.alive(user_id):
            return True
        time.sleep(_PASS_SECONDS)
    return False


def _working_in(real: str) -> list[int]:
    found = []
    for pid in _all_processes():
        # It may have ended, or belong to the kernel.
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/{pid}/cwd") == real:
                found.append(pid)
    return found


def _launched(arguments: list[str], **how: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - the runner's programs and the user's script
        arguments, stdin=subprocess.DEVNULL, start_new_session=True, umask=0o022, **how
    )


def _all_processes() -> list[int]:
    return [int(each) for each in os.listdir("/proc") if each.isdigit()]


def _stat_fields(pid: int) -> list[str]:
    """Read the fields after the name, which may itself hold spaces and brackets; none if there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return []


def _began(fields: list[str]) -> str:
    return f"{fields[_BEGAN]}@{_boot()}"


def _boot() -> str:
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def _ended(fields: list[str]) -> bool:
    """Whether it is a zombie. One with more threads than the first, which has ended, still runs."""
    return fields[_STATE] in "ZX" and int(fields[_THREADS]) <= 1


def _user_of(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return None
