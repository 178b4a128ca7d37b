"""The state table's plan: created once, claimed once, and refused if it is another's."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.engine import tagging
from refresh.engine.change import Difference, Plan
from refresh.engine.tagging import TagResource
from refresh.reconciler.state_table import policy, predict
from refresh.reconciler.state_table.actual import Actual, Claim, TimeToLive
from refresh.reconciler.state_table.changes import AwaitTable, ClaimTable, CreateTable, EnableTimeToLive, TableChange
from tests.fakes.desired import TABLE, desired

KEYS = (("PK", "HASH", "S"), ("SK", "RANGE", "S"))
OURS, SERVER = "octo/widgets", "github.com"
DISABLED, ENABLE = TimeToLive("DISABLED"), f"enable time to live on {TABLE} (expiresAt)"
TAGS = (("team", "ci"),)
RIGHT = Actual(
    status="ACTIVE",
    keys=KEYS,
    deletion_protection=True,
    time_to_live=TimeToLive("ENABLED", "expiresAt"),
    claim=Claim(OURS, SERVER),
)


def _actual(**changes: Any) -> Actual:
    return evolve(RIGHT, **changes)


@pytest.mark.parametrize(
    ("actual", "lines"),
    [
        (Actual(), [f"create table {TABLE}"]),
        (RIGHT, []),
        (_actual(time_to_live=TimeToLive("ENABLING", "expiresAt")), []),
        (_actual(time_to_live=DISABLED), [ENABLE]),
        (_actual(time_to_live=TimeToLive("DISABLING", "expiresAt")), [ENABLE]),
        (_actual(claim=None), [f"claim table {TABLE} for octo/widgets on github.com"]),
        (_actual(claim=None, time_to_live=DISABLED), [f"claim table {TABLE} for octo/widgets on github.com", ENABLE]),
        *(
            (_actual(status=status, claim=None, time_to_live=DISABLED), [f"await table {TABLE} ({status})"])
            for status in ("CREATING", "UPDATING", "DELETING", "UNKNOWN")
        ),
    ],
)
def test_only_the_next_step_is_planned(actual: Actual, lines: list[str]) -> None:
    plan = policy.plan(desired(), actual)
    assert plan == Plan(plan.changes)
    assert list(map(str, plan.changes)) == lines


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ((), "empty"),
        ((("PK", "HASH", "S"),), "PK (HASH, S)"),
        ((("id", "HASH", "S"),), "id (HASH, S)"),
        ((("PK", "HASH", "S"), ("SK", "RANGE", "N")), "SK (RANGE, N)"),
        ((("SK", "HASH", "S"), ("PK", "RANGE", "S")), "SK (HASH, S), PK (RANGE, S)"),
    ],
)
@pytest.mark.parametrize("status", ["ACTIVE", "CREATING", "DELETING"])
def test_a_table_with_another_key_is_refused_and_never_changed(keys: Any, named: str, status: str) -> None:
    """It is another application's, whatever it says about its owner."""
    with pytest.raises(errors.Refused) as refused:
        policy.plan(desired(), _actual(keys=keys, status=status))
    assert all(each in str(refused.value) for each in (TABLE, named, "PK (HASH, S), SK (RANGE, S)"))


@pytest.mark.shows("A34")
@pytest.mark.parametrize("owner", ["octo-widgets/x", "Octo/widgets", "unknown ({'N': '1'})", "unknown ({'S': ''})"])
def test_a_table_of_another_repository_is_refused_and_never_claimed(owner: str) -> None:
    """`a-b/c` and `a/b-c` share a table's name."""
    with pytest.raises(errors.Refused) as refused:
        policy.plan(desired(), _actual(claim=Claim(owner, SERVER)))
    assert all(each in str(refused.value) for each in (TABLE, owner, OURS, "account or region"))


def test_what_an_owner_may_have_wanted_is_warned_of_and_left_alone() -> None:
    actual = _actual(time_to_live=TimeToLive("ENABLED", "gone_at"), deletion_protection=False, on_demand=False)
    plan = policy.plan(desired(), actual)
    assert plan.changes == ()
    for words, warning in zip(("'gone_at'", "deletion protection", "on-demand"), plan.warnings, strict=True):
        assert words in warning
        assert TABLE in warning


def test_everything_that_could_not_be_read_is_reported() -> None:
    actual = _actual(time_to_live=TimeToLive(unread="one."), tags=tagging.Found(unread="two."))
    plan = policy.plan(desired(tags=TAGS), actual)
    assert plan.changes == ()
    for words, refusal in zip(("one.", "two."), plan.refusals, strict=True):
        assert words in refusal
        assert TABLE in refusal


@pytest.mark.parametrize(
    "actual",
    [
        Actual(),
        _actual(status="CREATING"),
        _actual(status="DELETING"),
        _actual(claim=None),
        _actual(claim=Claim("octo-widgets/x", SERVER)),
        _actual(claim=Claim(OURS, "ghes.example.com")),
        _actual(claim=Claim(OURS, "")),
        _actual(keys=(("SK", "HASH", "S"), ("PK", "RANGE", "S"))),
    ],
)
def test_no_component_may_write_to_a_table_that_is_not_active_and_ours(actual: Actual) -> None:
    assert policy.usable(desired(), RIGHT)
    assert not policy.usable(desired(), actual)


def test_a_table_is_created_with_its_tags_and_gets_lost_ones_back() -> None:
    tagged = desired(tags=TAGS)
    (create,) = policy.plan(tagged, Actual()).changes
    assert create == CreateTable(TABLE, TAGS)
    assert create.differences == (Difference("tag team", None, "ci"),)
    assert policy.plan(tagged, _actual(arn="arn:t")).changes == (TagResource(f"table {TABLE}", "arn:t", TAGS, ()),)


def test_the_prediction_is_what_the_changes_lead_to() -> None:
    tagged = desired(tags=TAGS)
    made = predict.predict(tagged, Actual(), [CreateTable(TABLE, TAGS)])
    assert made == Actual(status="ACTIVE", keys=KEYS, deletion_protection=True, tags=tagging.Found(TAGS))
    steps: list[TableChange] = [
        ClaimTable(TABLE, OURS, SERVER),
        EnableTimeToLive(TABLE),
        TagResource("table", "arn", (("a", "1"),), ()),
    ]
    assert predict.predict(tagged, made, steps) == evolve(
        made,
        claim=Claim(OURS, SERVER),
        time_to_live=TimeToLive("ENABLING", "expiresAt"),
        tags=tagging.Found((("a", "1"), *TAGS)),
    )
    creating = _actual(status="CREATING")
    assert predict.predict(tagged, creating, [AwaitTable(TABLE, "CREATING")]) == RIGHT
    assert predict.predict(tagged, creating, [AwaitTable(TABLE, "DELETING")]) == Actual()
