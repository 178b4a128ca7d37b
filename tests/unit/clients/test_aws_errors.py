"""What AWS answers becomes a type that knows its remedy."""

from __future__ import annotations

import pytest

from refresh import errors
from refresh.clients import aws_errors


def _from(code: str, status: int = 400, message: str = "because.") -> errors.ApiError:
    return aws_errors.from_aws("sqs:CreateQueue", status, {"Error": {"Code": code, "Message": message}})


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ExpiredToken", 403, errors.CredentialsExpired),
        ("RequestExpired", 400, errors.CredentialsExpired),
        ("RequestLimitExceeded", 503, errors.Throttled),
        ("ThrottlingException", 400, errors.Throttled),
        ("QueueDoesNotExist", 400, errors.NotFound),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, errors.NotFound),
        ("ResourceNotFoundException", 400, errors.NotFound),
        ("InvalidLaunchTemplateName.NotFoundException", 400, errors.NotFound),
        ("InvalidLaunchTemplateName.AlreadyExistsException", 400, errors.AlreadyExists),
        ("ResourceInUseException", 400, errors.AlreadyExists),
        ("ConditionalCheckFailedException", 400, errors.ConditionFailed),
        ("InternalError", 500, errors.Unavailable),
        ("Whatever", 503, errors.Unavailable),
        ("ValidationException", 400, errors.Rejected),
    ],
)
def test_an_answer_becomes_its_type(code: str, status: int, kind: type[errors.ApiError]) -> None:
    """Unknown codes are told apart by their status."""
    error = _from(code, status)
    assert type(error) is kind
    assert (error.operation, error.code, error.message) == ("sqs:CreateQueue", code, "because.")
    assert str(error) == f"{kind.__name__}: sqs:CreateQueue: {code}: because. {kind.remedy}"


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("OperationNotPermitted", "Remove EC2's termination protection from the instance, or tag it "),
        ("QueueDeletedRecently", "Wait a minute: the next run makes it."),
        ("AWS.SimpleQueueService.QueueDeletedRecently", "Wait a minute: the next run makes it."),
    ],
)
def test_where_aws_s_words_name_nothing_to_change_the_remedy_does(code: str, remedy: str) -> None:
    """Each its own."""
    error = _from(code)
    assert type(error) is errors.Rejected
    assert error.remedy.startswith(remedy)
    assert str(error).endswith(f"because. {error.remedy}")


def test_a_second_change_of_time_to_live_within_the_hour_says_when_it_can_be_made() -> None:
    """DynamoDB's code is that of any mistake, so its words are what tells."""
    told = str(
        _from("ValidationException", 400, "Time to live has been modified multiple times within a fixed interval")
    )
    assert told.endswith("interval. Wait an hour; a run then makes it.")


def test_what_nobody_foresaw_says_where_to_report_it() -> None:
    """A line of the log is nobody's address."""
    told = str(errors.ApiError("sqs:X", "Odd"))
    assert told.endswith("report it with this line at https://github.com/org/refresh-action/issues.")


def test_somebody_else_s_image_is_no_matter_of_credentials() -> None:
    """Though EC2 uses one code for both: with bad ones a run would end."""
    assert type(_from("AuthFailure", 401, "Not authorized for images: [ami-01234567]")) is errors.Rejected
    assert type(_from("AuthFailure", 401, "Unauthorized attempt to access restricted resource")) is errors.Rejected
    assert type(_from("AuthFailure", 401, "AWS was not able to validate the credentials")) is errors.CredentialsExpired


def test_an_answer_without_an_error_in_it_is_still_told() -> None:
    """A proxy may have answered."""
    assert isinstance(aws_errors.from_aws("ec2:X", 502, {}), errors.Unavailable)
    assert isinstance(aws_errors.from_aws("ec2:X", 400, {}), errors.Rejected)


def test_a_page_in_an_error_s_place_is_told_in_one_line_and_cut() -> None:
    """A proxy answers with HTML."""
    assert _from("502", 502, "<html>\r\n  down\n</html>").message == "<html> down </html>"
    assert len(_from("502", 502, "x" * 10**6).message) == 1000


def test_errors_of_a_kind_are_told_together_whatever_their_words() -> None:
    """By the operation and the code where there are any."""
    first, second = errors.Throttled("ec2:X", "Slow", "one."), errors.Throttled("ec2:X", "Slow", "two.")
    assert first.kind == second.kind == "Throttled: ec2:X: Slow"
    assert errors.Refused("one").kind == errors.Refused("two").kind == "Refused"


def test_a_cancelled_transaction_keeps_the_reason_of_each_action() -> None:
    """They say whose condition was lost."""
    error = aws_errors.from_aws(
        "dynamodb:TransactWriteItems",
        400,
        {
            "Error": {"Code": "TransactionCanceledException", "Message": "cancelled."},
            "CancellationReasons": [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "x"}, {}],
        },
    )
    assert isinstance(error, errors.TransactionCancelled)
    assert error.reasons == ("None", "ConditionalCheckFailed", "None")


def test_bad_inputs_are_one_error_with_every_problem() -> None:
    """A line each."""
    error = errors.InputErrors(["a: x", "b: y"])
    assert (error.problems, str(error)) == (("a: x", "b: y"), "a: x\nb: y")


USER = "User: arn:aws:sts::123456789012:assumed-role/refresh/refresh-action-77"


@pytest.mark.parametrize(
    "code", ["AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"]
)
@pytest.mark.parametrize(
    ("message", "action"),
    [
        ("because.", "sqs:CreateQueue"),
        (f"{USER} is not authorized to perform: sqs:createqueue on resource: arn:aws:sqs:x", "sqs:createqueue"),
        (
            f"{USER} is not authorized to perform: dynamodb:UpdateItem on resource: arn:aws:dynamodb:x",
            "dynamodb:UpdateItem",
        ),
    ],
)
def test_a_denial_names_the_action_that_is_missing(code: str, message: str, action: str) -> None:
    """AWS's word for it counts: a transaction needs the actions of its items, a template those of what it names."""
    error = _from(code, 403, message)
    assert type(error) is errors.PermissionDenied
    assert message in str(error)
    assert f"Allow {action} in the IAM policy of the role or user that the run uses" in str(error)


def test_a_denied_transaction_names_the_actions_of_its_items() -> None:
    """There is no action of its own name to allow."""
    error = aws_errors.from_aws("dynamodb:TransactWriteItems", 400, {"Error": {"Code": "AccessDeniedException"}})
    assert "Allow dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem in the IAM policy" in str(error)


@pytest.mark.parametrize(("message", "told"), [("because", "because. "), ("because.", "because. "), ("why?", "why? ")])
def test_aws_s_words_and_the_remedy_are_two_sentences(message: str, told: str) -> None:
    """AWS ends some of its messages without a full stop."""
    assert f"ValidationException: {told}Change what" in str(_from("ValidationException", 400, message))


def test_a_denial_that_nobody_here_can_lift_says_so() -> None:
    """A service control policy stands above every policy of the account."""
    message = f"{USER} is not authorized to perform: ec2:CreateTags with an explicit deny in a service control policy"
    told = str(_from("UnauthorizedOperation", 403, message))
    assert "A policy denies ec2:CreateTags explicitly" in told
    assert "Allow" not in told


def test_a_denial_is_told_without_the_part_that_nobody_can_read() -> None:
    """EC2 adds hundreds of encoded characters."""
    message = f"{USER} is not authorized to perform: ec2:CreateTags. Encoded authorization failure message: {'x' * 400}"
    assert "xxx" not in str(_from("UnauthorizedOperation", 403, message))
