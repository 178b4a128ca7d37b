"""What became of each machine, from the outcomes of its changes."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh.desired import Mode
from refresh.engine.change import Done, Failed, Postponed, Skipped
from refresh.output.release_run import Machine, ReleaseRun
from refresh.release.changes import CUT_OFF, Reason
from tests.unit.output import releases
from tests.unit.output.releases import DOWN, MIXED, RACED, REFUSED, give_back, offer, retire, taken_back, terminate
from tests.unit.release.pools import IDS, RUN

if TYPE_CHECKING:
    from refresh.engine.change import Outcome

RAN = timedelta(minutes=10)


def test_a_machine_has_the_facts_of_its_record_and_how_long_the_run_had_it() -> None:
    facts: dict[str, Any] = {"label": RUN, "resource_class": "large", "instance_type": "c7i.large"}
    assert releases.run(*MIXED).machines == (
        Machine(id=IDS[0], **facts, usage_class="on-demand", worked=RAN, result="released"),
        Machine(id=IDS[1], **facts, usage_class="on-demand", result="ended", reason=Reason.NEVER_RAN.value),
        Machine(id=IDS[2], **facts, usage_class="spot", worked=RAN, result="released"),
    )


def test_a_machine_without_a_record_has_its_id_and_why_it_ended() -> None:
    (machine,) = releases.run(Done(terminate(3, Reason.UNRECORDED))).machines
    assert machine == Machine(id=IDS[3], label=RUN, result="ended", reason=Reason.UNRECORDED.value)


def test_sums_count_what_went_back_and_what_ended() -> None:
    run = releases.run(*MIXED, Failed(give_back(3), DOWN))
    assert [each.id for each in run.released] == [IDS[0], IDS[2]]
    assert [each.id for each in run.ended] == [IDS[1]]
    assert run.worked == 2 * RAN, "the next release counts the others"


NEVER_RAN = Reason.NEVER_RAN.value


@pytest.mark.parametrize(
    ("outcomes", "result", "reason"),
    [
        ([Done(give_back()), Done(offer())], "released", ""),
        ([Done(give_back()), Failed(offer(), DOWN)], "released", ""),
        ([Done(evolve(give_back(), cut_off=True)), Done(offer())], "released", CUT_OFF),
        ([Done(taken_back()), Skipped(terminate(), "EC2 no longer knows it")], "ended", taken_back().remarks),
        ([Skipped(give_back(), RACED)], "skipped", RACED),
        ([Failed(give_back(), DOWN)], "failed", str(DOWN)),
        ([Postponed(give_back())], "not begun", ""),
        ([Skipped(give_back(), RACED), Done(give_back())], "released", ""),
        ([Skipped(give_back(), RACED), Done(retire())], "ended", NEVER_RAN),
        ([Done(retire())], "ended", NEVER_RAN),
        ([Done(retire()), Done(terminate())], "ended", NEVER_RAN),
        ([Done(retire()), Skipped(terminate(), "EC2 no longer knows it")], "ended", NEVER_RAN),
        ([Done(retire()), Failed(terminate(), REFUSED)], "failed", str(REFUSED)),
        ([Done(retire()), Postponed(terminate())], "not begun", ""),
        ([Failed(retire(), DOWN)], "failed", str(DOWN)),
        ([Done(terminate())], "ended", terminate().note),
    ],
)
def test_the_last_outcome_of_a_machine_counts_with_the_reason_for_it(
    outcomes: list[Outcome], result: str, reason: str
) -> None:
    (machine,) = releases.run(*outcomes).machines
    assert (machine.result, machine.reason) == (result, reason)


def test_a_message_of_an_earlier_release_is_no_machine_of_this_one() -> None:
    assert releases.run(Done(offer())).machines == ()


def test_a_dry_run_lists_what_would_become_of_each_machine() -> None:
    run = releases.run(
        mode=Mode.PLAN, planned=(give_back(), retire(1)), following=(offer(), terminate(1), terminate(2))
    )
    assert [(each.id, each.result) for each in run.machines] == [
        (IDS[0], "released"),
        (IDS[1], "ended"),
        (IDS[2], "ended"),
    ]
    assert run.machines[1].reason == NEVER_RAN


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (releases.run(), 0),
        (releases.run(*MIXED), 0),
        (releases.run(Skipped(give_back(), RACED), warnings=("w",)), 0),
        (releases.run(Failed(offer(), DOWN)), 1),
        (releases.run(refusals=("a job needs it",)), 1),
        (releases.run(error=REFUSED), 1),
    ],
)
def test_the_exit_code_is_1_where_something_is_left_to_do(run: ReleaseRun, code: int) -> None:
    assert run.exit_code == code
