"""The link to the table: how often it reads and writes, and that nothing it says is lost with the process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from attrs import define, field

from refresh.agent.aws import Unanswered
from refresh.agent.link import IDLE_SECONDS, WORKING_SECONDS, Link
from refresh.agent.state import State
from refresh.agent.table import Record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class OutOfTime(Exception):
    """The test has watched for long enough."""


@define
class FakeTable:
    """Counts calls, and fails on demand."""

    report: dict[str, str] = field(factory=dict)
    calls: list[tuple[str, float]] = field(factory=list)
    """What was called, and when."""
    now: Callable[[], float] = lambda: 0.0
    failure: Exception | None = None
    run: str = ""
    during_a_read: Callable[[], None] = lambda: None

    def record(self) -> Record:
        """See `Table`."""
        self._called("record")
        self.during_a_read()
        return Record({"runId": {"S": self.run}}, self.now())

    def beat(self) -> None:
        """See `Table`."""
        self._called("beat")

    def token(self, longest: float) -> str:
        """See `Table`."""
        self._called(f"token of {longest:g} s")
        return "REG"

    def signal(self, state: str, run: str) -> None:
        """See `Table`."""
        self._called(f"{state} {run}")
        self.report.update(state=state, runId=run)

    def _called(self, what: str) -> None:
        self.calls.append((what, self.now()))
        if self.failure:
            raise self.failure

    def times(self, what: str) -> list[float]:
        """When it was called."""
        return [at for called, at in self.calls if called == what]


@define
class Linked:
    """A link whose pauses take no time."""

    link: Link
    table: FakeTable
    state: State
    clock: list[float] = field(factory=lambda: [100.0])

    def watch(self, seconds: float) -> None:
        """Let its thread work for so long."""
        self.until = self.clock[0] + seconds
        with pytest.raises(OutOfTime):
            self.link.run()

    until: float = 0.0

    def pause(self, seconds: float) -> None:
        """Pass the time."""
        self.clock[0] += seconds
        if self.clock[0] > self.until:
            raise OutOfTime


@pytest.fixture
def linked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Linked:
    """Give a link to a table that answers."""
    table, state = FakeTable(), State("boot-1", str(tmp_path / "state.json"))
    made = Linked(Link(table, state), table, state)  # type: ignore[arg-type]
    table.now = lambda: made.clock[0]
    monkeypatch.setattr("refresh.agent.link.time.monotonic", lambda: made.clock[0])
    monkeypatch.setattr("refresh.agent.link.random.uniform", lambda least, most: (least + most) / 2)
    monkeypatch.setattr(threading.Condition, "wait", lambda _, seconds: made.pause(seconds))
    return made


def test_a_working_machine_reads_and_beats_twelve_times_a_minute(linked: Linked) -> None:
    linked.link.beating = True
    linked.watch(59)
    assert len(linked.table.times("record")) == len(linked.table.times("beat")) == 60 / WORKING_SECONDS
    assert WORKING_SECONDS == 5
    assert not linked.table.times("token of 60 s")


def test_a_waiting_machine_reads_twice_a_second_and_keeps_a_token(linked: Linked) -> None:
    linked.link.beating = linked.link.waiting = True
    linked.watch(59.9)
    assert len(linked.table.times("record")) == 60 / IDLE_SECONDS == 120
    assert len(linked.table.times("beat")) == 12
    assert linked.table.times("token of 60 s")


def test_machines_that_started_together_do_not_stay_together(linked: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[float, float]] = []

    def uniform(least: float, most: float) -> float:
        asked.append((least, most))
        return least

    monkeypatch.setattr("refresh.agent.link.random.uniform", uniform)
    linked.watch(10)
    assert set(asked) == {(0.9, 1.1)}
    assert linked.table.times("record")[1] - linked.table.times("record")[0] == pytest.approx(4.5)


def test_a_machine_that_cannot_serve_yet_does_not_beat(linked: Linked) -> None:
    linked.watch(30)
    assert not linked.table.times("beat")


def test_a_silent_table_is_named_once_a_minute_and_asked_as_often_as_before(
    linked: Linked, capfd: pytest.CaptureFixture[str]
) -> None:
    linked.table.failure = Unanswered("dynamodb: TimeoutError")
    linked.link.beating = linked.link.waiting = True
    linked.watch(119)
    assert len(linked.table.times("record")) > 200
    assert linked.link.record is None
    assert capfd.readouterr().err.count("unanswered: record: dynamodb: TimeoutError") == 2


def test_a_machine_that_begins_to_wait_looks_at_once(tmp_path: Path) -> None:
    """The last look may be seconds old, and the next one seconds away."""
    table = FakeTable(run="42")
    link = Link(table, State("boot-1", str(tmp_path / "state.json")))  # type: ignore[arg-type]

    def run() -> None:
        with pytest.raises(OutOfTime):
            link.run()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    known = link.next(None, waiting=False)
    assert known
    assert known.run == "42"
    table.run = "43"
    found = link.next(known, waiting=True)
    assert found
    assert found.run == "43"
    # It draws random numbers, which other tests would notice.
    table.failure = OutOfTime()
    thread.join()


def test_waking_up_early_makes_no_call_earlier(linked: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Condition, "wait", lambda _, seconds: linked.pause(min(seconds, 1)))
    linked.link.beating = True
    linked.watch(59)
    assert len(linked.table.times("record")) == len(linked.table.times("beat")) == 60 / WORKING_SECONDS


def test_a_machine_that_begins_to_wait_during_a_call_looks_again_at_once(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    def begins_to_wait() -> None:
        linked.table.during_a_read = lambda: None
        linked.link.next(None, waiting=True)

    monkeypatch.setattr(threading.Condition, "wait_for", lambda *_: False)
    linked.table.during_a_read = begins_to_wait
    linked.watch(0.2)
    assert len(linked.table.times("record")) == 2


def test_what_was_known_is_returned_when_no_answer_comes(linked: Linked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading.Condition, "wait_for", lambda *_: False)
    assert linked.link.next(None, waiting=False) is None


def test_signals_and_notices_outlive_the_process(linked: Linked, tmp_path: Path) -> None:
    """The next heartbeat repeats them."""
    linked.link.signal("UD_REG_OK", "42")
    linked.link.reclaimed("2027-01-15T08:00:00Z")
    assert linked.table.times("beat")
    again = Link(FakeTable(), State("boot-1", str(tmp_path / "state.json")))  # type: ignore[arg-type]
    assert again.signalled("UD_REG_OK", "42")
    assert not again.signalled("UD_REG_OK", "43")
    assert again.table.report["reclaimedAt"] == "2027-01-15T08:00:00Z"
