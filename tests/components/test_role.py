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
    """Gives credentials that last so long; `requests` lists what it was asked for."""

    def __init__(self, life: timedelta) -> None:
        self.life = life
        self.requests: list[dict[str, Any]] = []
        self.refusal: Exception | None = None
        self.meta = SimpleNamespace(events=SimpleNamespace(register_first=lambda *_: None))

    def assume_role_with_web_identity(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        if self.refusal:
            raise self.refusal
        number = len(self.requests)
        return {
            "Credentials": {
                "AccessKeyId": f"ASIA{number}",
                "SecretAccessKey": f"SECRET-{number}",
                "SessionToken": f"SESSION-{number}",
                "Expiration": datetime.now(UTC) + self.life,
            },
            "AssumedRoleUser": {"Arn": "arn:aws:sts::123456789012:assumed-role/x/nightly"},
        }


def _credentials(github: GitHubServer, sts: _Sts, masked: list[str], *, stopped: bool = False) -> Credentials:
    id_tokens = IdTokens(f"{github.url}/id-token?api-version=2.0", Secret(canaries.REQUEST))
    hooks = evolve(HOOKS, mask=masked.append, stopped=lambda: stopped)
    client: Any = sts
    return role.credentials(ROLE, id_tokens, hooks, lambda *_, **__: client)


def test_credentials_that_last_are_fetched_once(github: GitHubServer) -> None:
    """However many calls they sign; every secret among them is masked as it arrives."""
    sts, masked = _Sts(timedelta(hours=1)), list[str]()
    credentials = _credentials(github, sts, masked)
    assert github.calls == []
    for _ in range(3):
        assert credentials.get_frozen_credentials().access_key == "ASIA1"
    assert [(each["RoleSessionName"], each["DurationSeconds"]) for each in sts.requests] == [("nightly", 1800)]
    assert sts.requests[0]["WebIdentityToken"].endswith(canaries.ID_TOKEN)
    assert masked == [sts.requests[0]["WebIdentityToken"], "SECRET-1", "SESSION-1"]


@pytest.mark.parametrize("left", [14, 9])
def test_credentials_that_are_about_to_end_are_fetched_anew_with_another_token(github: GitHubServer, left: int) -> None:
    """GitHub's token lives for minutes, so the first one would not do."""
    sts, masked = _Sts(timedelta(minutes=left)), list[str]()
    credentials = _credentials(github, sts, masked)
    credentials.get_frozen_credentials()
    sts.life = timedelta(hours=1)
    assert credentials.get_frozen_credentials().access_key == "ASIA2"
    assert credentials.get_frozen_credentials().access_key == "ASIA2"
    assert len(github.calls) == len(sts.requests) == 2
    assert masked[-2:] == ["SECRET-2", "SESSION-2"]


@pytest.mark.parametrize("kind", [errors.PermissionDenied, errors.Unavailable, errors.Throttled])
def test_a_renewal_that_is_refused_in_the_middle_of_a_run_is_one_of_our_errors(
    github: GitHubServer, kind: type[errors.ApiError]
) -> None:
    """Each component tells it, and what the role is."""
    sts = _Sts(timedelta(minutes=9))
    credentials = _credentials(github, sts, [])
    credentials.get_frozen_credentials()
    sts.refusal = kind("sts:AssumeRoleWithWebIdentity", "Refused", "no.")
    with pytest.raises(kind, match=ROLE.arn):
        credentials.get_frozen_credentials()


def test_nothing_is_asked_once_the_run_was_asked_to_end(github: GitHubServer) -> None:
    """Neither GitHub nor STS."""
    sts = _Sts(timedelta(hours=1))
    with pytest.raises(errors.Interrupted):
        _credentials(github, sts, [], stopped=True).get_frozen_credentials()
    assert (github.calls, sts.requests) == ([], [])
