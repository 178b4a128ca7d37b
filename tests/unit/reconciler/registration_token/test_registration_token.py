"""The registration token: replaced in time, never shown, never traded for a shorter-lived one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ParamValidationError

from refresh import errors
from refresh.credentials import Secret
from refresh.desired import Mode, RunnerScope
from refresh.engine.change import Plan
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.pool import names, records
from refresh.ports import IssuedToken
from refresh.reconciler.registration_token import RegistrationToken, policy
from refresh.reconciler.registration_token.actual import Actual
from refresh.reconciler.registration_token.apply import not_longer_lived
from tests.fakes.desired import desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, StillClock

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport

TOKEN = "REG-CANARY-unit"
IDENTIFIER = names.REGISTRATION_TOKEN_IDENTIFIER
REFUSED = errors.PermissionDenied("GitHub POST", "403")


def _in(**left: int) -> str:
    return records.wire_time(NOW + timedelta(**left))


class _GitHub:
    """Issues tokens that are valid for `life`."""

    def __init__(self, life: timedelta = timedelta(hours=1), refusal: Exception | None = None) -> None:
        self.life = life
        self.refusal = refusal
        self.issued = 0

    def create_registration_token(self) -> IssuedToken:
        self.issued += 1
        if self.refusal:
            raise self.refusal
        return IssuedToken(Secret(TOKEN), NOW + self.life)

    def require_administration(self) -> None:
        raise NotImplementedError  # only a plan asks, and these tests apply


def _stored(expires_at: str, token: str = "old") -> dict[str, Any]:
    return records.to_wire({"token": token, "timestamp": _in(), "expires_at": expires_at})


def _component(items: Items, github: _GitHub | None = None, **changes: Any) -> RegistrationToken:
    clock = StillClock()
    return RegistrationToken(desired(**changes), metadata(items, clock), github or _GitHub(), clock)


def _refresh(items: Items, github: _GitHub, mode: Mode = Mode.APPLY, **changes: Any) -> ComponentReport:
    run = Run(mode=mode, clock=StillClock())
    report = converge(_component(items, github, **changes), run, lambda: None).report
    assert TOKEN not in f"{report!r} {[str(failure.error) for failure in report.failures]}"
    return report


@pytest.mark.parametrize(
    ("actual", "why"),
    [
        (Actual(), "none"),
        (Actual(present=False, expires_at=_in(hours=1)), "none"),
        (Actual(present=True), "cannot be read"),
        (Actual(present=True, expires_at="2026-1-31T10:05:00Z"), "cannot be read"),
        (Actual(present=True, expires_at=_in(hours=1), scope="organization"), "organization"),
        (Actual(present=True, expires_at=_in(days=3650)), "later"),
        (Actual(present=True, expires_at=_in(minutes=75, seconds=1)), "later"),
        (Actual(present=True, expires_at=_in(minutes=39, seconds=59)), "39 min"),
        (Actual(present=True, expires_at=_in(seconds=1)), "1 s"),
        (Actual(present=True, expires_at=_in()), "expired"),
        (Actual(present=True, expires_at=_in(days=-3)), "expired"),
    ],
)
def test_an_unusable_token_is_replaced_and_only_an_expired_one_is_warned_of(actual: Actual, why: str) -> None:
    plan = policy.plan(desired(), actual, NOW)
    (change,) = plan.changes
    assert why in change.subject
    assert change.differences[0].before == (actual.expires_at or None)
    assert [actual.expires_at in warning for warning in plan.warnings] == [True] * (why == "expired")


@pytest.mark.parametrize("left", [40, 75])
def test_a_token_with_enough_life_left_is_kept(left: int) -> None:
    """GitHub's clock may be a quarter of an hour ahead of ours."""
    assert policy.plan(desired(), Actual(present=True, expires_at=_in(minutes=left)), NOW) == Plan()


@pytest.mark.parametrize(("left", "mode", "planned"), [(50, Mode.APPLY, 0), (30, Mode.PLAN, 1)])
def test_no_token_is_issued_while_the_stored_one_is_good_or_in_a_plan(left: int, mode: Mode, planned: int) -> None:
    items, github = Items({IDENTIFIER: _stored(_in(minutes=left))}), _GitHub()
    report = _refresh(items, github, mode)
    assert (github.issued, items.puts, len(report.planned)) == (0, [], planned)


@pytest.mark.parametrize(
    ("scope", "named"), [(RunnerScope.REPOSITORY, {}), (RunnerScope.ORGANIZATION, {"scope": {"S": "organization"}})]
)
def test_the_token_is_stored_as_its_readers_expect_it(scope: RunnerScope, named: dict[str, Any]) -> None:
    items, github = Items(), _GitHub()
    report = _refresh(items, github, runner_scope=scope)
    token = {"token": {"S": TOKEN}, "timestamp": {"S": _in()}, "expires_at": {"S": _in(hours=1)}}
    assert items.items[IDENTIFIER]["value"] == {"M": {**token, **named}}
    assert (github.issued, len(report.done), report.pending) == (1, 1, ())


def test_the_token_is_stored_under_the_condition_that_no_longer_lived_one_is() -> None:
    items = Items({IDENTIFIER: _stored(_in(minutes=5))})
    _refresh(items, _GitHub())
    (put,) = items.puts
    assert put.items() >= not_longer_lived(_in(minutes=5), _in(hours=1)).items()


def test_a_lost_race_takes_the_other_token_and_asks_github_once() -> None:
    class _Raced(Items):
        def put_item(self, **request: Any) -> dict[str, Any]:
            super().put_item(**request)
            self.items[IDENTIFIER]["value"] = _stored(_in(minutes=59))
            raise errors.ConditionFailed("dynamodb:PutItem", "ConditionalCheckFailedException")

    github = _GitHub()
    report = _refresh(_Raced(), github)
    assert (github.issued, report.failed) == (1, False)


def test_a_short_lived_token_is_stored_and_not_asked_for_twice() -> None:
    """GitHub's answer is what there is, however short it looks to our clock."""
    items, github = Items(), _GitHub(timedelta(minutes=10))
    report = _refresh(items, github)
    assert (github.issued, len(items.puts), len(report.pending), report.failed) == (1, 1, 1, False)


@pytest.mark.parametrize(
    ("github", "word"),
    [(_GitHub(timedelta()), "clock"), (_GitHub(timedelta(hours=-1)), "clock"), (_GitHub(refusal=REFUSED), "403")],
)
def test_an_expired_or_refused_token_leaves_the_stored_one(github: _GitHub, word: str) -> None:
    items = Items({IDENTIFIER: _stored(_in(minutes=5))})
    (failure,) = _refresh(items, github).failures
    assert (items.puts, word in str(failure.error)) == ([], True)


@pytest.mark.shows("A54")
def test_an_exception_that_quotes_the_token_never_surfaces() -> None:
    """Its type alone is reported, and the traceback ends before it."""
    items = Items()
    items.refusal = ParamValidationError(report=f"Invalid type for parameter Item.value.M.token, value: {TOKEN}")
    (failure,) = _refresh(items, _GitHub()).failures
    assert "ParamValidationError" in str(failure.error)
    assert (failure.error.__cause__, failure.error.__suppress_context__) == (None, True)


def test_an_error_of_aws_is_reported_as_it_is() -> None:
    items = Items()
    items.refusal = errors.Throttled("dynamodb:PutItem", "ThrottlingException")
    assert _refresh(items, _GitHub()).failures[0].error is items.refusal


@pytest.mark.parametrize("value", [{"S": TOKEN}, {"M": {"token": {"N": "1"}}}, {"M": {}}, {"L": []}])
def test_a_malformed_item_counts_as_no_token(value: Any) -> None:
    assert _component(Items({IDENTIFIER: value})).observe() == Actual(present=False, expires_at="")


def test_no_observation_holds_the_token() -> None:
    """What is never read cannot leak."""
    actual = _component(Items({IDENTIFIER: _stored(_in(minutes=5), TOKEN)})).observe()
    assert actual == Actual(present=True, expires_at=_in(minutes=5))
