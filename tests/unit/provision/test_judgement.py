"""Whether a machine of the label works, may become ready, or is given up."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from refresh.pool.launches import Launches
from refresh.pool.records import wire_time
from refresh.pool.signals import BOOTED, LEFT, REGISTERED, REGISTRATION_FAILED, SCRIPT_FAILED, Signal
from refresh.pool.usage import UsageClass
from refresh.provision import findings
from refresh.provision.judgement import judge
from tests.fakes.serial import NOW
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, ROLE, RUN, SETTINGS, after, answer, launched, record

SPOT = UsageClass.SPOT


def _judged(found: Any, seconds: float = 0, wanted: dict[str, Any] | None = None, **changed: Any) -> str | None:
    seen = pools.actual(found, **{"looked_at": after(seconds), "beats": {IDS[0]: after(seconds)}, **changed})
    return judge(pools.desired(**(wanted or {})), seen, found, after(seconds))


@pytest.mark.parametrize(
    ("changed", "wanted", "why"),
    [
        ({}, {}, None),
        ({"resource_class": "xlarge"}, {}, findings.ASKED_OTHERWISE),
        ({"usage_class": "spot"}, {}, findings.ASKED_OTHERWISE),
        ({"usage_class": "on-demand"}, {"usage_classes": (SPOT,)}, findings.ASKED_OTHERWISE),
        ({"usage_class": "on-demand"}, {"usage_classes": (SPOT,), "fallback": True}, None),
        ({"instance_type": ""}, {}, findings.ASKED_OTHERWISE),
        ({"threshold": wire_time(NOW)}, {}, findings.EXPIRED),
        ({"threshold": "soon"}, {}, findings.EXPIRED),
    ],
)
def test_a_machine_that_a_job_cannot_use_is_given_up(
    changed: dict[str, Any], wanted: dict[str, Any], why: str | None
) -> None:
    assert _judged(record(0, "running", **changed), wanted=wanted) == why


def test_a_machine_of_this_run_may_be_of_a_type_that_ec2_did_not_say() -> None:
    made = Launches(answers=(answer(launched(0)),))
    assert _judged(record(0, "created", instance_type=""), launches=made) is None


@pytest.mark.parametrize(
    ("signal", "beat", "why"),
    [
        (Signal(REGISTERED, RUN), 0, None),
        (None, 0, None),
        (Signal(REGISTERED, "42"), 0, findings.NOT_REGISTERED),
        (Signal(LEFT, RUN), 0, findings.NOT_REGISTERED),
        (Signal(REGISTERED, RUN), -16, findings.SILENT),
    ],
)
def test_a_running_machine_beats_and_is_registered(signal: Signal | None, beat: float, why: str | None) -> None:
    signals = {IDS[0]: signal} if signal else {}
    assert _judged(record(0, "running"), signals=signals, beats={IDS[0]: after(beat)}) == why
    own = evolve(SETTINGS, runner_role_id=ROLE)
    why = why if signal else findings.NOT_REGISTERED
    assert _judged(record(0, "running"), signals=signals, beats={IDS[0]: after(beat)}, settings=own) == why


@pytest.mark.parametrize(
    ("signal", "why"),
    [
        (Signal(SCRIPT_FAILED, RUN), findings.SCRIPT_FAILED),
        (Signal(REGISTRATION_FAILED, RUN), findings.NOT_REGISTERED),
        (Signal("UD_REMOVE_REG_FAILED", RUN), "its agent reported UD_REMOVE_REG_FAILED"),
        (Signal(SCRIPT_FAILED, "42"), None),
        (Signal(BOOTED, RUN), None),
    ],
)
def test_a_failure_that_the_agent_reports_ends_the_wait(signal: Signal, why: str | None) -> None:
    assert _judged(record(0, "created"), signals={IDS[0]: signal}) == why


@pytest.mark.parametrize(
    ("state", "seconds", "signal", "beats", "why"),
    [
        ("claimed", 60, BOOTED, True, None),
        ("claimed", 61, BOOTED, True, "it did not register within 60 s"),
        ("claimed", 61, BOOTED, False, f"it did not register within 60 s, and {findings.SILENT}"),
        ("claimed", 61, REGISTERED, True, None),
        ("claimed", 61, REGISTERED, False, f"it did not register within 60 s, and {findings.SILENT}"),
        ("created", 240, BOOTED, None, None),
        ("created", 241, BOOTED, None, "it did not boot and register within 4 min, and its agent never reported"),
    ],
)
def test_each_machine_has_its_own_time_to_register(
    state: str, seconds: float, signal: str, why: str | None, *, beats: bool | None
) -> None:
    found = record(0, state)
    signals = {IDS[0]: Signal(signal, RUN)}
    beating = {} if beats is None else {IDS[0]: after(seconds if beats else seconds - 16)}
    assert _judged(found, seconds, signals=signals, beats=beating) == why


def test_a_record_that_does_not_say_since_when_has_no_time_left() -> None:
    assert _judged(record(0, "claimed", updated_at="")) == "it did not register within 60 s"
