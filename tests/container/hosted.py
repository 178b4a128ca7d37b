"""A container action's step, started exactly as GitHub's runner starts it.

https://github.com/actions/runner/blob/main/src/Runner.Worker/Handlers/ContainerActionHandler.cs: no user, no build
arguments, every variable by its name, the folders of the job mounted below /github.
"""

from __future__ import annotations

import os
import re
import subprocess
import uuid
from typing import TYPE_CHECKING

from attrs import define, field

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FILES = {
    "GITHUB_OUTPUT": "set_output",
    "GITHUB_STEP_SUMMARY": "step_summary",
    "GITHUB_STATE": "save_state",
    "GITHUB_ENV": "set_env",
    "GITHUB_PATH": "add_path",
}
_MOUNTS = {
    "temp": "/github/runner_temp",
    "home": "/github/home",
    "workflow": "/github/workflow",
    "file_commands": "/github/file_commands",
    "workspace": "/github/workspace",
}
_ASSIGNMENT = re.compile(r"(?P<name>.+?)<<(?P<end>.+)\n(?P<value>(?:.*\n)*?)(?P=end)\n")
TIMEOUT_SECONDS = 100


@define
class Step:
    """One step: its folders on the host, its container, and what it wrote where the runner reads it."""

    folder: Path
    image: str
    network: str
    name: str = field(factory=lambda: f"step-{uuid.uuid4().hex[:12]}")
    printed: str = ""
    _child: subprocess.Popen[str] | None = None

    def __attrs_post_init__(self) -> None:
        for each in _MOUNTS:
            (self.folder / each).mkdir(parents=True, exist_ok=True)
        for each in _FILES.values():
            (self.folder / "file_commands" / f"{each}_{self.name}").touch()
        (self.folder / "workflow" / "event.json").write_text("{}")

    def start(self, variables: Mapping[str, str]) -> Step:
        """Start the container."""
        given = {
            "GITHUB_ACTIONS": "true",
            "CI": "true",
            "HOME": "/github/home",
            "GITHUB_WORKSPACE": "/github/workspace",
            "GITHUB_EVENT_PATH": "/github/workflow/event.json",
            "RUNNER_TEMP": "/github/runner_temp",
            **{name: f"/github/file_commands/{each}_{self.name}" for name, each in _FILES.items()},
            **variables,
        }
        mounts = [f"{self.folder / each}:{inside}" for each, inside in _MOUNTS.items()]
        command = [
            *("docker", "run", "--name", self.name, "--label", "refresh-action-under-test"),
            *("--workdir", "/github/workspace", "--rm"),
            *(word for name in given for word in ("-e", name)),
            *("--network", self.network, "-v", "/var/run/docker.sock:/var/run/docker.sock"),
            *(word for mount in mounts for word in ("-v", mount)),
            self.image,
        ]
        # The client's own HOME is not the step's; what it passes on by name is.
        self._child = subprocess.Popen(  # noqa: S603 - docker, with the words above
            command, env={**os.environ, **given}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self

    def finish(self) -> int:
        """Wait for its end and give the exit code."""
        self.printed, _ = self.client.communicate(timeout=TIMEOUT_SECONDS)
        return self.client.returncode

    @property
    def client(self) -> subprocess.Popen[str]:
        """The docker client, which the runner signals to cancel."""
        assert self._child is not None, "start it first"
        return self._child

    def over(self) -> bool:
        """Whether it has ended."""
        return self.client.poll() is not None

    def kill(self) -> None:
        """Kill it as nothing can be caught."""
        subprocess.run(["docker", "kill", "--signal", "KILL", self.name], check=True, capture_output=True)  # noqa: S603, S607 - docker

    def written(self, variable: str) -> str:
        """Read one of its command files."""
        return (self.folder / "file_commands" / f"{_FILES[variable]}_{self.name}").read_text(encoding="utf-8")

    @property
    def outputs(self) -> dict[str, str]:
        """Read its outputs as the runner does."""
        text = self.written("GITHUB_OUTPUT")
        assert not _ASSIGNMENT.sub("", text), "something is no assignment"
        return {found["name"]: found["value"].removesuffix("\n") for found in _ASSIGNMENT.finditer(text)}

    @property
    def annotations(self) -> list[str]:
        """What it has the runner show on the run's page."""
        return [line for line in self.printed.splitlines() if re.match(r"::(error|warning|notice) ", line)]
