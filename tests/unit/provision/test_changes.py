"""The changes of provision as the plan, the log and the summary show them."""

from __future__ import annotations

from attrs import evolve

from refresh.pool.runs import PROVIDED
from refresh.provision.changes import Claim, Conclude, GiveUp, Launch, Record, Renew, Start
from tests.fakes.serial import NOW
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, RUN, after, fleet, launched, record

FACTS = {"label": RUN, "class": "large", "type": "c7i.large", "usage": "on-demand"}
NOTE = "large, c7i.large, on-demand"
CLAIM = Claim(RUN, record(threshold="2026-01-31T09:15:00Z"), after(300), NOW)


def test_a_write_to_a_record_names_its_machine_and_what_changes() -> None:
    assert [str(each) for each in CLAIM.differences] == [
        "state: idle -> claimed",
        "threshold: 2026-01-31T09:15:00Z -> 2026-01-31T09:10:00Z",
    ]
    for change, text in (
        (CLAIM, "claim instance"),
        (Start(RUN, record(), NOW, NOW), "start instance"),
        (Renew(RUN, record(), NOW, NOW), "renew instance"),
    ):
        assert str(change) == f"{text} {IDS[0]}"
        assert (change.facts, change.note) == (FACTS, NOTE)
    bare = record(resource_class="", instance_type="", usage_class="")
    assert evolve(CLAIM, record=bare).note == ""


def test_a_record_says_what_was_launched() -> None:
    change = Record(RUN, "large", launched(1), after(600), NOW)
    assert (str(change), change.facts, change.note) == (f"record instance {IDS[1]}", FACTS, NOTE)
    assert evolve(change, instance=launched(1, instance_type="")).note == "large, on-demand"


def test_a_launch_says_what_is_asked_for() -> None:
    change = Launch(fleet(3))
    assert str(change) == "launch fleet 3 on-demand"
    assert change.note == "2 vCPU, 4096 MiB, c* m* r*"


def test_what_is_given_up_says_why_and_a_conclusion_its_result() -> None:
    change = GiveUp(IDS[0], back=False, why="it failed")
    assert (str(change), change.note) == (f"give up instance {IDS[0]}", "it failed")
    conclude = Conclude(pools.request(), PROVIDED, NOW)
    assert (str(conclude), conclude.note) == (f"conclude run {RUN}", "provided")


def test_a_change_that_is_planned_a_moment_later_is_the_same() -> None:
    assert evolve(CLAIM, at=after(1), threshold=after(1)) == CLAIM
    assert Record(RUN, "large", launched(1), NOW, NOW) == Record(RUN, "large", launched(1), after(1), after(1))
    assert GiveUp(IDS[0], back=True, why="a") == GiveUp(IDS[0], back=True, why="b")
