"""The agent: turns the machine into a runner that serves one workflow run after another."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import threading
import time
from typing import TYPE_CHECKING

from refresh.agent.aws import Aws
from refresh.agent.clock import Clock
from refresh.agent.credentials import Credentials
from refresh.agent.imds import Metadata
from refresh.agent.installation import NotInstalled, install
from refresh.agent.lifetime import Lifetime
from refresh.agent.link import Link
from refresh.agent.log import LOG, say
from refresh.agent.processes import Session
from refresh.agent.runner import Runner
from refresh.agent.script import Script
from refresh.agent.serving import Serving
from refresh.agent.settings import Settings
from refresh.agent.state import BOOTED, FAILED, INSTALLED, SCRIPT, State
from refresh.agent.table import RUN, Table, insist
from refresh.agent.users import add_user

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.agent.users import User

EXIT_CODE = "/opt/refresh-agent/booted"
"""The file for the exit code of the boot, which cloud-init reports."""
CONSOLE = "/dev/console"
_FAILED_SECONDS = 20
_ID = "instance-id"


class BootFailed(Exception):
    """The machine cannot serve; its threshold ends it."""


class Agent:
    """The agent of one machine: it boots, then serves, while two threads watch the record and the threshold."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = Clock()
        self.metadata = Metadata()
        self.state = State(self.clock.boot_id())
        self.lifetime = Lifetime(self.metadata, self.clock, self.state)

    def main(self) -> None:
        """Boot, then serve; after a failure only the threshold is watched."""
        in_background(self.lifetime.run)
        try:
            link = self._connect(self._identify())
            user, folder = self._boot(link)
        except BootFailed as failure:
            say(str(failure))
            _show(f"refresh-action: {failure} (see {LOG})")
            self.state.save(stage=FAILED)
            _exit_code(1)
            threading.Event().wait()
        else:
            _exit_code(0)
            link.beating = True
            runner = Runner(self.settings, user, folder, self.state["variables"])
            try:
                Serving(link, self.state, runner, user, self.lifetime.instance_id).forever()
            finally:
                link.beating = False

    def _identify(self) -> str:
        """Learn which machine this is."""
        instance_id = self._insist_on(_ID)
        if not re.fullmatch("i-[0-9a-f]{8,17}", instance_id):
            raise BootFailed(f"instance.refused id={instance_id!r}")
        return instance_id

    def _connect(self, instance_id: str) -> Link:
        """Watch the machine's record, whether it can serve or not."""
        domain = self._insist_on("services/domain") or "amazonaws.com"
        aws = Aws(self.settings.region, domain, Credentials(self.metadata, self.clock), self.clock)
        table = Table(aws, self.clock, self.settings.table, instance_id, shared=self.settings.original_modes)
        link = Link(table, self.state)
        self.lifetime.instance_id, self.lifetime.aws, self.lifetime.link = instance_id, aws, link
        in_background(link.run)
        return link

    def _insist_on(self, path: str) -> str:
        """Return a value of the metadata service. It is asked once for each start of the machine."""
        before, boot = self.state.get(path, (None, None))
        if boot != self.state["boot"]:
            value = insist(path, lambda: self.metadata.get(path)) or ""
            if path == _ID and before not in (None, value):
                # The image was made from another machine. A machine of the pool gets an agent of its own by its user
                # data; any other is not ours to end.
                self.lifetime.spare()
                raise BootFailed(f"instance.copied from={before!r}")
            self.state.save(**{path: [value, self.state["boot"]]})
        return str(self.state[path][0])

    def _boot(self, link: Link) -> tuple[User, str]:
        """Run the script and install the runner, once in the life of the machine."""
        run = self._insist_on("tags/instance/InitialRunId")
        if not RUN.fullmatch(run):
            raise BootFailed(f"instance.refused run={run!r}")
        stage = self.state.get("stage")
        if stage == FAILED:
            raise BootFailed("instance.failed_before")
        say(f"instance.started id={self.lifetime.instance_id} run={run} runner={self.settings.runner_version}")
        signal = "UD_FAILED"
        try:
            user = add_user(self.settings.runner_user)
            if stage in (None, SCRIPT):
                self._run_script(stage, link)
                link.signal("UD_OK", run)
                self.state.save(stage=BOOTED)
            signal = "UD_REG_FAILED"
            if stage != INSTALLED:
                folder = install(self.settings, user)
                self.state.save(folder=folder, variables=_text_of(f"{folder}/.env"), stage=INSTALLED)
        except (BootFailed, NotInstalled, OSError) as failure:
            link.signal(signal, run)
            raise BootFailed(str(failure)) from None
        return user, self.state["folder"]

    def _run_script(self, stage: str | None, link: Link) -> None:
        """Run it, or wait for the one that is running already. A restart of the machine cuts it off."""
        script = Script()
        saved = self.state.get("script")
        session = Session.from_list(saved) if saved else None
        if stage is None:
            text = self._text_of_script(link.table)
            self.state.save(stage=SCRIPT)
            session = script.start(text)
            self.state.save(script=session.to_list())
        while session and session.running():
            time.sleep(0.1)
        code = script.exit_code()
        if code != 0:
            raise BootFailed("script.cut_off" if code is None else f"script.failed exit={code}")

    def _text_of_script(self, table: Table) -> str:
        """Return the script; a large one is in the table. A job that can write there cannot change its sum."""
        sha256 = self.settings.pre_runner_script_sha256
        if not sha256:
            return self.settings.pre_runner_script
        text: str = insist("script", lambda: table.script(sha256))
        if hashlib.sha256(text.encode()).hexdigest() != sha256:
            raise BootFailed(f"script.refused sha256={sha256}")
        return text


def in_background(work: Callable[[], None]) -> threading.Thread:
    """Start a thread. If it fails, the whole process ends and is restarted: half an agent would go unnoticed."""
    thread = threading.Thread(target=_or_die, args=(work,), daemon=True)
    thread.start()
    return thread


def _or_die(work: Callable[[], None]) -> None:
    """Do this; if it fails, log where and end the process. The text of an error could hold a secret."""
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - whatever it is
        trace, lines = error.__traceback__, []
        while trace:
            lines.append(trace.tb_lineno)
            trace = trace.tb_next
        say(f"agent.failed {type(error).__name__} lines={lines}")
        # If this fails in each start, the threshold is judged all the same.
        time.sleep(_FAILED_SECONDS)
        os._exit(70)


def _text_of(path: str) -> str | None:
    """Read a file of the image; None if there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:  # noqa: PTH123 - see state.py
            return file.read()
    except OSError:
        return None


def _show(line: str) -> None:
    """Write a line to the console, which EC2 keeps. The log itself may hold secrets that the script has printed."""
    with contextlib.suppress(OSError), open(CONSOLE, "w", encoding="utf-8") as file:  # noqa: PTH123 - see state.py
        print(line, file=file)


def _exit_code(code: int) -> None:
    """Let the user data script end with this code. Later starts go on without it, on a full disk for example."""
    with contextlib.suppress(OSError), open(EXIT_CODE, "w", encoding="utf-8") as file:  # noqa: PTH123 - see state.py
        print(code, file=file)


def run_agent() -> None:
    """Run the agent; it ends only if it fails."""
    os.umask(0o22)
    _or_die(lambda: Agent(Settings(os.environ)).main())


if __name__ == "__main__":
    run_agent()
