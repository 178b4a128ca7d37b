"""When the agent ends its instance: on a clock of the test, with stand-ins for AWS, metadata and shutdown."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from refresh.agent import user_data

HOUR, DAY = 3600, 86400
BOOTED = 1_800_000_000
"""The time of day at the boot, in seconds since 1970."""
STAND_INS = """
# Only sleeping takes time, `step` seconds at once: days in steps of 15 seconds would take long.
sleep() { now=$((now + step)); ((now <= end)) || exit; }
ticks() { echo "$now"; }
date() { if [[ $1 == +%s ]]; then echo $((booted + now + wall)); else command date "$@"; fi; }
say() { echo "$*"; }
call_aws() { echo "asked: $2"; terminated; }
terminated() { return 1; }
shutdown() { echo "shutdown $1 $2 after $((now - boot))"; exit; }
# threshold SECONDS: print the threshold of a record, that long after the boot.
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
    """Run the watch for some days from the boot on, and return what it did."""
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


def _ended_after(seconds: int) -> str:
    return f"instance.abandoned\nshutdown -h now after {seconds}\n"


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param("record() { :; }", id="no record"),
        pytest.param("record() { return 254; }", id="no route, role or table"),
        pytest.param("record() { return 127; }", id="no AWS CLI"),
        pytest.param("id() { echo nonsense; }", id="no instance id"),
        pytest.param(
            "sleep() { now=$((now + step)); ((now <= end)) || exit; return 143; }", id="a job kills the sleep"
        ),
    ],
)
def test_an_instance_that_never_saw_a_record_shuts_down_after_an_hour(scenario: str) -> None:
    """It cannot serve either: its run is in the record. The shutdown needs no permission."""
    assert _ended(scenario, 1) == _ended_after(HOUR)


def test_without_any_metadata_it_waits_a_quarter_of_an_hour_longer_for_the_tag() -> None:
    """A service that fails for a moment must not end a protected instance."""
    ended = _ended("id() { return 1; }; tag() { return 1; }", 1, step=15)
    assert ended == _ended_after(HOUR + 59 * 15)


@pytest.mark.parametrize("silence", ["return 254", ":", "echo TYPE#INSTANCE"])
def test_an_outage_of_hours_ends_nothing_and_a_day_without_a_readable_threshold_does(silence: str) -> None:
    """Counted from the last threshold that was read: an outage, no record, or one without a threshold."""
    idle = f"record() {{ if at 0 {HOUR}; then threshold {2 * HOUR}; else {silence}; fi; }}"
    assert _ended(idle, 1.05) == ""
    assert _ended(idle, 2) == _ended_after(2 * HOUR + DAY)


def test_a_job_of_five_days_outlives_an_outage_of_five_days() -> None:
    working = f"record() {{ at 0 {HOUR} && threshold {5 * DAY}; }}"
    assert _ended(working, 5.9) == ""
    assert "shutdown -h now" in _ended(working, 6.1)


def test_every_record_that_is_read_postpones_the_end() -> None:
    """With an outage of twenty hours in four days of service."""
    served = f"record() {{ ! at {DAY} {DAY + 72000} && threshold $((now - boot + 600)); }}"
    assert _ended(served, 4) == ""


@pytest.mark.parametrize("first", ["TYPE#INSTANCE", "soon", "2026-13-41T99:00:00Z"])
def test_a_record_that_never_had_a_readable_threshold_lasts_for_a_day(first: str) -> None:
    """Refresh reports it by name meanwhile."""
    assert _ended(f"record() {{ echo '{first}'; }}", 2) == _ended_after(DAY + 1800)


@pytest.mark.parametrize("years", [-10, 10])
def test_a_step_of_the_wall_clock_ends_nothing_that_cannot_read_its_record(years: int) -> None:
    """The seconds since the boot count."""
    idle = f"""
record() {{ at 0 {HOUR} && threshold {2 * HOUR}; }}
sleep() {{ now=$((now + step)); ! at {2 * HOUR} {9 * DAY} || wall={years * 365 * DAY}; ((now <= end)) || exit; }}
"""
    assert _ended(idle, 1.05) == ""
    assert _ended(idle, 2) == _ended_after(2 * HOUR + DAY)


@pytest.mark.parametrize(
    ("tag", "ended"),
    [
        ("echo true", ""),
        (f"at 0 {2 * HOUR} && echo true", ""),
        (f"at 0 {2 * HOUR} && echo true || :", _ended_after(2 * HOUR)),
    ],
    ids=["protected", "protected when the metadata fell silent", "no longer protected"],
)
def test_a_protected_instance_stays_until_the_tag_is_removed(tag: str, ended: str) -> None:
    assert _ended(f"tag() {{ {tag}; }}", 1) == ended


def test_an_instance_is_terminated_a_minute_after_its_threshold_and_the_fifth_refusal_shuts_it_down() -> None:
    """A minute, so that refresh comes first."""
    expired = "record() { threshold 40; }"
    assert _ended(expired + "; terminated() { exit; }", 1, step=15) == "instance.overdue refusals=0\n"
    refused = _ended(expired, 1, step=15)
    assert refused.count("instance.overdue") == 5
    assert refused.endswith(f"shutdown -h now after {105 + 4 * 15}\n")
