"""The list of writes to a record is about states that records have."""

from __future__ import annotations

from refresh.pool import lifecycle, transitions


def test_every_transition_is_between_states_that_records_have() -> None:
    states = {*lifecycle.LIVING_STATES, lifecycle.TERMINATED}
    words = {transitions.NO_RECORD, transitions.ANY, transitions.ANY_LIVING}
    assert {each.before for each in transitions.TRANSITIONS} <= states | words
    assert {each.after for each in transitions.TRANSITIONS} == states | {transitions.NO_RECORD, transitions.SAME}
    assert len({*transitions.TRANSITIONS}) == len(transitions.TRANSITIONS)
