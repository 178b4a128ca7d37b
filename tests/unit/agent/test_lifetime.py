"""When the agent ends its instance: on a clock of the test's own, with stand-ins for AWS, metadata and shutdown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from refresh.agent import user_data

HOUR, DAY = 3600, 86400
BOOTED = 1_800_000_000
"""The time of day at the boot, in seconds since 1970."""
STAND_INS = """
# Sleeping is what takes time, of the wall clock as well; `step` is how much at once, since days of 15 seconds are many.
sleep() { now=$((now + step)); ((now <= end)) || exit; }
ticks() { echo "$now"; }
date() { if [[ $1 == +%s ]]; then echo $((booted + now + wall)); else command date "$@"; fi; }
say() { echo "$*"; }
call_aws() { echo "asked: $2"; terminated; }
terminated() { return 1; }
shutdown() { echo "shutdown $1 $2 after $((now - boot))"; exit; }
# threshold SECONDS: as the record has it, so long after the boot.
threshold() { command date -ud "@$((booted + boot + $1))" +%FT%TZ; }
at() { ((now - boot >= $1 && now - boot < $2)); }
own() { [[ $1 == 'threshold.S || Item.PK' ]] && record; }
metadata() { if [[ $1 == instance-id ]]; then id; else tag; fi; }
id() { echo i-0123456789abcdef0; }
tag() { :; }
record() { :; }
boot=70 now=70 wall=0 instance_id=''
"""


def _ended(scenario: str, days: float, step: int = 1800) -> str:
    """Run the watch from the boot on for so long, and give what it did."""
    program = f"""
. {Path(user_data.__file__).parent}/lifetime.sh
booted={BOOTED} step={step}
{STAND_INS}
end=$((boot + {int(days * DAY)}))
{scenario}
end_when_overdue
"""
    ran = subprocess.run(["bash", "-uc", program], check=False, capture_output=True, text=True)  # noqa: S603, S607 - ours
    assert "bash: " not in ran.stderr
    return ran.stdout


NEVER_SEEN = {
    "the table has no record": "record() { :; }",
    "no route, no role or no table": "record() { return 254; }",
    "the image has no AWS CLI": "record() { return 127; }",
    "no instance id": "id() { echo nonsense; }",
    "no tags in the metadata": "tag() { :; }",
}


@pytest.mark.parametrize("scenario", NEVER_SEEN.values(), ids=NEVER_SEEN)
def test_an_instance_that_never_saw_a_record_shuts_down_after_an_hour(scenario: str) -> None:
    """It cannot serve either, since its run is in the record; nothing of it needs a permission."""
    assert _ended(scenario, 1) == f"instance.abandoned\nshutdown -h now after {HOUR}\n"


def test_without_any_metadata_it_waits_a_quarter_of_an_hour_longer_for_the_tag() -> None:
    """A service that fails for a moment must not end what somebody protects."""
    ended = _ended("id() { return 1; }; tag() { return 1; }", 1, step=15)
    assert ended == f"instance.abandoned\nshutdown -h now after {HOUR + 59 * 15}\n"


def test_an_outage_of_many_hours_ends_nothing_and_a_day_without_a_record_does() -> None:
    """Counted from the last threshold that was read, whether nothing answers since or there is no record."""
    for silence in ("return 254", ":"):
        idle = f"record() {{ if at 0 {HOUR}; then threshold {2 * HOUR}; else {silence}; fi; }}"
        assert _ended(idle, 1.05) == ""
        assert _ended(idle, 2) == f"instance.abandoned\nshutdown -h now after {2 * HOUR + DAY}\n"


def test_a_job_of_five_days_outlives_an_outage_of_five() -> None:
    """A day after its own threshold is what counts."""
    working = f"record() {{ at 0 {HOUR} && threshold {5 * DAY}; }}"
    assert _ended(working, 5.9) == ""
    assert "shutdown -h now" in _ended(working, 6.1)


def test_every_record_that_is_read_moves_the_end() -> None:
    """An instance that is claimed and released for days stays, with an outage of twenty hours every other day."""
    served = f"record() {{ ! at {DAY} $((DAY + 72000)) && threshold $((now - boot + 600)); }}".replace("DAY", str(DAY))
    assert _ended(served, 4) == ""


@pytest.mark.parametrize("first", ["TYPE#INSTANCE", "soon", "2026-13-41T99:00:00Z"])
def test_a_record_whose_threshold_says_nothing_holds_for_a_day(first: str) -> None:
    """Refresh reports it by name meanwhile; the hour is for instances that nobody recorded."""
    assert f"after {DAY + 1800}\n" in _ended(f"record() {{ echo '{first}'; }}", 2)


def test_a_threshold_that_becomes_unreadable_ends_a_day_after_the_last_good_one() -> None:
    """It does not begin to count anew with every look."""
    spoilt = f"record() {{ if at 0 {HOUR}; then threshold {2 * HOUR}; else echo TYPE#INSTANCE; fi; }}"
    assert f"after {2 * HOUR + DAY}\n" in _ended(spoilt, 2)


@pytest.mark.parametrize("years", [-10, 10])
def test_a_step_of_the_wall_clock_ends_nothing_that_cannot_read_its_record(years: int) -> None:
    """What counts are seconds since the boot."""
    idle = f"""
record() {{ at 0 {HOUR} && threshold {2 * HOUR}; }}
sleep() {{ now=$((now + step)); ! at {2 * HOUR} {9 * DAY} || wall={years * 365 * DAY}; ((now <= end)) || exit; }}
"""
    assert _ended(idle, 1.05) == ""
    assert f"after {2 * HOUR + DAY}\n" in _ended(idle, 2)


def test_the_watch_goes_on_when_a_job_ends_its_pause() -> None:
    """Jobs run as root by default, and `pkill sleep` is a usual way to clean up behind one."""
    killed = "sleep() { now=$((now + step)); ((now <= end)) || exit; return 143; }"
    assert _ended(killed, 1) == f"instance.abandoned\nshutdown -h now after {HOUR}\n"


def test_a_protected_instance_stays_and_so_does_one_that_was_when_the_metadata_fell_silent() -> None:
    """The tag is for looking at what went wrong."""
    assert _ended("tag() { echo true; }", 1) == ""
    assert _ended(f"tag() {{ at 0 {2 * HOUR} && echo true; }}", 1) == ""
    taken_away = f"tag() {{ at 0 {2 * HOUR} && echo true || :; }}"
    assert f"after {2 * HOUR}\n" in _ended(taken_away, 1)


def test_a_threshold_that_has_passed_terminates_and_the_fifth_refusal_shuts_down() -> None:
    """A minute after it, so that refresh comes first."""
    expired = "record() { threshold 40; }"
    assert _ended(expired + "; terminated() { exit; }", 1, step=15) == "instance.overdue refusals=0\n"
    refused = _ended(expired, 1, step=15)
    assert refused.count("instance.overdue") == 5
    assert refused.endswith(f"shutdown -h now after {105 + 4 * 15}\n")
