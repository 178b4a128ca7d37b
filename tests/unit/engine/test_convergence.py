"""The loop that makes a plan empty."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar
from unittest import mock

import pytest
from attrs import frozen

from refresh import errors
from refresh.desired import Mode
from refresh.engine.change import Change, Done, Failed, Plan, Postponed, Skipped, Unchecked
from refresh.engine.component import Clearance, Converged, Gate, Run, attempt
from refresh.engine.convergence import MAX_PASSES, MOST_PASSES, Convergence, converge
from refresh.output.problems import problems
from tests.fakes.serial import StillClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from refresh.engine.change import Outcome


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


class _Scripted:
    """A component with one plan a pass, the last one for ever; `outcomes` overrides `Done`."""

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


def _never() -> None:
    pytest.fail("it asked to write")


def _converge(
    component: _Scripted,
    *,
    mode: Mode = Mode.APPLY,
    stopped: Callable[[], bool] = lambda: False,
    may_write: Callable[[], None] = lambda: None,
) -> Converged[int]:
    return converge(component, Run(mode=mode, clock=StillClock(), stopped=stopped), may_write)


def test_an_empty_plan_ends_the_component_without_a_write() -> None:
    """One look, no permission asked, nothing applied."""
    component = _Scripted(_plan())
    converged = _converge(component, may_write=_never)
    assert (component.looks, component.sent) == (1, [])
    assert converged.report.status == "as desired"


def test_a_change_is_confirmed_by_another_look() -> None:
    """Done is what AWS said; the empty plan afterwards is the proof."""
    component = _Scripted(_plan(ONE), _plan(TWO), _plan())
    converged = _converge(component)
    assert (component.looks, component.sent) == (3, [ONE, TWO])
    assert (converged.report.outcomes, converged.report.pending) == ((Done(ONE), Done(TWO)), ())
    assert converged.actual == 3


def test_an_acknowledged_change_that_is_planned_again_is_pending_and_not_sent_twice() -> None:
    """AWS reads back late; that is no failure."""
    component = _Scripted(_plan(ONE))
    report = _converge(component).report
    assert (component.sent, report.pending, report.failed) == ([ONE], (ONE,), False)


def test_a_pending_change_does_not_hold_up_another() -> None:
    """What is new in the plan is sent, what was acknowledged is not."""
    component = _Scripted(_plan(ONE), _plan(ONE, TWO), _plan(ONE))
    report = _converge(component).report
    assert (component.sent, report.pending) == ([ONE, TWO], (ONE,))


def test_a_failed_change_is_not_sent_twice_and_others_go_on() -> None:
    """The same change would fail again; its neighbours are not to blame."""
    component = _Scripted(_plan(ONE, TWO), _plan(ONE, THREE), _plan(ONE), outcomes={ONE: Failed(ONE, REFUSAL)})
    report = _converge(component).report
    assert component.sent == [ONE, TWO, THREE]
    assert (report.failures, report.done, report.pending) == ((Failed(ONE, REFUSAL),), (TWO, THREE), ())
    assert report.error is None


def test_a_failure_that_a_later_look_disproves_is_forgiven() -> None:
    """The answer was lost, not the effect."""
    component = _Scripted(_plan(ONE), _plan(), outcomes={ONE: Failed(ONE, REFUSAL)})
    report = _converge(component).report
    assert not report.failed
    assert [type(outcome) for outcome in report.outcomes] == [Skipped]


def test_a_skipped_change_is_planned_and_sent_again() -> None:
    """A lost race settles nothing: the next look decides."""
    component = _Scripted(_plan(ONE), _plan(ONE), _plan(), outcomes={ONE: Skipped(ONE, "lost")})
    report = _converge(component).report
    assert (component.sent, report.failed) == ([ONE, ONE], False)


def test_a_plan_that_never_empties_ends_and_names_its_changes() -> None:
    """Six passes that try the same again, then the disagreement is named."""
    raced = {Step(number): Skipped(Step(number), "raced") for number in range(1, 3)}
    component = _Scripted(_plan(ONE, TWO), outcomes=dict(raced))
    report = _converge(component).report
    assert component.looks == MAX_PASSES == 6
    assert isinstance(report.error, errors.DidNotConverge)
    assert "6 passes (make step 1; make step 2)" in str(report.error)


def test_looks_that_find_something_new_each_time_are_no_disagreement() -> None:
    """Thousands of instances end one after the other, and each is cleaned up once."""
    component = _Scripted(*(_plan(Step(number)) for number in range(50)), _plan())
    report = _converge(component).report
    assert (report.failed, len(report.done)) == (False, 50)


def test_what_finds_something_new_for_ever_comes_to_an_end_too() -> None:
    """It would run until the deadline, and bring nothing."""
    component = _Scripted(*(_plan(Step(number)) for number in range(1000)))
    report = _converge(component).report
    assert component.looks == MOST_PASSES
    assert isinstance(report.error, errors.DidNotConverge)


def test_mode_plan_never_applies_and_tells_what_would_follow() -> None:
    """A dry run is a look and a plan, and what the next plans would be."""
    component = _Scripted(_plan(ONE, warnings=("mind",)), _plan(ONE, TWO), _plan(THREE), _plan())
    report = _converge(component, mode=Mode.PLAN).report
    assert (component.looks, component.sent) == (1, [])
    assert (report.planned, report.following) == ((ONE,), (TWO, THREE))
    assert (report.outcomes, report.warnings, report.status) == ((), ("mind",), "would change 1")


def test_mode_plan_tells_nothing_where_nothing_may_be_written() -> None:
    """The table is another's: apply would stop there as well."""

    def refuse() -> None:
        raise errors.Refused("not ours")

    report = _converge(_Scripted(_plan(ONE)), mode=Mode.PLAN, may_write=refuse).report
    assert (report.status, str(report.error)) == ("failed", "not ours")
    assert report.following == ()
    assert _converge(_Scripted(_plan()), mode=Mode.PLAN, may_write=refuse).report.status == "as desired"


def test_what_would_follow_is_told_to_an_end_even_where_plans_have_none() -> None:
    """Something that disagrees with itself must not hang a dry run."""
    component = _Scripted(*(_plan(Step(number)) for number in range(100)))
    assert len(_converge(component, mode=Mode.PLAN).report.following) == MAX_PASSES + 1


def test_the_first_plan_is_kept_when_it_is_applied() -> None:
    """It is what a dry run would have told."""
    report = _converge(_Scripted(_plan(ONE), _plan(TWO), _plan())).report
    assert (report.planned, report.following, report.status) == ((ONE,), (), "changed 2")


def test_nothing_is_applied_when_what_comes_first_has_failed() -> None:
    """The component ends with that reason and still tells what it saw."""

    def refuse() -> None:
        raise errors.Refused("not ready")

    component = _Scripted(_plan(ONE))
    converged = _converge(component, may_write=refuse)
    assert (component.sent, str(converged.report.error), converged.actual) == ([], "not ready", 1)


@pytest.mark.parametrize(("ready", "told"), [(False, "not ready"), (True, "Rejected: dynamodb:Query: X")])
def test_a_look_that_is_refused_is_told_in_the_words_of_what_comes_first(*, ready: bool, told: str) -> None:
    """A table of another application refuses every look, and says why in no word."""
    component = _Scripted(_plan(ONE))

    def observe() -> int:
        raise errors.Rejected("dynamodb:Query", "X")

    def gate() -> None:
        if not ready:
            raise errors.Refused("not ready")

    with mock.patch.object(component, "observe", observe):
        report = _converge(component, may_write=gate).report
    assert str(report.error).startswith(told)


def test_notes_and_warnings_of_what_comes_first_are_told_once() -> None:
    """However many passes ask."""
    component = _Scripted(_plan(ONE, warnings=("old",)), _plan(TWO), _plan())
    gates: list[Gate] = [lambda: Clearance(("old", "new"), ("locked",)), lambda: None]
    report = converge(component, Run(mode=Mode.APPLY, clock=StillClock()), *gates).report
    assert (report.warnings, report.notes, len(report.done)) == (("old", "new"), ("locked",), 2)


def test_an_unexpected_exception_becomes_an_error_without_its_text() -> None:
    """Type and place help to mend it; a foreign text may hold a secret."""
    component = _Scripted(_plan(ONE), outcomes={ONE: ValueError("REG-CANARY-1")})
    error = _converge(component).report.error
    assert "ValueError in _Scripted.apply line" in str(error)
    assert "CANARY" not in repr(error)


def test_a_component_that_cannot_look_has_seen_nothing() -> None:
    """What depends on its observation can tell."""

    class _Blind(_Scripted):
        def observe(self) -> int:
            raise errors.Unavailable("ec2:Describe", "503")

    converged = _converge(_Blind(_plan()))
    assert isinstance(converged.report.error, errors.Unavailable)
    assert converged.actual is None


@pytest.mark.parametrize(("asked_at", "looks", "sent"), [(1, 0, []), (2, 1, []), (3, 1, [ONE]), (4, 2, [ONE])])
def test_a_stop_is_honoured_before_each_pass_and_before_each_application(
    asked_at: int, looks: int, sent: list[Step]
) -> None:
    """Whatever was begun is finished, nothing new is."""
    asked = iter(range(1, 99))
    component = _Scripted(_plan(ONE), _plan(TWO), _plan())
    report = _converge(component, stopped=lambda: next(asked) >= asked_at).report
    assert (component.looks, component.sent) == (looks, sent)
    assert isinstance(report.error, errors.Interrupted)
    assert report.done == tuple(sent)
    assert report.status == ("failed" if looks else "not checked")


def test_expired_credentials_end_the_component_and_keep_what_was_done() -> None:
    """No further call would succeed, and the report still tells the truth."""
    expired = errors.CredentialsExpired("ec2:Anything", "ExpiredToken")
    component = _Scripted(_plan(ONE, TWO, THREE), outcomes={TWO: expired})
    report = _converge(component).report
    assert (component.sent, report.done, report.error) == ([ONE, TWO], (ONE,), expired)


def test_a_warning_is_told_once_however_many_passes_repeat_it() -> None:
    """Passes are our business, not the reader's."""
    component = _Scripted(_plan(ONE, warnings=("a", "b")), _plan(warnings=("b", "c")))
    assert _converge(component).report.warnings == ("a", "b", "c")


def test_the_duration_is_measured_by_the_run_s_clock() -> None:
    """From the first look to the last."""
    clock = StillClock()

    class _Slow(_Scripted):
        def observe(self) -> int:
            clock.moment += timedelta(seconds=3)
            return super().observe()

    report = converge(_Slow(_plan()), Run(mode=Mode.APPLY, clock=clock), lambda: None).report
    assert report.duration == timedelta(seconds=3)


def _raising(error: Exception) -> Callable[[], None]:
    def action() -> None:
        raise error

    return action


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (errors.ConditionFailed("dynamodb:PutItem", "ConditionalCheckFailedException"), Skipped),
        (errors.AlreadyExists("sqs:CreateQueue", "QueueAlreadyExists"), Skipped),
        (errors.Throttled("ec2:Anything", "RequestLimitExceeded"), Failed),
        (errors.PermissionDenied("ec2:Anything", "UnauthorizedOperation"), Failed),
        (errors.RefreshError("anything"), Failed),
    ],
)
def test_a_lost_race_is_no_failure_and_an_error_fails_its_change_only(error: Exception, expected: type) -> None:
    """One outcome a change, whatever happens."""
    assert type(attempt(ONE, _raising(error))) is expected


@pytest.mark.parametrize("error", [errors.CredentialsExpired("ec2:Anything", "ExpiredToken"), ValueError("defect")])
def test_what_concerns_more_than_one_change_is_not_swallowed(error: Exception) -> None:
    """Expired credentials and defects end the component."""
    with pytest.raises(type(error)):
        attempt(ONE, _raising(error))


def test_a_change_that_was_not_sent_is_left_for_the_next_run() -> None:
    """No request leaves a process that was asked to end."""
    assert attempt(ONE, _raising(errors.Interrupted("not sent"))) == Postponed(ONE)


def test_a_component_that_is_not_waited_for_tells_how_far_it_has_come() -> None:
    """In the middle of a call that is not answered."""
    told: list[Converged[int]] = []

    class _Waiting(_Scripted):
        def observe(self) -> int:
            if self.looks == 1:
                told.append(convergence.abandoned())
            return super().observe()

    convergence = Convergence(_Waiting(_plan(ONE), _plan()), Run(mode=Mode.APPLY, clock=StillClock()), lambda: None)
    assert convergence.converge().report.status == "changed 1"
    (converged,) = told
    assert (converged.actual, converged.report.done, converged.report.status) == (1, (ONE,), "failed")
    assert isinstance(converged.report.error, errors.Interrupted)
    assert "not known" in str(converged.report.error)


def test_an_attempt_that_returns_is_done() -> None:
    """With the arguments that were given."""
    assert attempt(ONE, int, "7", base=8) == Done(ONE)


def test_what_a_plan_refuses_fails_the_run_and_what_it_plans_is_done() -> None:
    """A limit stops before it acts, and stops nothing else; the last look counts."""
    component = _Scripted(Plan((ONE,), refusals=("early",)), Plan((), refusals=("too many",)))
    report = _converge(component).report
    assert (report.done, report.refusals) == ((ONE,), ("too many",))
    assert report.failed
    assert [str(each) for each in problems(report)] == ["too many"]


def test_after_the_deadline_nothing_is_begun_and_what_is_left_is_counted() -> None:
    """The next run continues."""
    clock = StillClock()

    class _Late(_Scripted):
        def apply(self, changes: Sequence[Step]) -> Iterator[Outcome]:
            clock.moment += timedelta(minutes=8)
            yield Done(changes[0])
            yield from map(Postponed, changes[1:])

    component = _Late(_plan(ONE, TWO, THREE))
    run = Run(mode=Mode.APPLY, clock=clock, deadline=clock.now() + timedelta(minutes=8))
    report = converge(component, run, lambda: None).report
    assert component.looks == 1
    assert (report.done, report.postponed) == ((ONE,), (TWO, THREE))
    assert isinstance(report.error, errors.DeadlineReached)
    assert "2 changes are left" in str(report.error)


def test_a_component_that_comes_after_the_deadline_is_not_even_looked_at() -> None:
    """And says so."""
    clock = StillClock()
    component = _Scripted(_plan())
    report = converge(component, Run(mode=Mode.APPLY, clock=clock, deadline=clock.now()), lambda: None).report
    assert component.looks == 0
    assert "the run's time is over, this was not done" in str(report.error)
    assert (report.status, report.reason) == ("not checked", "the run's time was over before this was looked at")


def test_what_the_last_look_did_not_see_is_not_as_desired() -> None:
    """The same holds for what an earlier look did not see, unless the last one did."""
    fog = Unchecked("fog")
    assert _converge(_Scripted(Plan(unchecked=fog))).report.status == "not checked"
    assert _converge(_Scripted(Plan((ONE,), unchecked=fog), _plan())).report.unchecked is None
