"""An instance: the user data run as root in a container, or in namespaces of its own where there is no Docker."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from tests import suites

if TYPE_CHECKING:
    from collections.abc import Mapping

IMAGE = "refresh-instance-under-test"
WITHOUT_PYTHON = "without-python"
"""The target of the Dockerfile that lacks Python."""
_HERE = Path(__file__).parent
_FOLDERS = {"log": "/var/log", "opt": "/opt", "record": "/record", "bin": "/stubs"}
_BOOT = "/stubs/boot"
_NEEDED = ("python3", "setsid", "unshare", "mount")
_LISTED = r"""
for each in /proc/[0-9]*; do
    # shellcheck disable=SC2207
    status=($(sed -nE 's/^(State|Uid|NSsid):\s+([^ \t]+).*/\2/p' "$each/status" 2>/dev/null)) || continue
    words=$(tr '\0\n' '  ' <"$each/cmdline" 2>/dev/null)
    echo "${each#/proc/}|${status[0]}|${status[1]}|${status[2]}|$(cat "$each/comm" 2>/dev/null)|$words"
done"""


def build(image: str = IMAGE, folder: Path = _HERE, target: str = "") -> None:
    """Build the image of a machine: a target of the Dockerfile in a folder, or the last one."""
    chosen = ("--target", target) if target else ()
    command = ["docker", "build", "--quiet", "--network", "host", "-t", image, *chosen, str(folder)]
    built = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - docker
    assert built.returncode == 0, built.stdout + built.stderr


def lacking() -> str:
    """Say what is missing to do without Docker; empty where nothing is."""
    if absent := [name for name in _NEEDED if not shutil.which(name)]:
        return f"{', '.join(absent)} not found"
    tried = subprocess.run([*_unshare(), "true"], check=False, capture_output=True, text=True)  # noqa: S603 - unshare
    return f"unshare: {tried.stderr.strip()}" if tried.returncode else ""


def _unshare() -> list[str]:
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


@frozen
class Process:
    """A process of a container."""

    pid: int
    state: str
    uid: str
    session: str
    name: str
    command: str


@define
class Machine:
    """One instance: its folders on the host and the process that is its boot."""

    folder: Path
    contained: bool
    """In a container; otherwise in namespaces."""
    image: str = IMAGE
    name: str = field(factory=lambda: f"instance-{uuid.uuid4().hex[:12]}")
    _child: subprocess.Popen[bytes] | None = None
    _replaced: dict[str, Path] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for each in _FOLDERS:
            (self.folder / each).mkdir(parents=True)
        self.record.chmod(0o777)
        for path in (_HERE / "system").iterdir():
            shutil.copyfile(path, self.folder / "bin" / path.name)
            (self.folder / "bin" / path.name).chmod(0o755)

    @property
    def record(self) -> Path:
        """Where the stubs write down what was done to them, and read what they are to do."""
        return self.folder / "record"

    def replace(self, path: str, content: str) -> None:
        """Have a file of the machine's hold this, from its boot on or, if it was replaced then, from now on.

        What replaces a longer text ends in spaces.
        """
        ours = self.folder / "replaced" / path.strip("/").replace("/", "-")
        ours.parent.mkdir(exist_ok=True)
        if path in self._replaced:
            # In one write that never leaves it empty or in part.
            with ours.open("r+") as file:
                file.write(content.ljust(ours.stat().st_size))
        else:
            ours.write_text(content)
            self._replaced[path] = ours

    def boot(self, user_data: bytes, variables: Mapping[str, str]) -> None:
        """Start it with what cloud-init would run."""
        path = self.record / "user-data"
        path.write_bytes(user_data)
        start = self._docker if self.contained else self._namespaces
        self._start(start(variables))

    def reboot(self) -> None:
        """End every process of a container and start it again, with its files and another boot's id."""
        self.record.joinpath("boot_id").write_text(f"{uuid.uuid4()}\n")
        self._docker_does("kill", self.name)
        assert self._child is not None, "boot it first"
        self._child.wait(30)
        self._start(["docker", "start", "--attach", self.name])

    def _start(self, command: list[str]) -> None:
        with (self.folder / "console").open("ab") as console:
            self._child = subprocess.Popen(command, stdout=console, stderr=console, start_new_session=True)  # noqa: S603 - docker or unshare

    def _docker(self, variables: Mapping[str, str]) -> list[str]:
        inside = {**variables, "RECORD": "/record", "USER_DATA": "/record/user-data"}
        return [
            *("docker", "run", "--init", "--name", self.name, "--network", "host"),
            # To replace the id of the boot.
            *("--cap-add", "SYS_ADMIN", "--security-opt", "apparmor=unconfined"),
            *(word for name, value in inside.items() for word in ("-e", f"{name}={value}")),
            *("-e", "PATH=/stubs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            *(word for each, path in _FOLDERS.items() for word in ("-v", f"{self.folder / each}:{path}")),
            *(word for path, ours in self._replaced.items() for word in ("-v", f"{ours}:{path}")),
            *(self.image, _BOOT),
        ]

    def _namespaces(self, variables: Mapping[str, str]) -> list[str]:
        inside = {**variables, "RECORD": str(self.record), "USER_DATA": str(self.record / "user-data")}
        mounts = "".join(f'mount --bind "{self.folder / each}" {_FOLDERS[each]} && ' for each in ("log", "opt"))
        mounts += "".join(f'mount --bind "{ours}" {path} && ' for path, ours in self._replaced.items())
        # The agent must not find the systemd of the machine of the tests.
        mounts += f'{{ [[ ! -e /run/systemd ]] || mount --bind "{self.record}" /run/systemd; }} && '
        given = [f"{name}={value}" for name, value in inside.items()]
        path = f"PATH={self.folder / 'bin'}:{os.environ['PATH']}"
        return [*_unshare(), "env", "-i", path, *given, "bash", "-c", f'{mounts}exec "{self.folder}/bin/boot"']

    def end(self) -> None:
        """Take it off the network."""
        if self.contained:
            self._docker_does("rm", "--force", self.name)
        if self._child is not None:
            if not self.contained and self._child.poll() is None:
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(30)

    def run(self, command: str) -> str:
        """Run a command on it as root, and give what it prints; skip the test where it is no container."""
        if not self.contained:
            suites.leave_out("a command is run on the machine, which needs a container")
        words = ["docker", "exec", self.name, "bash", "-c", command]
        return subprocess.run(words, check=False, capture_output=True, text=True).stdout  # noqa: S603 - docker

    def processes(self) -> list[Process]:
        """List the processes of a container, zombies included, without those that list them."""
        found = [line.split("|", 5) for line in self.run(_LISTED).splitlines()]
        return [Process(int(pid), *rest) for pid, *rest in found if len(rest) == 5 and "NSsid" not in rest[-1]]

    def kill(self, name: str, signal_name: str = "KILL") -> list[int]:
        """Signal all processes whose name contains this, as `pkill` does, and give their ids."""
        found = [each.pid for each in self.processes() if name in each.name and each.state != "Z"]
        self.run(f"kill -{signal_name} {' '.join(map(str, found))}")
        return found

    def _docker_does(self, *words: str) -> None:
        subprocess.run(["docker", *words], check=False, capture_output=True)  # noqa: S603, S607 - docker

    def read(self, name: str) -> str:
        """Read one of the record's files; empty while there is none."""
        path = self.record / name
        return path.read_text() if path.exists() else ""

    @property
    def booted(self) -> str:
        """The exit code that cloud-init sees; empty while the boot goes on."""
        return self.read("booted").strip()

    @property
    def calls(self) -> list[str]:
        """How the runner's scripts were called."""
        return self.read("calls").splitlines()

    @property
    def console(self) -> str:
        """What the boots have printed, which EC2 keeps."""
        return (self.folder / "console").read_text()

    @property
    def log(self) -> str:
        """The agent's log."""
        return self.run("cat /var/log/user-data.log") if self.contained else self._logged()

    def _logged(self) -> str:
        path = self.folder / "log" / "user-data.log"
        return path.read_text() if path.exists() else ""
