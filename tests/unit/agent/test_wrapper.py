"""The shell around the agent, run by bash with folders of the test in the place of the machine's."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from attrs import define, evolve

from refresh.agent import user_data
from tests.unit.agent.test_user_data import HOSTILE, SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

AGENT = """
import json, os, sys, time
folder = os.path.dirname(os.path.abspath(__file__))
seen = {"environ": dict(os.environ), "arguments": sys.argv[1:], "pid": os.getpid()}
seen |= {"umask": os.umask(0o22), "stdin": sys.stdin.read()}
print("said by the agent", flush=True)
print(json.dumps(seen), file=open(folder + "/starts", "a"))
if os.path.exists(folder + "/first"):
    print(3, file=open(folder + "/booted", "w"))
    time.sleep(600)
open(folder + "/first", "w").close()
sys.exit("the first agent dies")
"""
SYSTEMCTL = '#!/bin/bash\necho "$*" >>"$CALLS"\n[[ $1 != stop ]]\n'
FORBIDDEN = "#!/bin/bash\nexit 1\n"


def _until(what: Callable[[], object]) -> None:
    while not what():
        time.sleep(0.02)


@define
class Boot:
    """A machine as far as the wrapper sees it."""

    root: Path

    @property
    def folder(self) -> Path:
        """The agent's folder."""
        return self.root / "opt/refresh-agent"

    @property
    def log(self) -> Path:
        """The agent's log."""
        return self.root / "log/user-data.log"

    def moved(self, text: str) -> str:
        """Replace the machine's folders by those of the test."""
        for before, after in (
            ("/opt", "/opt"),
            ("/var/log", "/log"),
            ("/run/systemd/system", "/systemd"),
            ("/etc/systemd/system", "/units"),
            ("/usr/libexec", "/libexec"),
            ("/dev/console", "/console"),
            ("/usr/local/bin", "/local"),
        ):
            text = text.replace(before, f"{self.root}{after}")
        return text

    def program(self, name: str, text: str) -> None:
        """Put a program at the front of the PATH."""
        path = self.root / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def start(self, *, path: str = "/usr/bin:/bin") -> subprocess.Popen[bytes]:
        """Start the user data as cloud-init does."""
        part = self.root / "part-001"
        part.write_text(self.moved(user_data.rendered(evolve(SETTINGS, pre_runner_script=HOSTILE)).decode()))
        environ = {"PATH": f"{self.root}/bin:{path}", "CALLS": str(self.root / "calls")}
        return subprocess.Popen(  # noqa: S603 - our own program
            ["/bin/bash", str(part)], env=environ, stdout=subprocess.PIPE, start_new_session=True, umask=0o22
        )

    def starts(self) -> list[dict[str, object]]:
        """List what each agent saw."""
        path = self.folder / "starts"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def calls(self) -> list[str]:
        """List what systemd and other programs were told."""
        path = self.root / "calls"
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Boot]:
    """Give a machine; what runs in its sessions ends with the test."""
    monkeypatch.setattr(user_data, "_program", lambda: AGENT)
    for name in ("opt", "log", "units", "bin", "libexec", "local"):
        (tmp_path / name).mkdir()
    made = Boot(tmp_path)
    # The machine of the tests may have systemd, which must not hear of it.
    made.program("systemctl", FORBIDDEN)
    made.program("sleep", "#!/bin/bash\nexec /bin/sleep 0.05\n")
    made.program("python3", f'#!/bin/bash\nexec {sys.executable} "$@"\n')
    started: list[subprocess.Popen[bytes]] = []
    start = Boot.start

    def kept(self: Boot, **options: str) -> subprocess.Popen[bytes]:
        started.append(start(self, **options))
        return started[-1]

    monkeypatch.setattr(Boot, "start", kept)
    yield made
    for each in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each.pid, signal.SIGKILL)
        each.communicate()


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_wrapper_ends_with_the_code_of_the_boot_and_the_agent_is_restarted_when_it_dies(boot: Boot) -> None:
    process = boot.start()
    assert process.wait() == 3
    first, second = boot.starts()
    assert first["pid"] != second["pid"]
    assert "the first agent dies" in boot.log.read_text()
    os.kill(int(str(second["pid"])), signal.SIGKILL)
    _until(lambda: len(boot.starts()) == 3)


def test_the_agent_gets_the_values_as_its_environment_alone(boot: Boot) -> None:
    """Arguments can be listed by all processes."""
    assert boot.start().wait() == 3
    (first, _) = boot.starts()
    environ = first["environ"]
    assert isinstance(environ, dict)
    assert json.loads(environ["PRE_RUNNER_SCRIPT"]) == HOSTILE
    assert environ["TABLE_NAME"] == SETTINGS.table
    assert environ["HOME"] == "/root"
    assert environ["PATH"].endswith(f":{boot.root}/local:/snap/bin")
    assert (first["arguments"], first["stdin"], first["umask"]) == ([], "", 0o22)
    assert "said by the agent" in boot.log.read_text()


def test_only_root_can_read_the_agent_s_files_and_the_logs(boot: Boot) -> None:
    boot.log.write_text("before\n")
    boot.log.chmod(0o644)
    assert boot.start().wait() == 3
    assert _mode(boot.folder) == 0o700
    assert {_mode(boot.folder / name) for name in ("start", "agent.py")} <= {0o600, 0o700}
    assert {_mode(boot.root / "log" / name) for name in ("user-data.log", "actions-runner.log")} == {0o600}
    assert boot.log.read_text().startswith("before\n")
    assert (boot.folder / "start").read_bytes() == (boot.root / "part-001").read_bytes()
    assert (boot.folder / "agent.py").read_text() == boot.moved(AGENT)


def test_a_state_that_an_image_brings_is_removed_before_the_agent_starts(boot: Boot) -> None:
    boot.folder.mkdir()
    for name in ("booted", "script.exit", "state.json"):
        (boot.folder / name).write_text("0\n")
    assert boot.start().wait() == 3
    assert not (boot.folder / "state.json").exists()
    assert not (boot.folder / "script.exit").exists()


def test_systemd_keeps_the_agent_running_where_it_runs(boot: Boot) -> None:
    """The agent that an image starts is stopped first; nothing waits for a start."""
    (boot.root / "systemd").mkdir()
    boot.program("systemctl", SYSTEMCTL)
    process = boot.start()
    _until(lambda: len(boot.calls()) == 4)
    unit = "refresh-agent.service"
    assert boot.calls() == [f"stop {unit}", "daemon-reload", f"enable {unit}", f"--no-block restart {unit}"]
    lines = (boot.root / "units" / unit).read_text().splitlines()
    assert {
        *("Restart=always", "RestartSec=1", "KillMode=process", "OOMPolicy=continue", "TasksMax=infinity"),
        *("StartLimitIntervalSec=0", "WantedBy=multi-user.target"),
        *("Wants=network-online.target", "After=network-online.target"),
    } <= set(lines)
    assert not [line for line in lines if "cloud" in line]
    (command,) = [line.removeprefix("ExecStart=").split() for line in lines if line.startswith("ExecStart=")]
    assert command == ["/bin/bash", f"{boot.folder}/start", "supervised", f"{boot.root}/bin/python3"]
    (boot.folder / "first").touch()
    agent = subprocess.Popen(command, env={"PATH": "/usr/bin:/bin"}, start_new_session=True)  # noqa: S603 - the unit's
    assert process.wait() == 3
    (seen,) = boot.starts()
    assert seen["pid"] == agent.pid
    agent.kill()
    agent.wait()


def test_a_loop_keeps_the_agent_running_where_systemd_refuses(boot: Boot) -> None:
    (boot.root / "systemd").mkdir()
    assert boot.start().wait() == 3
    assert len(boot.starts()) == 2


@pytest.mark.parametrize("place", ["libexec/platform-python", "bin/python3.99", "local/python3", "opt/a/bin/python3"])
def test_a_python_that_is_not_python3_on_the_path_is_found(boot: Boot, place: str) -> None:
    """What `python3` names may be too old."""
    real = (boot.root / "bin/python3").read_text()
    boot.program("python3", FORBIDDEN)
    boot.program("python3.9-config", FORBIDDEN)
    (boot.root / place).parent.mkdir(parents=True, exist_ok=True)
    (boot.root / place).write_text(real)
    (boot.root / place).chmod(0o755)
    assert boot.start(path=_without_python(boot)).wait() == 3


def _without_python(boot: Boot) -> str:
    """Return a PATH with what the wrapper needs, without Python."""
    tools = boot.root / "tools"
    tools.mkdir()
    for name in ("bash", "cat", "chmod", "cp", "date", "mkdir", "rm", "sleep", "touch"):
        (tools / name).symlink_to(f"/bin/{name}")
    return str(tools)


@pytest.mark.parametrize(("tag", "shutdowns"), [("true", 0), ("", 2)])
def test_a_machine_without_python_says_so_and_shuts_down_after_an_hour_unless_protected(
    boot: Boot, tag: str, shutdowns: int
) -> None:
    (boot.root / "bin/python3").unlink()
    path = _without_python(boot)
    terminal, console = os.openpty()
    (boot.root / "console").symlink_to(os.ttyname(console))
    boot.program(
        "sleep", '#!/bin/bash\necho "sleep $*" >>"$CALLS"\n[[ $(grep -c sleep "$CALLS") -lt 3 ]] || kill "$PPID"\n'
    )
    (boot.root / "tools/grep").symlink_to("/bin/grep")
    boot.program("curl", f'#!/bin/bash\n[[ "$*" != *protect ]] || printf %s "{tag}"\n')
    boot.program("shutdown", '#!/bin/bash\necho "shutdown $*" >>"$CALLS"\n')
    process = boot.start(path=path)
    assert process.wait() == 1
    assert process.stdout
    printed = process.stdout.readline().decode()
    for each in ("Python 3.9 or newer is missing", path, "use an image that has it", "refresh-action:protect=true"):
        assert each in printed
    assert printed.strip() in boot.log.read_text()
    assert os.read(terminal, 4096).decode().strip() == printed.strip()
    _until(lambda: boot.calls().count("sleep 3600") == 3)
    assert boot.calls().count("shutdown -h now") == shutdowns
    os.close(terminal)
    os.close(console)


def test_a_folder_that_cannot_be_written_is_reported_likewise(boot: Boot) -> None:
    (boot.root / "opt/refresh-agent").write_text("a file")
    boot.program("sleep", "#!/bin/bash\nkill $PPID\n")
    process = boot.start()
    assert process.wait() == 1
    assert process.stdout
    assert f"{boot.folder} or {boot.log} cannot be written" in process.stdout.read().decode()
