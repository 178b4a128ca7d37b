"""The credentials of a role: fetched once while they last, and anew, with another token, before they end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.clients import role
from refresh.credentials import IdTokens, Secret
from refresh.desired import Role
from tests.fakes import canaries
from tests.fakes.world import HOOKS

if TYPE_CHECKING:
    from botocore.credentials import Credentials

    from tests.fakes.github_server import GitHubServer

ROLE = Role(arn="arn:aws:iam::123456789012:role/x", session_name="nightly", duration=timedelta(minutes=30))


class _Sts:
    """Gives credentials of a `life`; `requests` lists what it was asked for."""

    def __init__(self, life: timedelta) -> None:
        self.life = life
        self.requests: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        self.meta = SimpleNamespace(events=SimpleNamespace(register_first=lambda *_: None))

    def assume_role_with_web_identity(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.refusal:
            raise self.refusal
        secrets = {"AccessKeyId": "ASIA", "SecretAccessKey": "SECRET-", "SessionToken": "SESSION-"}
        given = {name: f"{value}{len(self.requests)}" for name, value in secrets.items()}
        user = {"Arn": "arn:aws:sts::123456789012:assumed-role/x/nightly"}
        return {"Credentials": {**given, "Expiration": datetime.now(UTC) + self.life}, "AssumedRoleUser": user}


def _credentials(github: GitHubServer, sts: Any, masked: list[str], *, stopped: bool = False) -> Credentials:
    id_tokens = IdTokens(f"{github.url}/id-token?api-version=2.0", Secret(canaries.REQUEST))
    hooks = evolve(HOOKS, mask=masked.append, stopped=lambda: stopped)
    return role.credentials(ROLE, id_tokens, hooks, lambda *_, **__: sts)


@pytest.mark.parametrize("left", [14, 9])
def test_credentials_are_fetched_once_and_again_with_another_token_before_they_end(
    github: GitHubServer, left: int
) -> None:
    sts, masked = _Sts(timedelta(minutes=left)), list[str]()
    credentials = _credentials(github, sts, masked)
    assert github.calls == []
    assert credentials.get_frozen_credentials().access_key == "ASIA1"
    sts.life = timedelta(hours=1)
    assert [credentials.get_frozen_credentials().access_key for _ in range(2)] == ["ASIA2"] * 2
    assert len(github.calls) == len(sts.requests) == 2
    tokens = [each["WebIdentityToken"] for each in sts.requests]
    assert masked == [tokens[0], "SECRET-1", "SESSION-1", tokens[1], "SECRET-2", "SESSION-2"]
    assert {(each["RoleSessionName"], each["DurationSeconds"]) for each in sts.requests} == {("nightly", 1800)}


@pytest.mark.parametrize("kind", [errors.PermissionDenied, errors.Unavailable, errors.Throttled])
def test_a_refused_renewal_is_an_error_that_names_the_role(github: GitHubServer, kind: type[errors.ApiError]) -> None:
    sts = _Sts(timedelta(minutes=9))
    credentials = _credentials(github, sts, [])
    credentials.get_frozen_credentials()
    sts.refusal = kind("sts:AssumeRoleWithWebIdentity", "Refused", "no.")
    with pytest.raises(kind, match=ROLE.arn):
        credentials.get_frozen_credentials()


def test_a_run_that_is_asked_to_stop_asks_neither_github_nor_sts(github: GitHubServer) -> None:
    sts = _Sts(timedelta(hours=1))
    with pytest.raises(errors.Interrupted):
        _credentials(github, sts, [], stopped=True).get_frozen_credentials()
    assert (github.calls, sts.requests) == ([], [])
