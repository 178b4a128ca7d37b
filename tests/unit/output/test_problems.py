"""What failed: one cause is one error, wherever it shows."""

from __future__ import annotations

import pytest

from refresh import errors
from refresh.engine.change import Failed
from refresh.engine.report import ComponentReport
from refresh.output.problems import cause, causes, problems
from refresh.reconciler.garbage_collector.changes import Terminate
from tests.fakes.changes import REFUSAL, Paint

CLOSED = "EndpointConnectionError"


def _denied(operation: str, remedy: str) -> errors.PermissionDenied:
    return errors.PermissionDenied(operation, "No", remedy=remedy)


def _listed(report: ComponentReport) -> list[str]:
    return [str(each) for each in problems(report)]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (errors.Unavailable("sqs:CreateQueue", CLOSED, "a."), errors.Unavailable("sqs:GetQueueUrl", CLOSED, "b.")),
        (errors.Throttled("ec2:X", "Slow", "one."), errors.Throttled("ec2:Y", "Slow", "two.")),
        (errors.CredentialsExpired("ec2:X", "ExpiredToken"), errors.CredentialsExpired("sqs:Y", "ExpiredToken")),
        (errors.CredentialsExpired("GitHub GET /a", "401"), errors.CredentialsExpired("GitHub POST /b", "401")),
        (errors.Unavailable("GitHub GET /a", "502"), errors.Unavailable("GitHub POST /b", "502")),
        (errors.Rejected("ec2:X", "No", "i-1."), errors.Rejected("ec2:X", "No", "i-2.")),
        (_denied("a:X", "Allow a:X."), _denied("a:Y", "Allow a:X.")),
        (errors.Interrupted("stopped, 3 are left"), errors.Interrupted("stopped, this was not done")),
        (errors.DeadlineReached("time is over, 3 are left"), errors.DeadlineReached("time is over, not done")),
        (errors.Refused("the account is wrong"), errors.Refused("the account is wrong")),
    ],
)
def test_one_thing_to_correct_is_one_cause(first: errors.RefreshError, second: errors.RefreshError) -> None:
    """Whatever was asked for when it showed."""
    assert cause(first) == cause(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (errors.Unavailable("sqs:X", CLOSED), errors.Unavailable("ec2:X", CLOSED)),
        (errors.Unavailable("sqs:X", CLOSED), errors.Unavailable("sqs:X", "503")),
        (errors.CredentialsExpired("ec2:X", "401"), errors.CredentialsExpired("GitHub GET /a", "401")),
        (errors.Rejected("ec2:X", "No"), errors.Rejected("ec2:Y", "No")),
        (_denied("a:X", "Allow a:X."), _denied("a:Y", "Allow a:Y.")),
        (errors.Interrupted("stopped, 3 are left"), errors.Interrupted("stopped; what it did is not known")),
        (errors.Refused("the account is wrong"), errors.Refused("the image is gone")),
    ],
)
def test_two_things_to_correct_are_two_causes(first: errors.RefreshError, second: errors.RefreshError) -> None:
    """Neither hides the other."""
    assert cause(first) != cause(second)


def test_many_that_failed_for_one_cause_are_one_line_with_their_number_and_names() -> None:
    """Seven queues behind a closed port are one error."""
    closed = [errors.Unavailable("sqs:CreateQueue", CLOSED, f"no way to {number}.") for number in range(12)]
    failures = [Failed(Paint(str(number)), error) for number, error in enumerate(closed)]
    names = "0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more"
    more = " (the report file has the other errors)"
    assert _listed(ComponentReport(name="fence", outcomes=tuple(failures))) == [
        f"paint garden fence (12): {names}: {closed[0]}{more}"
    ]
    same = tuple(Failed(Paint(str(number)), REFUSAL) for number in range(2))
    assert _listed(ComponentReport(name="fence", outcomes=same)) == [f"paint garden fence (2): 0, 1: {REFUSAL}"]


def test_the_reason_why_a_component_stopped_comes_first() -> None:
    """Then what it refused, and its failures by the kind of change."""
    ended = Failed(Terminate("i-00000001"), REFUSAL)
    report = ComponentReport(
        name="fence", error=errors.Refused("stop"), refusals=("too many",), outcomes=(Failed(Paint(), REFUSAL), ended)
    )
    assert _listed(report) == [
        "stop",
        "too many",
        f"paint garden fence green: {REFUSAL}",
        f"terminate instance i-00000001: {REFUSAL}",
    ]


def test_what_waited_for_another_has_no_error_of_its_own() -> None:
    """The other one's says it all."""
    blocked = ComponentReport(name="gate", error=errors.Blocked("the fence is not ready (see its error above)"))
    assert _listed(blocked) == []
    assert (blocked.failed, blocked.status, blocked.reason) == (
        True,
        "skipped",
        "the fence is not ready (see its error above)",
    )


def test_a_run_names_each_cause_once_with_the_components_that_it_made_fail() -> None:
    """In the order in which they show."""
    closed = errors.Unavailable("sqs:CreateQueue", CLOSED, "refused.")
    reports = (
        ComponentReport(name="fence", error=closed),
        ComponentReport(name="gate", outcomes=(Failed(Paint(), closed), Failed(Paint("red"), REFUSAL))),
    )
    assert causes(reports) == [
        ("fence, gate", f"paint garden fence green: {closed}"),
        ("gate", f"paint garden fence red: {REFUSAL}"),
    ]
