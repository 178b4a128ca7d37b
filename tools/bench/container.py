"""What the processes of a container use: CPU time by its cgroup, and memory, read on the machine of the engine."""

from __future__ import annotations

import os
import subprocess
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Self

from attrs import define, field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterator

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_EVERY_SECONDS = 0.2
_OF_THE_BOOT = ("tail -f /dev/null", "/sbin/docker-init", "bash /stubs/boot")


@frozen
class _Process:
    """A process as /proc/<pid>/stat and cmdline show it."""

    pid: int
    session: int
    seconds: float
    """CPU time, its own and that of children that it has waited for."""
    command: str


@frozen
class Container:
    """A running container; the engine runs on this machine, and this process is root."""

    folder: Path
    """Of its cgroup: of version 2, or of the controller cpuacct in version 1."""

    @classmethod
    def of(cls, name: str) -> Container:
        """Find a container by its name."""
        asked = ["docker", "inspect", "--format", "{{.State.Pid}}", name]
        pid = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()  # noqa: S603 - docker
        for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            root = "cpuacct" if "cpuacct" in controllers.split(",") else ""
            folder = Path("/sys/fs/cgroup", root, path.lstrip("/"))
            if (root or not controllers) and (folder / "cgroup.procs").exists():
                return cls(folder)
        raise RuntimeError(f"no cgroup of the container {name} found by its process {pid}")

    def agent_seconds(self) -> float:
        """Give the CPU seconds of all processes so far, less those of the stand-ins for the runner and the boot."""
        return self._seconds() - sum(each.seconds for each in self._processes() if not self._is_agent(each))

    def agent_bytes(self) -> int:
        """Give the memory of the agent's processes; what several share counts once (PSS)."""
        return sum(_memory(each.pid) for each in self._processes() if self._is_agent(each))

    def _seconds(self) -> float:
        if (nanoseconds := self.folder / "cpuacct.usage").exists():
            return int(nanoseconds.read_text()) / 1e9
        found = dict(line.split() for line in (self.folder / "cpu.stat").read_text().splitlines())
        return int(found["usage_usec"]) / 1e6

    def _is_agent(self, process: _Process) -> bool:
        if process.command.startswith(_OF_THE_BOOT) or not process.command:
            return False
        return process.session not in {each.session for each in self._processes() if "run.sh" in each.command}

    def _processes(self) -> Iterator[_Process]:
        for pid in map(int, (self.folder / "cgroup.procs").read_text().split()):
            try:
                after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
                command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except OSError:
                continue  # it has ended
            ticks = sum(map(int, after_name[11:15]))
            yield _Process(pid, int(after_name[3]), ticks / _TICKS_PER_SECOND, command)


def _memory(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0  # it has ended
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


@define
class Watch:
    """Samples the agent's memory in a `with` block."""

    container: Container
    samples: list[int] = field(factory=list)
    _ended: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._ended.wait(_EVERY_SECONDS):
            self.samples.append(self.container.agent_bytes())
