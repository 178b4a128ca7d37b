"""Why there are too few machines, and the limits of the pool, in words."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.pool import lifecycle
from refresh.pool.launch_causes import Cause
from refresh.pool.launches import Launches
from refresh.pool.records import Unreadable, wire_time
from refresh.provision import findings
from tests.fakes.serial import NOW
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, SETTINGS, after, answer, desired, record


def _capped(cap: int, **changed: Any) -> Any:
    return evolve(SETTINGS, max_instances={"large": cap}, **changed)


@pytest.mark.parametrize(
    ("state", "silent", "unheard", "text"),
    [
        (lifecycle.CLAIMED, False, False, "it did not register within 60 s"),
        (lifecycle.CLAIMED, True, False, f"it did not register within 60 s, and {findings.SILENT}"),
        (lifecycle.CREATED, True, True, "it did not boot and register within 60 s, and its agent never reported"),
    ],
)
def test_a_late_machine_says_what_it_did_not_do(state: str, text: str, *, silent: bool, unheard: bool) -> None:
    assert findings.late(state, timedelta(minutes=1), silent=silent, unheard=unheard) == text


def test_without_a_token_no_time_is_left_to_register() -> None:
    seen = pools.actual(settings=evolve(SETTINGS, token_valid_until=None))
    assert findings.token_left(seen, NOW) == timedelta()
    assert findings.token_left(pools.actual(), NOW) == timedelta(hours=1)


def test_the_cap_counts_what_lives_in_the_class() -> None:
    found = (
        record(0),
        record(1, "created"),
        record(2, "running", "88"),
        record(3, threshold=None),
        record(4, threshold=wire_time(after(-1))),
        record(5, state="terminated"),
        record(6, resource_class="xlarge"),
        Unreadable("?", "its state is unknown"),
    )
    assert findings.room(desired(), pools.actual(*found, settings=_capped(6)), NOW) == 2
    assert findings.room(desired(), pools.actual(*found, settings=_capped(1)), NOW) == 0
    assert findings.room(desired(), pools.actual(*found), NOW) > 1000


def test_the_cap_counts_what_was_launched_and_is_not_recorded_yet() -> None:
    launches = Launches(answers=(answer(pools.launched(0), pools.launched(1)),))
    known = pools.actual(record(0, "created"), settings=_capped(6), launches=launches)
    assert findings.room(desired(), known, NOW) == 4


@pytest.mark.parametrize(
    ("changed", "wanted", "beginning"),
    [
        ({}, {}, None),
        ({"skew": timedelta(seconds=61)}, {}, "this machine's clock is 61 s behind AWS's"),
        ({"skew": timedelta(seconds=-90)}, {}, "this machine's clock is 90 s ahead of AWS's"),
        ({}, {"resource_class": "gpu"}, "resource-class: the pool has no class 'gpu'; it has large."),
        ({"settings": evolve(SETTINGS, classes={})}, {}, "resource-class: the pool has no class 'large'; it has none."),
        ({"settings": _capped(1)}, {"count": 2}, "count: 2 of the class large asked for, but max-instances"),
        ({"settings": _capped(1)}, {"count": 2, "min_count": 1}, None),
        ({"settings": _capped(2)}, {"count": 2}, None),
    ],
)
def test_what_makes_it_pointless_to_begin_is_refused(
    changed: dict[str, Any], wanted: dict[str, Any], beginning: str | None
) -> None:
    texts = list(findings.refusals(desired(**wanted), pools.actual(**changed), NOW))
    assert [each.startswith(beginning or "") for each in texts] == [True] * (beginning is not None)


def test_machines_of_the_label_are_another_program_s_if_no_earlier_provision_had_any() -> None:
    """Neither this one's, nor one that is free, works for another run, or has no time left."""
    found = (
        record(0, "running"),
        record(1, "claimed"),
        record(2, "created", threshold=None),
        record(3, "running"),
        record(4, "claimed"),
        record(5, "created"),
        record(6, "claimed"),
        record(7, "terminated"),
        record(8, "running", "88"),
        record(9, "running", threshold=wire_time(NOW)),
        Unreadable("?", "its state is unknown"),
    )
    mine: dict[str, Any] = {
        "claimed": frozenset({IDS[3]}),
        "lost": frozenset({IDS[4]}),
        "launches": Launches(answers=(answer(pools.launched(5)),)),
        "given_up": {IDS[6]: findings.EXPIRED},
    }
    assert findings.of_others(pools.actual(*found, inherits=False, **mine), NOW) == IDS[:3]
    assert findings.of_others(pools.actual(*found, **mine), NOW) == []
    (text,) = findings.refusals(desired(), pools.actual(*found, inherits=False, **mine), NOW)
    assert text.startswith(f"name: {', '.join(IDS[:3])} have the label 77 already")


def _shortage(*found: Any, ready: int = 0, seconds: float = 0, **changed: Any) -> str:
    wanted = changed.pop("wanted", {})
    return findings.shortage(desired(**wanted), pools.actual(*found, **changed), ready, after(seconds))


def test_the_number_of_ready_machines_comes_first() -> None:
    assert _shortage().startswith("no machine is ready for 77: ")
    assert _shortage(wanted={"count": 3, "name": "gpu"}, ready=2).startswith("2 of 3 machines are ready for 77-gpu: ")


def test_each_failure_is_named_once_with_its_machines_and_a_remedy() -> None:
    given_up = {
        IDS[0]: findings.SCRIPT_FAILED,
        IDS[1]: findings.NOT_REGISTERED,
        IDS[2]: findings.SCRIPT_FAILED,
        IDS[3]: findings.SURPLUS,
        IDS[4]: findings.ASKED_OTHERWISE,
        IDS[5]: findings.SILENT,
    }
    text = _shortage(given_up=given_up)
    assert f"{IDS[0]}, {IDS[2]}: {findings.SCRIPT_FAILED}. Read the machine's log (" in text
    assert f"{IDS[1]}: {findings.NOT_REGISTERED}. Read the machine's log, and check that GitHub works" in text
    assert f"{IDS[5]}: {findings.SILENT}. Read the machine's log (" in text
    assert [each in text for each in (IDS[3], IDS[4])] == [False, False]
    assert text.count("check its network") == 1


@pytest.mark.parametrize(
    ("state", "unheard", "words"),
    [
        ("created", True, ["pre-runner-script", "Python", "DynamoDB", "instance profile", "docs/instance.md"]),
        ("created", False, ["check its network"]),
    ],
)
def test_the_likely_reasons_of_a_machine_that_never_reported_are_named(
    state: str, words: list[str], *, unheard: bool
) -> None:
    why = findings.late(state, timedelta(minutes=4), silent=True, unheard=unheard)
    text = _shortage(given_up={IDS[0]: why})
    assert [each for each in words if each not in text] == []


def test_a_machine_that_ec2_takes_back_is_named_with_the_time_and_a_remedy() -> None:
    known = pools.actual(given_up={IDS[0]: findings.reclaimed(NOW), IDS[1]: findings.SILENT})
    (text,) = findings.taken_back(known)
    assert text.startswith(f"{IDS[0]}: EC2 takes the spot instance back at {wire_time(NOW)}; ")
    assert "usage-class: on-demand" in findings.shortage(desired(), known, 0, NOW)


def test_what_ec2_did_not_launch_is_explained() -> None:
    assert "EC2 did not launch" in _shortage(launches=Launches(answers=(answer(causes=[Cause.QUOTA]),)))


def test_settings_without_subnets_are_named() -> None:
    assert "name no subnet" in _shortage(settings=evolve(SETTINGS, subnet_ids=()))


@pytest.mark.parametrize(
    ("until", "words"),
    [
        (None, "is missing"),
        (after(100), f"is valid until {wire_time(after(100))} only"),
        (NOW, f"expired at {wire_time(NOW)}"),
        (after(3600), None),
    ],
)
def test_a_token_that_machines_cannot_use_is_named(until: Any, words: str | None) -> None:
    text = _shortage(settings=evolve(SETTINGS, token_valid_until=until))
    assert ("The registration token of the pool" in text) is (words is not None)
    assert (words or "") in text


def test_a_full_pool_is_named() -> None:
    assert "max-instances allows (1), and none became free" in _shortage(record(), settings=_capped(1))


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(299, "Others took its machines"), (300, "No machine of the pool became free within 5 min")],
)
def test_without_another_cause_the_time_is_over_or_others_took_the_machines(seconds: float, words: str) -> None:
    assert words in _shortage(seconds=seconds)
