"""The boot: what is done once, what is reported, and where an agent goes on that was killed."""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from refresh.agent import main
from refresh.agent.aws import Refused, Unanswered
from refresh.agent.installation import NotInstalled
from refresh.agent.lifetime import DAY
from refresh.agent.main import Agent
from refresh.agent.settings import Settings
from refresh.agent.state import BOOTED, FAILED, INSTALLED, SCRIPT, State
from refresh.pool import names, records
from tests.fakes.serial import NOW
from tests.unit.agent.stand_ins import INSTANCE, FakeAws, FakeClock, FakeMetadata
from tests.unit.agent.test_settings import HEADER

RUN_TAG = "tags/instance/InitialRunId"
METADATA = {"instance-id": INSTANCE, "services/domain": "amazonaws.com", RUN_TAG: "42"}


class Serves(Exception):
    """The agent begins to serve."""


class Waits(Exception):
    """The agent waits for its threshold."""


class Killed(BaseException):
    """The agent is killed here."""


@define
class FakeSession:
    """The session of the script."""

    looks: int

    def running(self) -> bool:
        """Whether it runs: for some looks."""
        self.looks -= 1
        return self.looks >= 0

    @staticmethod
    def to_list() -> list[int]:
        """Return what is saved of it."""
        return [7, 9]

    @classmethod
    def from_list(cls, saved: list[int]) -> FakeSession:
        """Read what was saved."""
        assert saved == [7, 9]
        return cls(1)


@define
class World:
    """A machine at its boot, and everything that its agent did, in order."""

    folder: Path
    metadata: FakeMetadata = field(factory=lambda: FakeMetadata(dict(METADATA)))
    aws: FakeAws = field(factory=FakeAws)
    did: list[str] = field(factory=list)
    code: int | None = 0
    """The script's exit code; None while it has none."""
    installs: bool = True
    adds: bool = True
    kill_at: str = ""
    runner: Path = Path("/opt/refresh-runner")
    boot_id: str = "boot-1"
    header: dict[str, str] = field(factory=lambda: dict(HEADER))
    background: list[str] = field(factory=list)
    clock: FakeClock = field(factory=FakeClock)
    agent: Any = None

    def boot(self) -> str:
        """Start an agent; return the exit code that cloud-init sees."""
        self.did, self.background = [], []
        (self.folder / "booted").unlink(missing_ok=True)
        self.agent = Agent(Settings(dict(self.header)))
        with pytest.raises((Serves, Waits, Killed)) as ended:
            self.agent.main()
        self.did.append(ended.type.__name__)
        booted = self.folder / "booted"
        return booted.read_text().strip() if booted.exists() else ""

    def do(self, what: str) -> None:
        """Note it, or die before it."""
        if what == self.kill_at:
            self.kill_at = ""
            raise Killed
        self.did.append(what)

    @property
    def signals(self) -> list[str]:
        """All signals of all agents, in order."""
        values = [request["Item"] for call, request in self.aws.calls if call == "PutItem"]
        return [
            f"{each['value']['M']['state']['S']} {each['value']['M']['runId']['S']}"
            for each in values
            if each["entityType"]["S"] == "WS"
        ]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a machine that boots for run 42."""
    made = World(tmp_path)

    class FakeScript:
        """The user's script."""

        def start(self, text: str) -> FakeSession:
            made.do(f"script {text!r}")
            return FakeSession(2)

        def exit_code(self) -> int | None:
            return made.code

    def add_user(name: str) -> str:
        if not made.adds:
            raise OSError(f"user.failed name={name}")
        return f"the user {name}"

    def install(_: Settings, user: str) -> str:
        made.do(f"install for {user}")
        if not made.installs:
            raise NotInstalled("runner.not_installed")
        return str(made.runner)

    class FakeServing:
        """Serves runs."""

        def __init__(self, link: Any, _: State, runner: Any, user: str, instance_id: str) -> None:
            made.do(f"serve as {instance_id} with {runner} for {user}")
            assert link.beating

        def forever(self) -> None:
            raise Serves

    def waits(_: threading.Event) -> None:
        raise Waits

    clock = made.clock
    monkeypatch.setattr(clock.__class__, "boot_id", lambda _: made.boot_id, raising=False)
    monkeypatch.setattr(main, "Clock", lambda: clock)
    monkeypatch.setattr(main, "Metadata", lambda: made.metadata)
    monkeypatch.setattr(main, "State", lambda boot_id: State(boot_id, str(tmp_path / "state.json")))
    monkeypatch.setattr(main, "Aws", lambda *_: made.aws)
    monkeypatch.setattr(main, "Script", FakeScript)
    monkeypatch.setattr(main, "Session", FakeSession)
    monkeypatch.setattr(main, "add_user", add_user)
    monkeypatch.setattr(main, "install", install)
    monkeypatch.setattr(main, "Runner", lambda _, user, folder, __: f"the runner in {folder} of {user}")
    monkeypatch.setattr(main, "Serving", FakeServing)
    monkeypatch.setattr(main, "EXIT_CODE", str(tmp_path / "booted"))
    monkeypatch.setattr(main, "CONSOLE", str(tmp_path / "console"))
    monkeypatch.setattr(main, "in_background", lambda work: made.background.append(work.__qualname__))
    monkeypatch.setattr("refresh.agent.main.time.sleep", lambda _: None)
    monkeypatch.setattr(threading.Event, "wait", waits)
    return made


SERVES = [f"serve as {INSTANCE} with the runner in /opt/refresh-runner of the user root for the user root", "Serves"]
BOOTS = ["script \"echo 'é🐎'\\r\\n\"", "install for the user root", *SERVES]


def test_a_boot_runs_the_script_installs_the_runner_and_serves(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    assert world.boot() == "0"
    assert world.did == BOOTS
    assert world.signals == ["UD_OK 42"]
    assert world.background == ["Lifetime.run", "Link.run"]
    log = capfd.readouterr().err
    assert f"instance.started id={INSTANCE} run=42 runner=2.335.1" in log
    assert "signal.written UD_OK run=42" in log


@pytest.mark.parametrize(("code", "said"), [(3, "script.failed exit=3"), (None, "script.cut_off")])
def test_a_failing_script_is_reported_and_nothing_is_installed(
    world: World, capfd: pytest.CaptureFixture[str], code: int | None, said: str
) -> None:
    world.code = code
    assert world.boot() == "1"
    assert world.did == [BOOTS[0], "Waits"]
    assert world.signals == ["UD_FAILED 42"]
    assert f"{said}\n" in capfd.readouterr().err
    assert (world.folder / "console").read_text() == f"refresh-action: {said} (see /var/log/user-data.log)\n"
    assert world.background == ["Lifetime.run", "Link.run"]


def _stored(world: World, *, as_value: dict[str, str] | None) -> None:
    """Have the header name a script, and its item hold this."""
    sha256 = hashlib.sha256(b"echo large\n").hexdigest()
    world.header |= {"PRE_RUNNER_SCRIPT": '""', "PRE_RUNNER_SCRIPT_SHA256": sha256}
    if as_value:
        item = {**records.item(records.METADATA, names.stored_script(sha256), NOW), "value": as_value}
        world.aws.items[item["PK"]["S"], item["SK"]["S"]] = item


def test_a_large_script_is_read_in_the_table_for_as_long_as_it_takes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _stored(world, as_value={"S": "echo large\n"})
    world.aws.failures = [Unanswered("throttled"), Refused("denied", "AccessDeniedException")]
    monkeypatch.setattr("refresh.agent.table.time.sleep", lambda _: None)
    assert world.boot() == "0"
    assert world.did == ["script 'echo large\\n'", *BOOTS[1:]]
    assert world.signals == ["UD_OK 42"]


@pytest.mark.shows("A71")
@pytest.mark.parametrize("value", [{"S": "echo forged\n"}, {"S": ""}, {"N": "1"}, None])
def test_a_stored_script_with_another_sum_does_not_run(
    world: World, capfd: pytest.CaptureFixture[str], value: dict[str, str] | None
) -> None:
    """A job that can write METADATA could put it there. It is not shown either."""
    _stored(world, as_value=value)
    assert world.boot() == "1"
    assert world.did == ["Waits"]
    assert world.signals == ["UD_FAILED 42"]
    log = capfd.readouterr().err
    assert f"script.refused sha256={world.header['PRE_RUNNER_SCRIPT_SHA256']}\n" in log
    assert "forged" not in log


def test_a_user_that_cannot_be_created_is_reported(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.adds = False
    assert world.boot() == "1"
    assert world.signals == ["UD_FAILED 42"]
    assert "user.failed name=root" in capfd.readouterr().err


def test_a_runner_that_cannot_be_installed_is_reported(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.installs = False
    assert world.boot() == "1"
    assert world.signals == ["UD_OK 42", "UD_REG_FAILED 42"]
    assert "runner.not_installed" in capfd.readouterr().err


@pytest.mark.shows("A27")
@pytest.mark.parametrize("instance_id", ["", "i-zzz", "$(touch x)", f"{INSTANCE}\n"])
def test_a_malformed_instance_id_is_refused_and_only_the_fuse_is_watched(
    world: World, capfd: pytest.CaptureFixture[str], instance_id: str
) -> None:
    world.metadata.values["instance-id"] = instance_id
    assert world.boot() == "1"
    assert world.did == ["Waits"]
    assert world.background == ["Lifetime.run"]
    assert f"instance.refused id={instance_id!r}" in capfd.readouterr().err


@pytest.mark.shows("A27")
@pytest.mark.parametrize("run", ["", "42},x={S=1", "x" * 65])
def test_a_malformed_run_is_refused_and_the_threshold_is_watched(
    world: World, capfd: pytest.CaptureFixture[str], run: str
) -> None:
    world.metadata.values[RUN_TAG] = run
    assert world.boot() == "1"
    assert world.did == ["Waits"]
    assert world.background == ["Lifetime.run", "Link.run"]
    assert f"instance.refused run={run!r}" in capfd.readouterr().err


def test_a_silent_metadata_service_is_asked_until_it_answers(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.metadata.silent = True
    monkeypatch.setattr("refresh.agent.table.time.sleep", lambda _: setattr(world.metadata, "silent", False))
    assert world.boot() == "0"


@pytest.mark.parametrize(
    ("at", "then"),
    [
        (BOOTS[0], SERVES),
        (BOOTS[1], BOOTS[1:]),
        (BOOTS[2], SERVES),
    ],
    ids=["script", "install", "serve"],
)
def test_an_agent_that_is_killed_in_the_boot_goes_on_there_and_never_runs_the_script_twice(
    world: World, at: str, then: list[str]
) -> None:
    world.kill_at = at
    world.boot()
    if at == BOOTS[0]:  # It is not known whether it has started.
        world.code = None
        assert world.boot() == "1"
        assert world.signals == ["UD_FAILED 42"]
        return
    assert world.boot() == "0"
    assert world.did == then


def test_a_started_agent_waits_for_the_script_that_still_runs(world: World) -> None:
    State("boot-1", str(world.folder / "state.json")).save(stage=SCRIPT, script=[7, 9])
    assert world.boot() == "0"
    assert world.did == BOOTS[1:]


def test_a_machine_that_failed_stays_failed(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.code = 3
    world.boot()
    world.code = 0
    assert world.boot() == "1"
    assert world.did == ["Waits"]
    assert world.signals == ["UD_FAILED 42"]
    assert "instance.failed_before" in capfd.readouterr().err
    assert State("boot-1", str(world.folder / "state.json")).get("stage") == FAILED


def test_the_metadata_service_is_asked_once_for_each_start_of_the_machine(world: World) -> None:
    """It may be silent when the agent was killed."""
    world.boot()
    asked = len(world.metadata.asked)
    world.boot()
    assert len(world.metadata.asked) == asked
    world.boot_id = "boot-2"
    world.boot()
    assert len(world.metadata.asked) == 2 * asked


def test_an_image_of_a_machine_does_not_go_on_as_that_machine(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """Its own user data starts the agent anew."""
    world.boot()
    world.boot_id, world.metadata.values["instance-id"] = "boot-2", "i-0fedcba9876543210"
    assert world.boot() == "1"
    assert world.did == ["Waits"]
    assert f"instance.copied from='{INSTANCE}'" in capfd.readouterr().err


@pytest.mark.parametrize("boot_id", ["boot-2", "boot-3"], ids=["agent", "machine"])
def test_an_image_of_a_machine_is_not_ended_nor_taken_for_that_machine_after_a_restart(
    world: World, monkeypatch: pytest.MonkeyPatch, boot_id: str
) -> None:
    """Without the pool's user data it is not the pool's."""
    world.boot()
    world.boot_id, world.metadata.values["instance-id"] = "boot-2", "i-0fedcba9876543210"
    monkeypatch.setattr("refresh.agent.lifetime.subprocess.run", lambda *_, **__: pytest.fail("it was shut down"))
    for each in ("boot-2", boot_id):
        world.boot_id = each
        assert world.boot() == "1"
        assert world.background == ["Lifetime.run"]
        world.clock.uptime_now += 366 * DAY
        world.agent.lifetime.judge()


def test_an_agent_that_is_killed_while_it_learns_its_id_is_not_the_machine_that_its_image_was_made_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.boot()
    world.boot_id, world.metadata.values["instance-id"] = "boot-2", "i-0fedcba9876543210"
    world.metadata.silent = True

    def die(_: float) -> None:
        raise Killed

    monkeypatch.setattr("refresh.agent.table.time.sleep", die)
    world.boot()
    world.metadata.silent = False
    assert world.boot() == "1"
    assert world.background == ["Lifetime.run"]


def test_an_agent_that_is_started_again_on_a_full_disk_serves(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.boot()
    monkeypatch.setattr(main, "EXIT_CODE", "/dev/full")
    world.boot()
    assert world.did == SERVES


def test_stages_are_saved_when_they_are_reached(world: World) -> None:
    world.kill_at = BOOTS[1]
    world.boot()
    assert State("boot-1", str(world.folder / "state.json")).get("stage") == BOOTED
    world.boot()
    assert State("boot-1", str(world.folder / "state.json")).get("stage") == INSTALLED


def test_variables_of_the_images_runner_are_kept(world: World) -> None:
    """A job may replace them later."""
    world.runner = world.folder / "runner"
    world.runner.mkdir()
    (world.runner / ".env").write_bytes(b"ImageOS=ubuntu24\n\xff")
    world.boot()
    assert State("boot-1", str(world.folder / "state.json"))["variables"] == "ImageOS=ubuntu24\n\udcff"


def test_an_agent_that_fails_names_the_place_and_not_the_text_and_ends(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It is started again. A text could hold a secret."""
    codes: list[int] = []
    pauses: list[float] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    monkeypatch.setattr("refresh.agent.main.time.sleep", pauses.append)
    monkeypatch.setattr(os, "environ", {})
    main.run_agent()

    def fails() -> None:
        raise ValueError("SECRET")

    main.in_background(fails).join()
    assert codes == [70, 70]
    assert pauses == [20, 20]  # In which the threshold is judged, every 15 seconds.
    log = capfd.readouterr().err
    assert "agent.failed KeyError lines=" in log
    assert "agent.failed ValueError lines=" in log
    assert "SECRET" not in log
