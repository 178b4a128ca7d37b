"""A role: the claims of a job's token, and which of STS's refusals are tried again."""

from __future__ import annotations

import base64
import json

import pytest

from refresh import errors
from refresh.clients import role


def _token(claims: object) -> str:
    return f"e30.{base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip('=')}.signature"


@pytest.mark.parametrize("length", range(4))
def test_a_claim_is_read_without_the_padding_of_base64(length: int) -> None:
    subject = f"repo:octo@1/widgets@2:environment:{'x' * length}"
    assert role._claim(_token({"sub": subject}), "sub") == subject


@pytest.mark.parametrize("token", ["", "a", "a.b.c", "a.!.c", _token([]), _token({}), _token(None), "a.8A.c", "a.ew.c"])
def test_a_token_that_cannot_be_read_has_an_unknown_subject(token: str) -> None:
    assert role._claim(token, "sub") == "unknown"


@pytest.mark.parametrize(
    ("partition", "audience"),
    [("aws", "sts.amazonaws.com"), ("aws-us-gov", "sts.amazonaws.com"), ("aws-cn", "sts.amazonaws.com.cn")],
)
def test_the_audience_is_sts_of_the_role_s_partition(partition: str, audience: str) -> None:
    assert role.audience(f"arn:{partition}:iam::123456789012:role/x") == audience


@pytest.mark.parametrize(
    ("code", "message", "passes"),
    [
        ("IDPCommunicationError", "", True),
        ("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider", True),
        ("InvalidIdentityToken", "No OpenIDConnect provider found in your account", False),
        ("AccessDenied", "", False),
    ],
)
def test_a_passing_refusal_is_sent_again_three_times(code: str, message: str, *, passes: bool) -> None:
    answer = (None, {"Error": {"Code": code, "Message": message}})
    tries = [role._retry_temporary(answer, attempts) for attempts in (1, 2, 3, 4)]
    assert tries == ([1.0, 2.0, 3.0, None] if passes else [None] * 4)


@pytest.mark.parametrize(
    ("kind", "code", "words"),
    [
        (errors.PermissionDenied, "AccessDenied", ["iss GitHub", "sub octo", "aud sts.amazonaws.com"]),
        (errors.Rejected, "InvalidIdentityToken", ["identity provider GitHub", "audience sts.amazonaws.com"]),
        (errors.Rejected, "ValidationError", ["role-duration"]),
        (errors.CredentialsExpired, "ExpiredTokenException", ["OIDC"]),
    ],
)
def test_a_refusal_of_the_role_names_it_and_what_to_correct(
    kind: type[errors.ApiError], code: str, words: list[str]
) -> None:
    refused = kind("sts:AssumeRoleWithWebIdentity", code, "no.")
    explained = role._explained(refused, "arn:aws:iam::1:role/x", _token({"sub": "octo", "iss": "GitHub"}))
    assert type(explained) is kind
    assert explained.message == "arn:aws:iam::1:role/x: no."
    assert [each for each in words if each not in explained.remedy] == []


def test_a_call_without_an_answer_is_left_to_the_sdk() -> None:
    assert role._retry_temporary(None, 1) is None
