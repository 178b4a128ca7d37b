"""An instance: the user data run as root in a container, or in namespaces of its own where there is no Docker."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import uuid
from typing import TYPE_CHECKING

from attrs import define, field

from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

IMAGE = "refresh-instance-under-test"
_FOLDERS = {"log": "/var/log", "opt": "/opt", "record": "/record", "bin": "/stubs"}
_SHUTDOWN = '#!/bin/sh\necho "$@" >>"$RECORD/shutdown"\n'
_BOOT = 'bash "$USER_DATA"; echo $? >"$RECORD/booted"; exec sleep infinity'
_NEEDED = ("aws", "curl", "setpriv", "pkill", "setsid", "unshare", "mount")


def build() -> None:
    """Build the image of a machine that has what the agent needs."""
    command = ["docker", "build", "--quiet", "--network", "host", "-t", IMAGE, str(ROOT / "tests" / "instance")]
    built = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - docker
    assert built.returncode == 0, built.stdout + built.stderr


def lacking() -> str:
    """Say what is missing to do without Docker; empty where nothing is."""
    if absent := [name for name in _NEEDED if not shutil.which(name)]:
        return f"{', '.join(absent)} not found"
    printed = subprocess.run(["aws", "--version"], check=False, capture_output=True, text=True).stdout  # noqa: S607 - the user's
    found = re.match(r"aws-cli/(\d+)\.(\d+)", printed)
    if not found or (int(found[1]), int(found[2])) < ((2, 13) if found[1] == "2" else (1, 29)):
        return f"an AWS CLI that knows AWS_ENDPOINT_URL is needed, not {printed.strip() or 'none'}"
    tried = subprocess.run([*_unshare(), "true"], check=False, capture_output=True, text=True)  # noqa: S603 - unshare
    return f"unshare: {tried.stderr.strip()}" if tried.returncode else ""


def _unshare() -> list[str]:
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *as_root, "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]


@define
class Machine:
    """One instance: its folders on the host and the process that is its boot."""

    folder: Path
    contained: bool
    """In a container; otherwise in namespaces."""
    name: str = field(factory=lambda: f"instance-{uuid.uuid4().hex[:12]}")
    _child: subprocess.Popen[bytes] | None = None
    _replaced: dict[str, Path] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for each in _FOLDERS:
            (self.folder / each).mkdir(parents=True)
        self.record.chmod(0o777)
        shutdown = self.folder / "bin" / "shutdown"
        shutdown.write_text(_SHUTDOWN)
        shutdown.chmod(0o755)

    @property
    def record(self) -> Path:
        """Where the stubs write down what was done to them, and read what they are to do."""
        return self.folder / "record"

    def replace(self, path: str, content: str) -> None:
        """Have a file of the machine's hold this, from its boot on or, if it was replaced then, from now on."""
        ours = self.folder / "replaced" / path.strip("/").replace("/", "-")
        ours.parent.mkdir(exist_ok=True)
        ours.write_text(content)
        self._replaced[path] = ours

    def boot(self, user_data: bytes, variables: Mapping[str, str]) -> None:
        """Start it with what cloud-init would run."""
        path = self.record / "user-data"
        path.write_bytes(user_data)
        start = self._docker if self.contained else self._namespaces
        with (self.folder / "console").open("wb") as console:
            self._child = subprocess.Popen(  # noqa: S603 - docker or unshare
                start(variables), stdout=console, stderr=console, start_new_session=True
            )

    def _docker(self, variables: Mapping[str, str]) -> list[str]:
        inside = {**variables, "RECORD": "/record", "USER_DATA": "/record/user-data"}
        return [
            *("docker", "run", "--rm", "--init", "--name", self.name, "--network", "host"),
            *(word for name, value in inside.items() for word in ("-e", f"{name}={value}")),
            *("-e", "PATH=/stubs:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            *(word for each, path in _FOLDERS.items() for word in ("-v", f"{self.folder / each}:{path}")),
            *(word for path, ours in self._replaced.items() for word in ("-v", f"{ours}:{path}")),
            *(IMAGE, "bash", "-c", _BOOT),
        ]

    def _namespaces(self, variables: Mapping[str, str]) -> list[str]:
        inside = {**variables, "RECORD": str(self.record), "USER_DATA": str(self.record / "user-data")}
        mounts = "".join(f'mount --bind "{self.folder / each}" {_FOLDERS[each]} && ' for each in ("log", "opt"))
        mounts += "".join(f'mount --bind "{ours}" {path} && ' for path, ours in self._replaced.items())
        given = [f"{name}={value}" for name, value in inside.items()]
        path = f"PATH={self.folder / 'bin'}:{os.environ['PATH']}"
        return [*_unshare(), "env", "-i", path, *given, "bash", "-c", mounts + _BOOT]

    def end(self) -> None:
        """Take it off the network."""
        if self.contained:
            subprocess.run(["docker", "kill", self.name], check=False, capture_output=True)  # noqa: S603, S607 - docker
        if self._child is not None:
            if not self.contained and self._child.poll() is None:
                os.killpg(self._child.pid, signal.SIGKILL)
            self._child.wait(30)

    def run(self, command: str) -> str:
        """Run a command on it as root, where it is a container, and give what it prints."""
        words = ["docker", "exec", self.name, "bash", "-c", command]
        return subprocess.run(words, check=False, capture_output=True, text=True).stdout  # noqa: S603 - docker

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
    def log(self) -> str:
        """The agent's log."""
        return self.run("cat /var/log/user-data.log") if self.contained else self._logged()

    def _logged(self) -> str:
        path = self.folder / "log" / "user-data.log"
        return path.read_text() if path.exists() else ""
