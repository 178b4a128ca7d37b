"""A pool can be moved to our release workflow by workflow: it and the archived action take over from each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import records
from tests.simulation.door_invariants import settle
from tests.simulation.door_schedules import messages
from tests.simulation.door_worlds import build, write_settings
from tests.simulation.doors import OTHER_RUN, RUN
from tests.simulation.original_provision import OriginalProvision
from tests.simulation.original_release import OriginalRelease
from tests.simulation.paces import FAST, SLOW, USUAL, Pace

if TYPE_CHECKING:
    from tests.simulation.stage import Stage

PACES = pytest.mark.parametrize("pace", [FAST, USUAL, SLOW], ids=["fast", "usual", "slow"])


def _provide(stage: Stage, run: str, count: int) -> OriginalProvision:
    provision = OriginalProvision(stage.pool, run, count=count)
    stage.until(stage.begin(provision.steps()))
    return provision


def _of(stage: Stage, run: str) -> set[str]:
    return {
        identifier
        for identifier, item in stage.pool.table.of(records.INSTANCE).items()
        if (records.text(item, "state"), records.text(item, "runId")) == ("running", run)
    }


@PACES
def test_what_we_release_is_claimed_by_the_archived_action(pace: Pace) -> None:
    """By its own writes, at its first try: the agents have left their run when the messages become visible."""
    stage, desired = build("three running", pace)
    released = _of(stage, RUN)
    settle(stage, desired, once=True)
    provision = _provide(stage, "99", count=3)
    assert (provision.outcome, set(provision.provided), provision.created) == ("provided", released, [])
    assert released <= set(stage.pool.alive)


@PACES
def test_what_the_archived_action_provides_is_released_by_us(pace: Pace) -> None:
    """Launched ones and claimed ones; and then it claims them again."""
    stage, desired = build("one running", pace)
    settle(stage, desired, once=True)
    first = _provide(stage, RUN, count=2)
    assert (first.outcome, len(first.created)) == ("provided", 1)
    settle(stage, desired, once=True)
    assert _of(stage, RUN) == set()
    second = _provide(stage, "99", count=2)
    assert (set(second.provided), second.created) == (set(first.provided), [])


def test_a_machine_goes_round_between_both_and_no_message_is_left_over() -> None:
    """Released by us, claimed and released by the archived action, claimed again."""
    stage, desired = build("one running")
    (machine,) = _of(stage, RUN)
    settle(stage, desired, once=True)
    for run in ("98", "99"):
        assert _provide(stage, run, count=1).provided == [machine]
        stage.pass_time(30)
        stage.until(stage.begin(OriginalRelease(stage.pool, run).steps()))
        # A late repetition of our release must not offer it once more.
        settle(stage, desired, once=True)
        assert [each["id"] for each in messages(stage)] == [machine]
    assert _of(stage, OTHER_RUN) <= set(stage.pool.alive)


def test_a_release_of_the_archived_action_that_gave_up_is_no_concern_of_ours() -> None:
    """It died before its message: no run can claim the machine, which ends with its threshold."""
    stage, desired = build("one running")
    stage.until(stage.begin(OriginalRelease(stage.pool, RUN).steps(), dies_at=5))
    settle(stage, desired, once=True)
    assert messages(stage) == []


def test_a_machine_of_a_broken_provision_is_never_offered() -> None:
    """What the archived action leaves as `created` or `claimed` ends; its own release leaves it alone."""
    stage, desired = build("failed provision")
    before = set(stage.pool.alive)
    stage.until(stage.begin(OriginalRelease(stage.pool, RUN).steps()))
    assert set(stage.pool.alive) == before
    settle(stage, desired, once=True)
    assert (len(before - set(stage.pool.alive)), messages(stage)) == (2, [])


def test_without_the_archived_action_no_message_is_sent() -> None:
    stage, desired = build("three running")
    write_settings(stage.pool, original_modes=False)
    settle(stage, desired, once=True)
    assert messages(stage) == []
