"""AWS's answers become types that know their remedy."""

from __future__ import annotations

import pytest

from refresh import errors
from refresh.clients import aws_errors

USER = "User: arn:aws:sts::123456789012:assumed-role/refresh/refresh-action-77 is not authorized to perform:"


def _from(code: str, status: int = 400, message: str = "because.", operation: str = "sqs:X") -> errors.ApiError:
    return aws_errors.from_aws(operation, status, {"Error": {"Code": code, "Message": message}})


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [
        ("ExpiredToken", 403, errors.CredentialsExpired),
        ("RequestLimitExceeded", 503, errors.Throttled),
        ("AWS.SimpleQueueService.NonExistentQueue", 400, errors.NotFound),
        ("RequestThrottled", 403, errors.Throttled),
        ("AccessDenied", 403, errors.PermissionDenied),
        ("AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400, errors.Rejected),
        ("KMS.AccessDeniedException", 400, errors.KeyUnusable),
        ("KmsDisabled", 400, errors.KeyUnusable),
        ("KmsThrottled", 400, errors.Throttled),
        ("InvalidLaunchTemplateName.NotFoundException", 400, errors.NotFound),
        ("InvalidLaunchTemplateName.AlreadyExistsException", 400, errors.AlreadyExists),
        ("ConditionalCheckFailedException", 400, errors.ConditionFailed),
        ("Whatever", 503, errors.Unavailable),
        ("ValidationException", 400, errors.Rejected),
    ],
)
def test_a_code_decides_the_type_and_an_unknown_one_the_status(
    code: str, status: int, kind: type[errors.ApiError]
) -> None:
    error = _from(code, status)
    assert type(error) is kind
    assert (error.operation, error.code, error.message) == ("sqs:X", code, "because.")
    assert str(error) == f"{kind.__name__}: sqs:X: {code}: because. {error.remedy}"


@pytest.mark.parametrize(
    ("code", "message", "word"),
    [
        ("OperationNotPermitted", "no", "termination protection"),
        ("QueueDeletedRecently", "no", "minute"),
        ("AWS.SimpleQueueService.QueueDeletedRecently", "no", "minute"),
        ("ValidationException", "Time to live has been modified multiple times within a fixed interval", "hour"),
    ],
)
def test_a_refusal_that_names_nothing_to_change_has_its_own_remedy(code: str, message: str, word: str) -> None:
    error = _from(code, message=message)
    assert type(error) is errors.Rejected
    assert word in error.remedy
    assert str(error).endswith(f"{message}. {error.remedy}")


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ("Not authorized for images: [ami-01234567]", errors.Rejected),
        ("Unauthorized attempt to access restricted resource", errors.Rejected),
        ("AWS was not able to validate the credentials", errors.CredentialsExpired),
    ],
)
def test_a_foreign_image_is_not_taken_for_bad_credentials(message: str, kind: type[errors.ApiError]) -> None:
    """EC2 uses one code for both, and bad credentials end a run."""
    assert type(_from("AuthFailure", 401, message)) is kind


def test_a_proxy_s_answer_is_reported_in_one_line_of_limited_length() -> None:
    assert isinstance(aws_errors.from_aws("ec2:X", 502, {}), errors.Unavailable)
    assert _from("502", 502, "<html>\r\n  down\n</html>").message == "<html> down </html>"
    assert len(_from("502", 502, "x" * 10**6).message) == 1000


@pytest.mark.parametrize(("message", "sentence"), [("because", "because. "), ("because.", "because. "), ("?", "? ")])
def test_the_remedy_follows_aws_s_message_as_a_sentence(message: str, sentence: str) -> None:
    error = _from("ValidationException", message=message)
    assert str(error).endswith(f": {sentence}{error.remedy}")


def test_a_cancelled_transaction_keeps_the_reason_of_each_action() -> None:
    reasons = [{"Code": "None"}, {"Code": "ConditionalCheckFailed", "Message": "x"}, {}]
    response = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
    error = aws_errors.from_aws("dynamodb:TransactWriteItems", 400, response)
    assert isinstance(error, errors.TransactionCancelled)
    assert error.reasons == ("None", "ConditionalCheckFailed", "None")


@pytest.mark.parametrize("code", ["AccessDenied", "UnauthorizedOperation"])
@pytest.mark.parametrize(
    ("operation", "message", "actions"),
    [
        ("sqs:CreateQueue", "because.", "sqs:CreateQueue"),
        ("sqs:CreateQueue", f"{USER} sqs:createqueue on resource: arn:aws:sqs:x", "sqs:createqueue"),
        (
            "dynamodb:TransactWriteItems",
            "because.",
            "dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem",
        ),
        ("sqs:SendMessageBatch", "because.", "sqs:SendMessage"),
        ("dynamodb:TransactWriteItems", f"{USER} dynamodb:UpdateItem on resource: x", "dynamodb:UpdateItem"),
    ],
)
def test_a_denial_names_the_iam_actions_to_allow(code: str, operation: str, message: str, actions: str) -> None:
    """AWS's message comes first: a template needs the actions of what it names."""
    error = _from(code, 403, message, operation)
    assert type(error) is errors.PermissionDenied
    assert message in str(error)
    assert f"Allow {actions} " in error.remedy


def test_an_explicit_denial_asks_for_no_permission() -> None:
    """A service control policy stands above every policy of the account."""
    error = _from("AccessDenied", 403, f"{USER} ec2:CreateTags with an explicit deny in a service control policy")
    assert "denies ec2:CreateTags" in error.remedy
    assert "Allow" not in error.remedy


def test_the_encoded_part_of_a_denial_is_left_out() -> None:
    message = f"{USER} ec2:CreateTags. Encoded authorization failure message: {'x' * 400}"
    assert "xxx" not in str(_from("UnauthorizedOperation", 403, message))


def test_errors_that_one_fix_corrects_have_the_same_kind() -> None:
    first, second = errors.Throttled("ec2:X", "Slow", "one."), errors.Throttled("ec2:X", "Slow", "two.")
    assert first.kind == second.kind == "Throttled: ec2:X: Slow"
    assert errors.Refused("one").kind == errors.Refused("two").kind == "Refused"


def test_input_errors_keep_every_problem_on_its_own_line() -> None:
    error = errors.InputErrors(["a: x", "b: y"])
    assert (error.problems, str(error)) == (("a: x", "b: y"), "a: x\nb: y")


def test_an_unforeseen_error_says_where_to_report_it() -> None:
    assert errors.ISSUES in str(errors.ApiError("sqs:X", "Odd"))
