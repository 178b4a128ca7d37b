"""One run after another: what is registered, stopped, removed and reported, also by an agent that was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

from refresh.agent import serving
from refresh.agent.aws import Unanswered
from refresh.agent.serving import Serving
from refresh.agent.state import LEAVING, REFUSED, REGISTERING, SERVING, State
from refresh.agent.table import Record
from tests.unit.agent.stand_ins import INSTANCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Over(Exception):
    """There are no more records."""


class Killed(BaseException):
    """The agent is killed here."""


@define
class FakeSession:
    """A runner's session."""

    world: World
    number: int

    def running(self) -> bool:
        """Whether its first process runs."""
        return self.number in self.world.alive

    def to_list(self) -> list[int]:
        """Return what is saved of it."""
        return [self.number, 7]


@define
class World:
    """A machine, and everything that its agent did, in order."""

    path: Path
    did: list[str] = field(factory=list)
    records: list[str | None] = field(factory=list)
    """The runs that the next records name; None for no record."""
    alive: set[int] = field(factory=set)
    started: int = 0
    startable: bool = True
    stubborn: bool = False
    """Whether processes survive the stop."""
    tokens: list[str] = field(factory=lambda: ["REG"] * 99)
    registers: Iterator[bool] = field(factory=lambda: iter([True] * 99))
    removes: bool = True
    removes_locally: bool = True
    report: dict[str, str] = field(factory=dict)
    kill_at: str = ""
    """Where the agent is killed: before it does this."""
    boot_id: str = "boot-1"
    folder: str = "/opt/refresh-runner"
    waiting: bool = False
    record: Record | None = None

    @property
    def table(self) -> World:
        """The link's table."""
        return self

    def token(self, longest: float) -> str:
        """Give the next token; one that is silent fails."""
        token = self.tokens.pop(0)
        if token == "silent":
            raise Unanswered("dynamodb")
        self._do(f"token {longest:g}")
        return token

    def next(self, _: Record | None, *, waiting: bool) -> Record | None:
        """Read the next record."""
        self.waiting = waiting
        if not self.records:
            raise Over
        run = self.records.pop(0)
        if run == "crash":
            self.alive.clear()
            return self.record
        self.record = Record(None if run is None else {"runId": {"S": run}}, 0)
        return self.record

    def signal(self, state: str, run: str) -> None:
        """Report."""
        self._do(f"{state} {run}")
        self.report.update(state=state, runId=run)

    def signalled(self, state: str, run: str) -> bool:
        """Whether this was reported last."""
        return (self.report.get("state"), self.report.get("runId")) == (state, run)

    def register(self, label: str, name: str, token: str) -> bool:
        """Register a runner."""
        self._do(f"register {label} as {name} with {token}")
        return next(self.registers)

    def unregister(self, token: str) -> bool:
        """Remove it on GitHub."""
        self._do(f"unregister with {token}")
        return self.removes

    def remove_locally(self) -> bool:
        """Remove its files."""
        self._do("remove locally")
        return self.removes_locally

    def start(self) -> FakeSession:
        """Start a runner."""
        if not self.startable:
            raise FileNotFoundError("./run.sh")
        self._do("start")
        self.started += 1
        self.alive.add(self.started)
        return FakeSession(self, self.started)

    def stop(self, session: FakeSession | None, user: str) -> bool:
        """Stop a runner, and the user's processes."""
        assert user == "the user"
        self._do(f"stop {session.number if session else '-'}")
        if not self.stubborn and session:
            self.alive.discard(session.number)
        return not self.stubborn

    def end_all_in(self, folder: str) -> None:
        """End what runs in a folder."""
        self._do(f"end all in {folder}")

    def _do(self, what: str) -> None:
        if what == self.kill_at:
            self.kill_at = ""
            raise Killed
        self.did.append(what)

    def serve(self, *runs: str | None) -> list[str]:
        """Start an agent that reads these records; return what it did."""
        self.records, self.did, self.record = list(runs), [], None
        state: Any = State(self.boot_id, str(self.path))
        with pytest.raises(Over):
            Serving(self, state, self, "the user", INSTANCE).forever()  # type: ignore[arg-type]
        return self.did

    def is_killed(self, at: str, *runs: str | None) -> list[str]:
        """Start an agent that is killed before it does this; return what it had done."""
        self.records, self.did, self.record, self.kill_at = list(runs), [], None, at
        state: Any = State(self.boot_id, str(self.path))
        with pytest.raises(Killed):
            Serving(self, state, self, "the user", INSTANCE).forever()  # type: ignore[arg-type]
        return self.did


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a machine that can serve."""
    made = World(tmp_path / "state.json")
    monkeypatch.setattr("refresh.agent.serving.time.sleep", lambda _: None)
    monkeypatch.setattr(serving, "stop", made.stop)
    monkeypatch.setattr(serving, "end_all_in", made.end_all_in)
    monkeypatch.setattr(serving, "Session", FakeSessions(made))
    return made


@define
class FakeSessions:
    """Reads sessions back."""

    world: World

    def from_list(self, saved: list[int]) -> FakeSession:
        """Read what `to_list` gave."""
        return FakeSession(self.world, saved[0])


ENDS = "end all in /opt/refresh-runner"
JOINS = ["token 120", f"register 42 as {INSTANCE}-1 with REG", "UD_REG_OK 42", ENDS, "start"]
LEAVES = [
    "stop 1",
    ENDS,
    "token 60",
    "unregister with REG",
    "UD_REMOVE_REG_OK 42",
    "UD_REMOVE_REG_REMOVE_RUN_OK 42",
]


def test_a_run_is_registered_served_and_left(world: World) -> None:
    """The runner stops before its registration goes; without it, it takes half a minute to exit."""
    assert world.serve("", "42", "42", "") == JOINS + LEAVES
    assert world.waiting
    assert not world.alive


def test_the_next_run_gets_a_registration_of_its_own(world: World) -> None:
    did = world.serve("42", "43", "43", "")
    assert did[: len(JOINS + LEAVES)] == JOINS + LEAVES
    assert did[len(JOINS + LEAVES) + 1] == f"register 43 as {INSTANCE}-2 with REG"


@pytest.mark.parametrize("over", ["43", ""], ids=["another run", "a record without a run"])
def test_a_run_ends_when_its_record_says_so_and_goes_on_without_a_record(world: World, over: str) -> None:
    """A table that was lost, emptied or recreated cuts off no job."""
    assert world.serve("42", None, "42", None, None) == JOINS
    assert world.serve(None, over)[: len(LEAVES)] == LEAVES


def test_text_that_is_no_label_is_no_run_to_register_for(world: World) -> None:
    assert world.serve("", "$(touch x)", "a b", "x" * 65, "42\n", None) == []


def test_a_crashed_runner_is_restarted_after_what_it_left_is_ended(world: World) -> None:
    assert world.serve("42", "crash", "42") == [*JOINS, "stop 1", ENDS, "start"]


def test_a_runner_that_cannot_start_is_tried_again_and_its_run_ends_as_others_do(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    """A job that runs as root removed it. An agent that ended with it would neither beat nor judge its threshold."""
    world.startable = False
    world.serve("42", "42", "42")
    assert "runner.not_started" in capfd.readouterr().err
    assert world.serve("42", "")[-1] == "UD_REMOVE_REG_REMOVE_RUN_OK 42"
    world.startable = True
    assert world.serve("43")[-1] == "start"


def test_a_registration_has_three_attempts_and_only_the_first_uses_a_token_that_was_kept(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.registers = iter([False, False, True])
    did = world.serve("42", "42")
    assert [each for each in did if each.startswith("token")] == ["token 120", "token 0", "token 0"]
    assert did[-3:] == ["UD_REG_OK 42", ENDS, "start"]
    assert "registration.failed attempt=2" in capfd.readouterr().err


def test_after_a_failed_registration_the_next_run_is_served(world: World) -> None:
    world.registers = iter([False, False, False, True])
    did = world.serve("42", "42", "43")
    assert "UD_REG_FAILED 42" in did
    assert did[-3:] == ["UD_REG_OK 43", ENDS, "start"]
    assert not [each for each in did if each.startswith("stop")]


def test_without_a_token_no_registration_is_tried(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    """config.sh would wait for one on a terminal."""
    world.tokens = ["", "silent", "", "REG"]
    did = world.serve("42", "42")
    assert not [each for each in did if each.startswith("register")]
    assert did[-1] == "UD_REG_FAILED 42"
    assert "token.unknown dynamodb" in capfd.readouterr().err


def test_a_refused_removal_is_done_locally(world: World, capfd: pytest.CaptureFixture[str]) -> None:
    world.removes = False
    did = world.serve("42", "")
    assert did[-3:] == ["remove locally", "UD_REMOVE_REG_OK 42", "UD_REMOVE_REG_REMOVE_RUN_OK 42"]
    assert "registration.left" in capfd.readouterr().err


def test_a_failed_removal_is_reported(world: World) -> None:
    world.removes = world.removes_locally = False
    assert world.serve("42", "")[-2:] == ["UD_REMOVE_REG_FAILED 42", "UD_REMOVE_REG_REMOVE_RUN_FAILED 42"]


def test_processes_that_survive_the_stop_see_no_token(world: World) -> None:
    world.stubborn = True
    did = world.serve("42", "")
    assert did[len(JOINS) :] == [
        "stop 1",
        ENDS,
        "remove locally",
        "UD_REMOVE_REG_OK 42",
        "UD_REMOVE_REG_REMOVE_RUN_FAILED 42",
    ]


def test_a_machine_that_ec2_takes_back_serves_no_other_run(world: World) -> None:
    world.report["reclaimedAt"] = "2027-01-15T08:00:00Z"
    assert world.serve("42", "42") == ["UD_REG_FAILED 42"]


STEPS: list[tuple[str, list[str]]] = [
    ("token 120", [ENDS, "token 120", f"register 42 as {INSTANCE}-2 with REG"]),
    (JOINS[1], [ENDS, "token 120", f"register 42 as {INSTANCE}-2 with REG"]),
    ("UD_REG_OK 42", ["UD_REG_OK 42", ENDS, "start"]),
    ("start", [ENDS, "start"]),
]


@pytest.mark.parametrize(("at", "then"), STEPS, ids=[at.split()[0] for at, _ in STEPS])
def test_an_agent_that_is_killed_before_it_serves_goes_on_there(world: World, at: str, then: list[str]) -> None:
    world.is_killed(at, "42", "42")
    did = world.serve("42", "42")
    assert did[: len(then)] == then
    assert did.count("start") == 1
    assert world.signalled("UD_REG_OK", "42")


@pytest.mark.parametrize("at", LEAVES, ids=[each.split()[0] + each.split()[-1][:3] for each in LEAVES])
def test_an_agent_that_is_killed_while_it_leaves_does_so_again(world: World, at: str) -> None:
    world.is_killed(at, "42", "")
    assert world.serve("", "")[-3:] == LEAVES[-3:]
    assert not world.alive


def test_an_agent_that_is_killed_while_it_serves_does_not_touch_the_job(world: World) -> None:
    world.serve("42", "42")
    assert world.serve("42", "42") == []
    assert world.alive == {1}


def test_an_agent_that_was_killed_reports_a_failed_registration(world: World) -> None:
    world.registers = iter([False] * 3)
    world.is_killed("UD_REG_FAILED 42", "42")
    assert world.serve("42", "42") == ["UD_REG_FAILED 42"]


def test_a_restart_of_the_machine_is_reported_with_the_run_that_it_cut_off_and_the_run_goes_on(
    world: World, capfd: pytest.CaptureFixture[str]
) -> None:
    world.serve("42", "42")
    world.alive.clear()
    world.boot_id = "boot-2"
    assert world.serve("42", "42") == ["stop 1", ENDS, "start"]
    assert world.report["cutOff"] == "42"
    assert State("boot-2", str(world.path))["report"]["cutOff"] == "42"  # for an agent that is started again
    assert "runner.cut_off run=42" in capfd.readouterr().err
    world.serve("", "43", "43")
    assert "cutOff" not in world.report


@pytest.mark.parametrize("phase", [REGISTERING, REFUSED, LEAVING, ""])
def test_a_restart_while_no_job_can_run_cuts_off_none(world: World, phase: str) -> None:
    State("boot-1", str(world.path)).save(phase=phase, run="42")
    world.boot_id = "boot-2"
    world.serve("", "")
    assert "cutOff" not in world.report


def test_the_phases_are_what_the_file_says(world: World) -> None:
    world.is_killed("start", "42")
    assert State("boot-1", str(world.path)).get("phase") == SERVING
