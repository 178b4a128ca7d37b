"""The loop that makes a plan empty."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import pytest
from attrs import frozen

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Change, Done, Failed, Plan, Postponed, Skipped, Unchecked
from refresh.engine.component import Clearance, Gate, Run, attempt
from refresh.engine.convergence import MAX_PASSES, MOST_PASSES, Convergence, converge
from tests.fakes.serial import StillClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from refresh.engine.change import Outcome
    from refresh.engine.component import Converged
    from refresh.engine.report import ComponentReport


@frozen
class Step(Change):
    noun: ClassVar[str] = "step"
    number: int

    @property
    def subject(self) -> str:
        """Name it."""
        return str(self.number)


ONE, TWO, THREE = Step(1), Step(2), Step(3)
REFUSAL = errors.Rejected("ec2:Anything", "No")
ENDLESS = [Plan((Step(number),)) for number in range(1000)]


class _Scripted:
    """A component with one plan for each pass, the last one for ever; `outcomes` overrides `Done`."""

    name = "scripted"

    def __init__(self, *plans: Plan[Step], outcomes: dict[Step, Outcome | Exception] | None = None) -> None:
        self.plans = plans
        self.outcomes = outcomes or {}
        self.looks = 0
        self.sent: list[Step] = []

    def observe(self) -> int:
        self.looks += 1
        return self.looks

    def plan(self, actual: int, now: datetime) -> Plan[Step]:  # noqa: ARG002 - the protocol's shape
        return self.plans[min(actual, len(self.plans)) - 1]

    def predict(self, actual: int, changes: Sequence[Step], now: datetime) -> int:  # noqa: ARG002 - the protocol's shape
        return actual + 1

    def apply(self, changes: Sequence[Step]) -> Iterator[Outcome]:
        for change in changes:
            self.sent.append(change)
            outcome = self.outcomes.get(change, Done(change))
            if isinstance(outcome, Exception):
                raise outcome
            yield outcome


def _plan(*changes: Step, warnings: tuple[str, ...] = ()) -> Plan[Step]:
    return Plan(changes, warnings)


def _run(
    component: _Scripted, *gates: Gate, mode: Mode = Mode.APPLY, stopped: Callable[[], bool] = lambda: False
) -> Converged[int]:
    return converge(component, Run(mode=mode, clock=StillClock(), stopped=stopped), *gates)


def _report(component: _Scripted, *gates: Gate, mode: Mode = Mode.APPLY) -> ComponentReport:
    return _run(component, *gates, mode=mode).report


def _raising(error: Exception) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("plans", "outcome", "sent", "outcomes", "pending"),
    [
        pytest.param([[]], Done(ONE), [], "", (), id="nothing to do"),
        pytest.param([[ONE], [TWO], []], Done(ONE), [ONE, TWO], "DD", (), id="confirmed by the next look"),
        pytest.param([[ONE], [ONE]], Done(ONE), [ONE], "D", (ONE,), id="acknowledged, not yet read back"),
        pytest.param([[ONE], [ONE, TWO], [ONE]], Done(ONE), [ONE, TWO], "DD", (ONE,), id="pending holds up no other"),
        pytest.param([[ONE, TWO], [ONE]], Failed(ONE, REFUSAL), [ONE, TWO], "FD", (), id="failed, not sent again"),
        pytest.param([[ONE], []], Failed(ONE, REFUSAL), [ONE], "S", (), id="failed, but found done"),
        pytest.param([[ONE], [ONE], []], Skipped(ONE, "lost"), [ONE, ONE], "SS", (), id="lost race, sent again"),
    ],
)
def test_each_change_is_made_once_and_confirmed_by_another_look(
    plans: list[list[Step]], outcome: Outcome, sent: list[Step], outcomes: str, pending: tuple[Step, ...]
) -> None:
    component = _Scripted(*(_plan(*plan) for plan in plans), outcomes={ONE: outcome})
    converged = _run(component)
    report = converged.report
    assert (component.sent, report.pending, report.planned) == (sent, pending, tuple(plans[0]))
    assert "".join(type(each).__name__[0] for each in report.outcomes) == outcomes
    assert (component.looks, converged.actual, report.failed) == (len(plans), len(plans), "F" in outcomes)


def test_a_plan_that_never_empties_fails_after_six_passes_and_names_its_changes() -> None:
    raced = {each: Skipped(each, "raced") for each in (ONE, TWO)}
    component = _Scripted(_plan(ONE, TWO), outcomes=dict(raced))
    error = _report(component).error
    assert component.looks == MAX_PASSES == 6
    assert isinstance(error, errors.DidNotConverge)
    assert all(each in str(error) for each in ("6", str(ONE), str(TWO)))


def test_passes_that_find_something_new_go_on_up_to_a_limit() -> None:
    """Thousands of instances end one after the other, and each is cleaned up once."""
    report = _report(_Scripted(*ENDLESS[:50], _plan()))
    assert (report.failed, len(report.done)) == (False, 50)
    component = _Scripted(*ENDLESS)
    assert isinstance(_report(component).error, errors.DidNotConverge)
    assert component.looks == MOST_PASSES


def test_mode_plan_applies_nothing_and_lists_what_would_follow() -> None:
    component = _Scripted(_plan(ONE, warnings=("mind",)), _plan(ONE, TWO), _plan(THREE), _plan())
    report = _report(component, mode=Mode.PLAN)
    assert (component.looks, component.sent) == (1, [])
    assert (report.planned, report.following) == ((ONE,), (TWO, THREE))
    assert (report.outcomes, report.warnings, report.status) == ((), ("mind",), "would change 1")
    assert len(_report(_Scripted(*ENDLESS), mode=Mode.PLAN).following) == MAX_PASSES + 1


@pytest.mark.parametrize("mode", Mode)
def test_a_closed_gate_ends_a_component_that_has_changes(mode: Mode) -> None:
    """In mode plan as well, since apply would stop there; what was observed is kept."""
    component = _Scripted(_plan(ONE))
    refuse = _raising(errors.Refused("not ready"))
    converged = _run(component, refuse, mode=mode)
    report = converged.report
    assert (component.sent, report.following, str(report.error)) == ([], (), "not ready")
    assert (report.status, converged.actual) == ("failed", 1)
    assert _report(_Scripted(_plan()), refuse, mode=mode).status == "as desired"


@pytest.mark.parametrize(
    "refusal", [REFUSAL, errors.KeyUnusable("ec2:Anything", "No"), errors.Unreachable("ec2", "x", "No")]
)
@pytest.mark.parametrize(("gate", "kind"), [(_raising(errors.Refused("not ours")), "Refused"), (lambda: None, "No")])
def test_a_refused_look_is_reported_by_the_gate_that_knows_why(gate: Gate, kind: str, refusal: errors.ApiError) -> None:
    """The table of another application refuses every look without a reason."""

    class _Foreign(_Scripted):
        def observe(self) -> int:
            raise refusal

    converged = _run(_Foreign(), gate)
    assert converged.report.error
    assert converged.report.error.kind.endswith(kind)
    assert converged.actual is None


def test_warnings_and_notes_are_listed_once_for_all_passes() -> None:
    component = _Scripted(_plan(ONE, warnings=("old", "a")), _plan(TWO, warnings=("a", "b")), _plan())
    report = _report(component, lambda: Clearance(("old", "new"), ("locked",)), lambda: None)
    assert (report.warnings, report.notes) == (("old", "a", "new", "b"), ("locked",))


def test_an_unexpected_exception_becomes_an_error_with_its_place_and_without_its_text() -> None:
    """A foreign text may hold a secret."""
    error = _report(_Scripted(_plan(ONE), outcomes={ONE: ValueError("REG-CANARY-1")})).error
    assert all(each in str(error) for each in ("ValueError", "_Scripted.apply"))
    assert "CANARY" not in repr(error)


@pytest.mark.parametrize(("asked_at", "looks", "sent"), [(1, 0, []), (2, 1, []), (3, 1, [ONE]), (4, 2, [ONE])])
def test_a_stop_is_honoured_before_each_pass_and_each_application(asked_at: int, looks: int, sent: list[Step]) -> None:
    asked = iter(range(1, 99))
    component = _Scripted(_plan(ONE), _plan(TWO), _plan())
    report = _run(component, stopped=lambda: next(asked) >= asked_at).report
    assert (component.looks, component.sent, report.done) == (looks, sent, tuple(sent))
    assert isinstance(report.error, errors.Interrupted)
    assert report.status == ("failed" if looks else "not checked")


def test_expired_credentials_end_the_component_and_keep_what_was_done() -> None:
    expired = errors.CredentialsExpired("ec2:Anything", "ExpiredToken")
    component = _Scripted(_plan(ONE, TWO, THREE), outcomes={TWO: expired})
    report = _report(component)
    assert (component.sent, report.done, report.error) == ([ONE, TWO], (ONE,), expired)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ConditionFailed("dynamodb:PutItem", "ConditionalCheckFailedException"), Skipped),
        (errors.AlreadyExists("sqs:CreateQueue", "QueueAlreadyExists"), Skipped),
        (errors.Throttled("ec2:Anything", "RequestLimitExceeded"), Failed),
        (errors.PermissionDenied("ec2:Anything", "UnauthorizedOperation"), Failed),
        (errors.RefreshError("anything"), Failed),
        (errors.Interrupted("not sent"), Postponed),
        (errors.CredentialsExpired("ec2:Anything", "ExpiredToken"), None),
        (ValueError("defect"), None),
    ],
)
def test_an_error_becomes_the_outcome_of_its_change_unless_it_concerns_all(
    error: Exception, expected: type | None
) -> None:
    if expected:
        assert type(attempt(ONE, _raising(error))) is expected
    else:
        with pytest.raises(type(error)):
            attempt(ONE, _raising(error))
    assert attempt(ONE, int, "7", base=8) == Done(ONE)


def test_an_abandoned_component_reports_how_far_it_has_come() -> None:
    """In the middle of a call that is not answered."""
    abandoned: list[Converged[int]] = []

    class _Waiting(_Scripted):
        def observe(self) -> int:
            if self.looks == 1:
                abandoned.append(convergence.abandoned())
            return super().observe()

    convergence = Convergence(_Waiting(_plan(ONE), _plan()), Run(mode=Mode.APPLY, clock=StillClock()))
    assert convergence.converge().report.status == "changed 1"
    (converged,) = abandoned
    assert (converged.actual, converged.report.done, converged.report.status) == (1, (ONE,), "failed")
    assert isinstance(converged.report.error, errors.Interrupted)


def test_a_refusal_of_the_last_plan_fails_the_run_and_its_changes_are_made() -> None:
    report = _report(_Scripted(Plan((ONE,), refusals=("early",)), Plan(refusals=("too many",))))
    assert (report.done, report.refusals, report.failed) == ((ONE,), ("too many",), True)


def test_nothing_is_begun_after_the_deadline_and_the_rest_is_counted() -> None:
    clock = StillClock()

    class _Late(_Scripted):
        def apply(self, changes: Sequence[Step]) -> Iterator[Outcome]:
            clock.moment += timedelta(minutes=8)
            yield Done(changes[0])
            yield from map(Postponed, changes[1:])

    component = _Late(_plan(ONE, TWO, THREE))
    run = Run(mode=Mode.APPLY, clock=clock, deadline=clock.now() + timedelta(minutes=8))
    report = converge(component, run).report
    assert (component.looks, report.done, report.postponed) == (1, (ONE,), (TWO, THREE))
    assert isinstance(report.error, errors.DeadlineReached)
    assert "2 changes" in str(report.error)
    assert report.duration == timedelta(minutes=8)
    report = converge(component, run).report
    assert (component.looks, report.status) == (1, "not checked")
    assert report.reason
    assert isinstance(report.error, errors.DeadlineReached)


def test_only_what_the_last_look_did_not_see_is_unchecked() -> None:
    fog = Unchecked("fog")
    assert _report(_Scripted(Plan(unchecked=fog))).status == "not checked"
    assert _report(_Scripted(Plan((ONE,), unchecked=fog), _plan())).unchecked is None
