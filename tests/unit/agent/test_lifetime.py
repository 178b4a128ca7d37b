"""When the agent ends its machine: on a clock of the test, with stand-ins for AWS, metadata and shutdown."""

from __future__ import annotations

import itertools
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from attrs import define, field

from refresh.agent.aws import Refused, Unanswered
from refresh.agent.lifetime import DAY, HOUR, Lifetime
from refresh.agent.state import State
from refresh.agent.table import Record
from tests.unit.agent.stand_ins import BOOTED, INSTANCE, FakeAws, FakeClock, FakeMetadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Answer = str | None
    """A threshold; "" for a record without one; None for no record or no answer."""

BOOT = 0
SPOT = {"instance-life-cycle": "spot"}


class OutOfTime(Exception):
    """The test has watched for long enough."""


class Down(Exception):
    """The machine was shut down."""


def threshold(seconds: float) -> str:
    """Return the threshold of a record, that long after the boot."""
    return FakeClock.wire(BOOTED + BOOT + seconds)


@define
class FakeLink:
    """The last record that was read, and what was reported."""

    record: Record | None = None
    reported: list[str] = field(factory=list)

    def reclaimed(self, at: str) -> None:
        """Report a notice."""
        self.reported.append(at)


@define
class Watched:
    """A machine whose lifetime is watched in steps."""

    path: Path
    clock: FakeClock = field(factory=lambda: FakeClock(BOOT))
    aws: FakeAws = field(factory=FakeAws)
    metadata: FakeMetadata = field(factory=FakeMetadata)
    link: FakeLink = field(factory=FakeLink)
    commands: list[tuple[str, float]] = field(factory=list)
    """What was run, and how many seconds after the boot."""
    boot_id: str = "boot-1"

    def lifetime(self) -> Lifetime:
        """Return it as a started agent makes it."""
        made = Lifetime(self.metadata, self.clock, State(self.boot_id, str(self.path)))  # type: ignore[arg-type]
        made.aws, made.link, made.instance_id = self.aws, self.link, INSTANCE  # type: ignore[assignment]
        return made

    @property
    def since_boot(self) -> float:
        """Seconds since the boot."""
        return self.clock.uptime_now - BOOT

    def watch(self, record: Callable[[float], Answer], days: float, step: float = 1800) -> None:
        """Start an agent that judges every so many seconds what a record says then, until the machine ends."""
        self.link.record = None
        watched = self.lifetime()
        end = self.since_boot + days * DAY
        while self.since_boot <= end:
            answer = record(self.since_boot)
            if answer is not None:
                self.link.record = Record({"PK": {"S": "x"}, "threshold": {"S": answer}}, self.clock.uptime_now)
            try:
                watched.judge()
            except Down:
                return
            self.clock.uptime_now += step

    @property
    def ended_after(self) -> float | None:
        """Seconds from the boot to the shutdown; None if there was none."""
        return self.commands[0][1] if self.commands else None


@pytest.fixture
def watched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Watched:
    """Give a machine that has booted."""
    made = Watched(tmp_path / "state.json")

    def run(command: str, **_: Any) -> None:
        made.commands.append((command, made.since_boot))
        raise Down

    monkeypatch.setattr(subprocess, "run", run)
    return made


def test_an_instance_that_never_saw_a_record_shuts_down_after_an_hour(watched: Watched) -> None:
    """It cannot serve either: its run is in the record. The shutdown needs no permission."""
    watched.watch(lambda _: None, 1)
    assert watched.commands == [("shutdown -h now || poweroff", HOUR)]


def test_without_identity_or_table_it_shuts_down_after_an_hour_too(watched: Watched) -> None:
    made = watched.lifetime()
    made.aws = made.link = None
    made.judge()
    watched.clock.uptime_now += HOUR
    with pytest.raises(Down):
        made.judge()


def test_an_answer_without_a_record_is_no_record(watched: Watched) -> None:
    watched.link.record = Record(None, BOOT)
    watched.watch(lambda _: None, 1)
    assert watched.ended_after == HOUR


def test_without_any_metadata_it_waits_a_quarter_of_an_hour_longer_for_the_tag(watched: Watched) -> None:
    """A service that fails for a moment must not end a protected instance."""
    watched.metadata.silent = True
    watched.watch(lambda _: None, 1, step=15)
    assert watched.ended_after == HOUR + 59 * 15


@pytest.mark.parametrize("silence", [None, "", "soon"], ids=["no answer", "no threshold", "unreadable"])
def test_an_outage_of_hours_ends_nothing_and_a_day_without_a_readable_threshold_does(
    watched: Watched, silence: Answer
) -> None:
    """Counted from the last threshold that was read: an outage, no record, or one without a threshold."""

    def idle(at: float) -> Answer:
        return threshold(2 * HOUR) if at < HOUR else silence

    watched.watch(idle, 1.05)
    assert watched.ended_after is None
    watched.watch(idle, 1)
    assert watched.ended_after == 2 * HOUR + DAY


def test_a_job_of_five_days_outlives_an_outage_of_five_days(watched: Watched) -> None:
    def working(at: float) -> Answer:
        return threshold(5 * DAY) if at < HOUR else None

    watched.watch(working, 5.9)
    assert watched.ended_after is None
    watched.watch(working, 0.2)
    assert watched.ended_after


def test_every_record_that_is_read_postpones_the_end(watched: Watched) -> None:
    """With an outage of twenty hours in four days of service."""
    watched.watch(lambda at: None if DAY <= at < DAY + 72000 else threshold(at + 600), 4)
    assert watched.ended_after is None


@pytest.mark.parametrize("first", ["", "soon", "2026-13-41T99:00:00Z"])
def test_a_record_that_never_had_a_readable_threshold_lasts_for_a_day(watched: Watched, first: str) -> None:
    """Refresh reports it by name meanwhile."""
    watched.watch(lambda _: first, 2)
    assert watched.ended_after == DAY


@pytest.mark.parametrize("years", [-10, 10])
def test_a_step_of_the_wall_clock_ends_nothing_that_cannot_read_its_record(watched: Watched, years: int) -> None:
    """The seconds since the boot count."""
    steps = {2 * HOUR: years * 365 * DAY, 9 * DAY: -years * 365 * DAY}

    def idle(at: float) -> Answer:
        watched.clock.booted_at += steps.get(int(at), 0)
        return threshold(2 * HOUR) if at < HOUR else None

    watched.watch(idle, 1.05)
    assert watched.ended_after is None
    watched.watch(idle, 1)
    assert watched.ended_after == 2 * HOUR + DAY


def test_an_agent_that_is_started_again_in_an_outage_keeps_the_time_that_is_left(watched: Watched) -> None:
    """Neither a fresh hour, which would cut off a job, nor a fresh day."""
    watched.watch(lambda at: threshold(2 * HOUR) if at < HOUR else None, 0.5)
    assert watched.ended_after is None
    watched.watch(lambda _: None, 2)
    assert watched.ended_after == 2 * HOUR + DAY


def test_after_a_restart_of_the_machine_a_day_is_left_if_it_had_a_record(watched: Watched) -> None:
    watched.watch(lambda _: threshold(HOUR), 0.01)
    watched.link.record = None
    watched.boot_id, watched.clock.uptime_now = "boot-2", float(BOOT)
    watched.watch(lambda _: None, 2)
    assert watched.ended_after is not None
    assert DAY - BOOT <= watched.ended_after <= DAY + 1800


def test_after_a_restart_of_a_machine_without_a_record_an_hour_is_left(watched: Watched) -> None:
    watched.lifetime()
    watched.boot_id = "boot-2"
    watched.watch(lambda _: None, 1)
    assert watched.ended_after == HOUR


@pytest.mark.parametrize(
    ("tag", "ended"),
    [
        (lambda _: "true", None),
        (lambda at: "true" if at < 2 * HOUR else "silence", None),
        (lambda at: "true" if at < 2 * HOUR else "", 2 * HOUR),
    ],
    ids=["protected", "protected when the metadata fell silent", "no longer protected"],
)
def test_a_protected_instance_stays_until_the_tag_is_removed(
    watched: Watched, tag: Callable[[float], str], ended: float | None
) -> None:
    def silent_or_tagged(at: float) -> Answer:
        watched.metadata.silent = tag(at) == "silence"
        watched.metadata.values = {"tags/instance/refresh-action:protect": tag(at)}
        return None

    watched.watch(silent_or_tagged, 1)
    assert watched.ended_after == ended


def test_a_protected_instance_is_not_terminated_at_its_threshold(watched: Watched) -> None:
    watched.metadata.values["tags/instance/refresh-action:protect"] = "true"
    watched.watch(lambda _: threshold(0), 0.5)
    assert not watched.aws.terminated


def test_an_instance_is_terminated_more_than_a_minute_after_its_threshold(watched: Watched) -> None:
    """So that refresh comes first."""
    first: list[float] = []

    def expired(at: float) -> Answer:
        if watched.aws.terminated and not first:
            first.append(at)
        return threshold(0)

    watched.watch(expired, 0.01, step=15)
    assert first == [90]  # judged after 75 seconds
    assert set(watched.aws.terminated) == {INSTANCE}
    assert not watched.commands


@pytest.mark.parametrize("refusal", [Refused("ec2", "UnauthorizedOperation"), Unanswered("EC2")])
def test_the_fifth_refusal_shuts_it_down(
    watched: Watched, refusal: Exception, capfd: pytest.CaptureFixture[str]
) -> None:
    watched.aws.refuses = lambda operation, _: refusal if operation == "TerminateInstances" else None
    watched.watch(lambda _: threshold(0), 0.01, step=15)
    assert watched.ended_after == 75 + 4 * 15
    assert capfd.readouterr().err.count("instance.overdue refusals=") == 5


def test_an_instance_that_cannot_call_ec2_shuts_down(watched: Watched) -> None:
    made = watched.lifetime()
    made.aws = None
    watched.clock.uptime_now += HOUR
    watched.link.record = Record({"threshold": {"S": threshold(0)}}, watched.clock.uptime_now)
    for refused in range(5):
        watched.link.record = Record({"threshold": {"S": threshold(0)}}, watched.clock.uptime_now)
        if refused < 4:
            made.judge()
    with pytest.raises(Down):
        made.judge()


def _look(watched: Watched, made: Lifetime, monkeypatch: pytest.MonkeyPatch, looks: int) -> None:
    """Let the thread's work look so often."""
    sleeps = itertools.count(1)

    def sleep(seconds: float) -> None:
        watched.clock.uptime_now += seconds
        if next(sleeps) >= looks:
            raise OutOfTime

    monkeypatch.setattr("refresh.agent.lifetime.time.sleep", sleep)
    with pytest.raises(OutOfTime):
        made.run()


def test_a_notice_of_ec2_is_reported_once_and_shortens_the_threshold(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The machine's record may allow it a day more."""
    at = threshold(120)
    watched.metadata.values = {**SPOT, "spot/instance-action": f'{{"action": "terminate", "time": "{at}"}}'}
    made = watched.lifetime()
    _look(watched, made, monkeypatch, looks=8)
    assert watched.link.reported == [at]
    assert f"instance.reclaimed at={at}\n" in capfd.readouterr().err
    watched.clock.uptime_now = BOOT + 200
    watched.link.record = Record({"threshold": {"S": threshold(DAY)}}, watched.clock.uptime_now)
    made.judge()
    assert watched.aws.terminated == [INSTANCE]


@pytest.mark.parametrize(
    "notice", ["", "null", "[]", "{", '{"action": "terminate"}', '{"time": 7}', '{"time": "$(id)"}']
)
def test_a_notice_that_cannot_be_read_changes_nothing(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, notice: str
) -> None:
    watched.metadata.values = {**SPOT, "spot/instance-action": notice}
    _look(watched, watched.lifetime(), monkeypatch, looks=4)
    assert watched.link.reported == []


def test_an_on_demand_machine_is_not_asked_for_notices(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    watched.metadata.values = {"instance-life-cycle": "on-demand"}
    _look(watched, watched.lifetime(), monkeypatch, looks=4)
    assert watched.metadata.asked == ["instance-life-cycle"]


def test_a_spot_machine_is_asked_again_while_the_metadata_service_is_silent(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched.metadata.silent = True
    made = watched.lifetime()
    _look(watched, made, monkeypatch, looks=3)
    watched.metadata.silent, watched.metadata.values = False, SPOT
    _look(watched, made, monkeypatch, looks=2)
    assert watched.metadata.asked == ["instance-life-cycle"] * 4 + ["spot/instance-action"] * 2
