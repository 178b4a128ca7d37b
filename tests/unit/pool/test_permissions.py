"""Statements of policies."""

from __future__ import annotations

from refresh.pool import names, records, signals
from refresh.pool.permissions import ANY_REPORT, OWN_REPORT, STATE_TABLE, items


def test_items_of_other_kinds_and_requests_that_name_none_are_not_allowed() -> None:
    statement = items("Read", records.RUN, records.SETTINGS)
    assert (statement.sid, statement.resources) == ("Read", STATE_TABLE.resources)
    assert statement.condition == {
        "ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ("TYPE#RUN", "TYPE#SETTINGS")},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def test_a_pattern_widens_no_other_key_of_its_statement() -> None:
    statement = items("Read", records.SETTINGS, patterns=(ANY_REPORT,))
    assert statement.condition == {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ("TYPE#SETTINGS", "TYPE#AGENT#*")},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }


def test_an_instances_own_report_has_the_identity_that_iam_knows_in_its_key() -> None:
    key = "TYPE#AGENT#${aws:userid}"
    condition = items("Report", OWN_REPORT).condition
    assert condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"] == (key,)
    assert key.replace("${aws:userid}", "AROAEXAMPLE:i-0123") == names.partition_key(
        signals.agent_entity("AROAEXAMPLE", "i-0123")
    )
