"""The registration token: replaced in time, never shown, never traded for a shorter-lived one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.credentials import Secret
from refresh.desired import Mode
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names, records
from refresh.ports import IssuedToken
from refresh.reconciler.registration_token import RegistrationToken, policy
from refresh.reconciler.registration_token.actual import Actual
from refresh.reconciler.registration_token.changes import ReplaceToken
from tests.fakes.desired import desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, StillClock

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.engine.report import ComponentReport

TOKEN = "REG-CANARY-unit"
IDENTIFIER = names.REGISTRATION_TOKEN_IDENTIFIER


def _wire(left: timedelta) -> str:
    return records.wire_time(NOW + left)


class _GitHub:
    """Issues tokens of one life; `calls` counts them, `looks` the questions whether it would."""

    def __init__(self, life: timedelta = timedelta(hours=1), refusal: Exception | None = None) -> None:
        self.life = life
        self.refusal = refusal
        self.calls = 0
        self.looks = 0

    def create_registration_token(self) -> IssuedToken:
        self.calls += 1
        if self.refusal:
            raise self.refusal
        return IssuedToken(Secret(TOKEN), NOW + self.life)

    def require_administration(self) -> None:
        self.looks += 1
        if self.refusal:
            raise self.refusal


def _stored(expires_at: str, token: str = "old") -> dict[str, Any]:
    return records.to_wire({"token": token, "timestamp": _wire(timedelta()), "expires_at": expires_at})


def _refresh(items: Items, github: _GitHub, mode: Mode = Mode.APPLY) -> ComponentReport:
    clock = StillClock()
    component = RegistrationToken(desired(), metadata(items, clock), github, clock)
    report = converge(component, Run(mode=mode, clock=clock), lambda: None).report
    assert TOKEN not in repr(report)
    return report


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        (timedelta(days=3650), "(the stored one claims to live longer than GitHub lets any)"),
        (timedelta(hours=1, minutes=15, seconds=1), "(the stored one claims to live longer than GitHub lets any)"),
        (timedelta(hours=1, minutes=15), None),
        (timedelta(minutes=40), None),
        (timedelta(minutes=39, seconds=59), "(the stored one has 39 min left)"),
        (timedelta(seconds=1), "(the stored one has 1 s left)"),
        (timedelta(), "(the stored one has expired)"),
        (timedelta(days=-3), "(the stored one has expired)"),
    ],
)
def test_a_token_with_too_little_or_too_much_life_left_is_replaced(left: timedelta, reason: str | None) -> None:
    """At the minimum itself it is still good; an expired one is told."""
    plan = policy.plan(desired(), Actual(present=True, expires_at=_wire(left)), NOW)
    assert [change.subject for change in plan.changes] == ([reason] if reason else [])
    assert bool(plan.warnings) == (left <= timedelta())


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (Actual(), "(none is stored)"),
        (Actual(present=False, expires_at=_wire(timedelta(hours=1))), "(none is stored)"),
        (Actual(present=True), "(the stored one's expiry cannot be read)"),
        (Actual(present=True, expires_at="2026-1-31T10:05:00Z"), "(the stored one's expiry cannot be read)"),
        (Actual(present=True, expires_at="tomorrow"), "(the stored one's expiry cannot be read)"),
    ],
)
def test_what_cannot_be_used_is_replaced(actual: Actual, reason: str) -> None:
    """Without a warning: nothing ran out."""
    plan = policy.plan(desired(), actual, NOW)
    assert ([change.subject for change in plan.changes], plan.warnings) == ([reason], ())
    assert plan.changes[0].differences[0].before == (actual.expires_at or None)


def test_a_token_is_asked_for_once_a_run_whatever_the_reason() -> None:
    """Two plans of one run are the same change."""
    assert ReplaceToken("", "none is stored") == ReplaceToken("2026-01-31T09:05:00Z", "expired")


def test_github_is_not_asked_while_the_stored_token_is_good() -> None:
    """Nor is anything written."""
    items, github = Items({IDENTIFIER: _stored(_wire(timedelta(minutes=50)))}), _GitHub()
    report = _refresh(items, github)
    assert (github.calls, items.puts, report.status) == (0, [], "as desired")


def test_a_dry_run_issues_no_token() -> None:
    """A token is a write too."""
    github = _GitHub()
    report = _refresh(Items(), github, Mode.PLAN)
    assert (github.calls, len(report.planned)) == (0, 1)


def test_the_token_is_stored_as_its_readers_expect_it() -> None:
    """A map of token, timestamp and expiry."""
    items, github = Items(), _GitHub()
    report = _refresh(items, github)
    assert items.items[IDENTIFIER]["value"] == {
        "M": {
            "token": {"S": TOKEN},
            "timestamp": {"S": "2026-01-31T09:05:00Z"},
            "expires_at": {"S": "2026-01-31T10:05:00Z"},
        }
    }
    assert (github.calls, len(report.done), report.pending) == (1, 1, ())


def test_a_longer_lived_token_stored_meanwhile_is_never_replaced() -> None:
    """The condition takes what cannot be compared, what the plan judged, and what ends earlier."""
    items = Items({IDENTIFIER: _stored(_wire(timedelta(minutes=5)))})
    _refresh(items, _GitHub())
    (put,) = items.puts
    assert {name: value for name, value in put.items() if name not in ("Item", "TableName")} == {
        "ConditionExpression": (
            "NOT attribute_type(#value.expires_at, :string)"
            " OR #value.expires_at = :before OR #value.expires_at < :after"
        ),
        "ExpressionAttributeNames": {"#value": "value"},
        "ExpressionAttributeValues": {
            ":string": {"S": "S"},
            ":before": {"S": "2026-01-31T09:10:00Z"},
            ":after": {"S": "2026-01-31T10:05:00Z"},
        },
    }


def test_a_lost_race_takes_the_other_s_token() -> None:
    """No failure, and GitHub is not asked again."""

    class _Raced(Items):
        def put_item(self, **request: Any) -> dict[str, Any]:
            super().put_item(**request)
            self.items[IDENTIFIER]["value"] = _stored(_wire(timedelta(minutes=59)))
            raise errors.ConditionFailed("dynamodb:PutItem", "ConditionalCheckFailedException")

    github = _GitHub()
    report = _refresh(_Raced(), github)
    assert (github.calls, report.failed) == (1, False)


def test_a_token_of_little_life_is_stored_and_not_asked_for_twice() -> None:
    """GitHub's answer is what there is, however short it looks to our clock."""
    items, github = Items(), _GitHub(timedelta(minutes=10))
    report = _refresh(items, github)
    assert (github.calls, len(items.puts), len(report.pending), report.failed) == (1, 1, 1, False)


@pytest.mark.parametrize("life", [timedelta(), timedelta(hours=-1)])
def test_a_token_that_has_already_expired_is_never_stored(life: timedelta) -> None:
    """The old one stays, and the clock is blamed."""
    items = Items({IDENTIFIER: _stored(_wire(timedelta(minutes=5)))})
    report = _refresh(items, _GitHub(life))
    assert items.puts == []
    assert "Compare this machine's clock" in str(report.failures[0].error)


def test_a_refusal_of_github_fails_and_leaves_the_stored_token() -> None:
    """It may still be good for a while."""
    items = Items({IDENTIFIER: _stored(_wire(timedelta(minutes=5)))})
    report = _refresh(items, _GitHub(refusal=errors.PermissionDenied("GitHub POST", "403")))
    assert items.puts == []
    assert report.failed


class _ParamValidationError(Exception):
    """What botocore raises: its text quotes the parameter."""


@pytest.mark.shows("A54")
def test_an_exception_that_quotes_the_token_never_surfaces() -> None:
    """Only its type is told, and the log's traceback ends before it."""
    items = Items()
    items.refusal = _ParamValidationError(f"Invalid type for parameter Item.value.M.token, value: {TOKEN}")
    report = _refresh(items, _GitHub())
    error = report.failures[0].error
    assert str(error) == (
        "storing the token failed: _ParamValidationError. The next run tries again; if it stays, report this line at "
        "https://github.com/org/refresh-action/issues."
    )
    assert (error.__cause__, error.__suppress_context__) == (None, True)


def test_an_error_of_aws_is_told_as_it_is() -> None:
    """Its text names the operation and the remedy."""
    items = Items()
    items.refusal = errors.Throttled("dynamodb:PutItem", "ThrottlingException")
    assert _refresh(items, _GitHub()).failures[0].error is items.refusal


@pytest.mark.parametrize("value", [{"S": TOKEN}, {"M": {"token": {"N": "1"}}}, {"M": {}}, {"L": []}])
def test_a_malformed_item_is_no_token(value: Any) -> None:
    """It is replaced, and nothing of it is kept or shown."""
    clock = StillClock()
    actual = RegistrationToken(desired(), metadata(Items({IDENTIFIER: value})), _GitHub(), clock).observe()
    assert actual == Actual(present=False, expires_at="")


def test_no_observation_holds_the_token() -> None:
    """What is never read out of its item cannot leak."""
    items = Items({IDENTIFIER: _stored(_wire(timedelta(minutes=5)), TOKEN)})
    component = RegistrationToken(desired(), metadata(items), _GitHub(), StillClock())
    actual = component.observe()
    assert actual == evolve(Actual(), present=True, expires_at=_wire(timedelta(minutes=5)))
    assert TOKEN not in repr((actual, component.plan(actual, _now())))


def _now() -> datetime:
    return NOW
