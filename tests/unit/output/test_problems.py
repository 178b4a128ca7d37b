"""What failed: one cause is one error, wherever it shows."""

from __future__ import annotations

import pytest

from refresh import errors
from refresh.engine.change import Failed
from refresh.engine.report import ComponentReport
from refresh.output.problems import cause, causes, problems
from refresh.reconciler.garbage_collector.changes import Terminate
from tests.fakes.changes import REFUSAL, Paint

CLOSED = errors.Unavailable("sqs:CreateQueue", "EndpointConnectionError", "a.")


def _denied(operation: str, remedy: str) -> errors.PermissionDenied:
    return errors.PermissionDenied(operation, "No", remedy=remedy)


def _listed(**more: object) -> list[str]:
    return [str(each) for each in problems(ComponentReport(name="fence", **more))]  # type: ignore[arg-type] # its fields


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CLOSED, errors.Unavailable("sqs:GetQueueUrl", CLOSED.code, "b.")),
        (errors.Throttled("ec2:X", "Slow", "one."), errors.Throttled("ec2:Y", "Slow", "two.")),
        (errors.CredentialsExpired("ec2:X", "ExpiredToken"), errors.CredentialsExpired("sqs:Y", "ExpiredToken")),
        (errors.CredentialsExpired("GitHub GET /a", "401"), errors.CredentialsExpired("GitHub POST /b", "401")),
        (errors.Rejected("ec2:X", "No", "i-1."), errors.Rejected("ec2:X", "No", "i-2.")),
        (_denied("a:X", "Allow a:X."), _denied("a:Y", "Allow a:X.")),
        (errors.Interrupted("stopped, 3 are left"), errors.Interrupted("stopped, this was not done")),
        (errors.DeadlineReached("time is over, 3 are left"), errors.DeadlineReached("time is over, not done")),
        (errors.Refused("the account is wrong"), errors.Refused("the account is wrong")),
    ],
)
def test_errors_that_one_fix_corrects_have_one_cause(first: errors.RefreshError, second: errors.RefreshError) -> None:
    assert cause(first) == cause(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (CLOSED, errors.Unavailable("ec2:X", CLOSED.code)),
        (CLOSED, errors.Unavailable("sqs:X", "503")),
        (errors.CredentialsExpired("ec2:X", "401"), errors.CredentialsExpired("GitHub GET /a", "401")),
        (errors.Rejected("ec2:X", "No"), errors.Rejected("ec2:Y", "No")),
        (_denied("a:X", "Allow a:X."), _denied("a:Y", "Allow a:Y.")),
        (errors.Interrupted("stopped, 3 are left"), errors.Interrupted("stopped; what it did is not known")),
        (errors.Refused("the account is wrong"), errors.Refused("the image is gone")),
    ],
)
def test_errors_with_two_fixes_have_two_causes(first: errors.RefreshError, second: errors.RefreshError) -> None:
    assert cause(first) != cause(second)


def test_many_failures_of_one_cause_are_one_line_with_their_number_and_the_first_names() -> None:
    """Where their texts differ, the first one stands for all and the line says so."""
    closed = [errors.Unavailable("sqs:CreateQueue", "Closed", f"no way to {number}.") for number in range(12)]
    (line,) = _listed(outcomes=tuple(Failed(Paint(str(n)), error) for n, error in enumerate(closed)))
    names = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    assert line.startswith(f"paint garden fence (12): {names}: {closed[0]} (")
    same = tuple(Failed(Paint(str(number)), REFUSAL) for number in range(2))
    assert _listed(outcomes=same) == [f"paint garden fence (2): 0, 1: {REFUSAL}"]


def test_problems_are_listed_as_error_then_refusals_then_failures_by_kind() -> None:
    outcomes = (Failed(Paint(), REFUSAL), Failed(Terminate("i-00000001"), REFUSAL))
    assert _listed(error=errors.Refused("stop"), refusals=("too many",), outcomes=outcomes) == [
        "stop",
        "too many",
        f"paint garden fence green: {REFUSAL}",
        f"terminate instance i-00000001: {REFUSAL}",
    ]


def test_a_component_that_waited_for_another_has_no_problem_of_its_own() -> None:
    assert _listed(error=errors.Blocked("the gate is not ready")) == []


def test_each_cause_of_a_run_is_listed_once_with_the_components_that_it_made_fail() -> None:
    reports = (
        ComponentReport(name="fence", error=CLOSED),
        ComponentReport(name="gate", outcomes=(Failed(Paint(), CLOSED), Failed(Paint("red"), REFUSAL))),
    )
    assert causes(reports) == [
        ("fence, gate", f"paint garden fence green: {CLOSED}"),
        ("gate", f"paint garden fence red: {REFUSAL}"),
    ]
