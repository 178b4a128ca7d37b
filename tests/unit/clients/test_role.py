"""A role: the claims of a job's token, told where they can be read, and what of STS's refusals passes."""

from __future__ import annotations

import base64
import json

import pytest

from refresh.clients import role


def _token(claims: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


@pytest.mark.parametrize(
    "subject",
    [
        "repo:octo/widgets:ref:refs/heads/main",
        "repo:octo@1/widgets@2:ref:refs/heads/main",
        "repo:octo@12/widgets@2:environment:production",
        "repo:octo@123/widgets@2:pull_request",
    ],
)
def test_the_subject_is_read_whatever_its_length(subject: str) -> None:
    """The padding of its base64 is left out in a token."""
    assert role._claim(_token({"sub": subject}), "sub") == subject


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.!.c", _token([]), _token({}), _token(None), "a.8A.c", "a.ew.c"])
def test_a_token_that_cannot_be_read_has_no_known_subject(token: str) -> None:
    """Only STS judges it."""
    assert role._claim(token, "sub") == "unknown"


def test_the_token_is_for_sts_in_the_role_s_part_of_aws() -> None:
    """China's has another name."""
    assert role.audience("arn:aws:iam::123456789012:role/x") == "sts.amazonaws.com"
    assert role.audience("arn:aws-us-gov:iam::123456789012:role/x") == "sts.amazonaws.com"
    assert role.audience("arn:aws-cn:iam::123456789012:role/x") == "sts.amazonaws.com.cn"


@pytest.mark.parametrize(
    ("code", "message", "passes"),
    [
        ("IDPCommunicationError", "", True),
        ("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider", True),
        ("InvalidIdentityToken", "No OpenIDConnect provider found in your account", False),
        ("AccessDenied", "", False),
    ],
)
def test_what_passes_is_sent_again_three_times(code: str, message: str, *, passes: bool) -> None:
    """STS asks GitHub for its keys, which fails now and then; what is wrong stays wrong."""
    answer = (None, {"Error": {"Code": code, "Message": message}})
    tries = [role._retry_what_passes(answer, attempts) for attempts in (1, 2, 3, 4)]
    assert tries == ([1.0, 2.0, 3.0, None] if passes else [None] * 4)


def test_a_call_without_an_answer_is_left_to_the_sdk() -> None:
    """It retries that by itself."""
    assert role._retry_what_passes(None, 1) is None
