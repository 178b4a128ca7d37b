"""Statements of policies."""

from __future__ import annotations

from refresh.pool import records
from refresh.pool.permissions import STATE_TABLE, items


def test_items_of_other_kinds_and_requests_that_name_none_are_not_allowed() -> None:
    statement = items("Read", records.RUN, records.SETTINGS)
    assert (statement.sid, statement.resources) == ("Read", STATE_TABLE.resources)
    assert statement.condition == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ("TYPE#RUN", "TYPE#SETTINGS")},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
