"""Runs of workflows by `act`, which the tests cancel as GitHub does.

`act` gives no signal to a step that is cancelled, so the tests give it. It takes the image of a job on a machine by the
label that provision has answered with: were there another one, it would skip this job.
"""

from __future__ import annotations

import json
import subprocess
import time
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from tests.container import workflow
from tests.fakes.releasing import JOB_TOKEN, RUN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.fakes.world import World

_SETUP_PYTHON = "actions/setup-python@5fda3b95a4ea91299a34e894583c3862153e4b97"
_CANCELLED = (("INT", 7.5), ("TERM", 2.5), ("KILL", 5))
"""The signals of a cancelled step, each with the seconds that it has to end."""
_KILL = """
for each in /proc/[0-9]*; do
    [[ $(tr '\\0' ' ' <"$each/cmdline") == *"$2"* && ${each#/proc/} != $$ ]] && kill "-$1" "${each#/proc/}" && found=1
done 2>/dev/null
[[ ${found-} ]]
"""
"""As `pkill -f`, which the image lacks: signals the processes whose command line has a text; fails if there is none."""
_RUNNING = {"provision": "entrypoint.py provision", "build": "sleep 600", "release": "entrypoint.py release"}
"""What is in the command line of the process of each job."""


@frozen
class Event:
    """What starts a workflow."""

    name: str
    payload: Mapping[str, Any] = field(factory=dict)
    """What GitHub says of it, `github.event`."""


PUSH = Event("push")


@define
class Acted:
    """A run of a workflow by `act`."""

    folder: Path
    """The checkout, which has the actions."""
    image: str
    """In which all jobs run; it has Python and bash, as GitHub's runners have."""
    world: World
    name: str = ""
    printed: str = ""
    _child: subprocess.Popen[str] | None = field(default=None)

    def start(self, made: Mapping[Any, Any], event: Event = PUSH, attempt: int = 1, run: str = RUN) -> Acted:
        """Start it as an attempt of a run."""
        self.name = made["name"]
        workflow.commit(self.folder, made)
        unused, payload = (
            self.folder.parent / f"{self.folder.name}-setup-python",
            self.folder.parent / f"{self.name}.json",
        )
        unused.mkdir()
        (unused / "action.yml").write_text("name: unused\nruns: {using: composite, steps: []}\n")
        payload.write_text(json.dumps(dict(event.payload)))
        given = {
            "GITHUB_REPOSITORY": str(self.world.repository),
            "GITHUB_API_URL": self.world.github.url,
            "GITHUB_SERVER_URL": self.world.server_url,
            "GITHUB_RUN_ID": run,
            "GITHUB_RUN_ATTEMPT": str(attempt),
        }
        command = [
            *("act", event.name, "--eventpath", str(payload), "--directory", str(self.folder), "--pull=false"),
            *("--bind", "--rm", "-P", f"ubuntu-slim={self.image}", "-P", f"{run}={self.image}"),
            *("-s", f"GITHUB_TOKEN={JOB_TOKEN}"),
            *("--container-daemon-socket", "-", "--local-repository", f"{_SETUP_PYTHON}={unused}"),
            *(word for name, value in given.items() for word in ("--env", f"{name}={value}")),
        ]
        self._child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # noqa: S603 - act
        return self

    def finish(self) -> int:
        """Wait for the end and give the exit code."""
        assert self._child is not None, "start it first"
        self.printed, _ = self._child.communicate(timeout=600)
        return self._child.returncode

    def over(self) -> bool:
        """Whether it has ended."""
        return self._child is not None and self._child.poll() is not None

    def jobs(self) -> dict[str, str]:
        """Read how the jobs ended, by name; a job that was skipped is left out."""
        ended = [line for line in self.printed.splitlines() if "🏁" in line]
        return {line.partition("/")[2].split("]")[0].strip(): line.rpartition(" ")[2] for line in ended}

    def works(self, job: str) -> bool:
        """Whether the process of a job runs."""
        return bool(self._signal(job, "0"))

    def cancel(self, job: str) -> str:
        """Signal the process of a job until it has ended, as GitHub's runner does; give the last signal."""
        for name, seconds in _CANCELLED:
            self._signal(job, name)
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                if not self.works(job):
                    return name
                time.sleep(0.1)
        raise AssertionError(f"{job} runs on")

    def _signal(self, job: str, name: str) -> bool:
        """Send a signal to the process of a job; false where there is none."""
        listed = ["docker", "ps", "--quiet", "--filter", f"name=act-{self.name}"]
        found = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split()  # noqa: S603 - docker
        sent = [
            subprocess.run(  # noqa: S603 - docker
                ["docker", "exec", each, "bash", "-c", _KILL, "kill", name, _RUNNING[job]],  # noqa: S607 - the user's
                check=False,
                capture_output=True,
            )
            for each in found
        ]
        return any(each.returncode == 0 for each in sent)
