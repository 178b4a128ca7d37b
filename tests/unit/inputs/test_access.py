"""The inputs for access to GitHub and AWS: one way in, whole secrets, and none of them ever shown."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from refresh.credentials import AppKey, IdTokens, Secret
from refresh.desired import Role, RunnerScope
from refresh.inputs import access
from tests.fakes import app, canaries
from tests.unit.inputs.bad_inputs import environ, load, problems

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.inputs import Inputs

KEY = app.private_key()
LINES = KEY.splitlines()
ROLE = "arn:aws:iam::123456789012:role/ci/runner-pool-refresh"
URL, REQUEST = "ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"
AS_ROLE = {
    "role-to-assume": ROLE,
    URL: "https://pipelines.example.com/token?api-version=2.0",
    REQUEST: canaries.REQUEST,
}
AS_APP = {"github-token": "", "github-app-id": app.APP_ID, "github-app-private-key": KEY}
NO_ACCESS = dict.fromkeys(AS_APP, "")


def _load(*given: Mapping[str, str]) -> Inputs:
    return inputs.load(environ({name: value for each in given for name, value in each.items()}))


def _problem(*given: Mapping[str, str]) -> str:
    (problem,) = problems(environ({name: value for each in given for name, value in each.items()}))
    assert not any(line in problem for line in LINES)
    return problem


def test_app_takes_the_place_of_a_token() -> None:
    """Its id is part of the desired state, its key is not."""
    loaded = _load(AS_APP)
    assert loaded.secrets.github == AppKey(app.APP_ID, Secret(KEY))
    assert loaded.secrets.all == (Secret(KEY),)
    assert loaded.desired.github_app_id == app.APP_ID
    assert not any(line in repr(loaded) for line in LINES)


@pytest.mark.parametrize("value", ["1", "123456", "Iv1.0123456789abcdef", "Iv23liABCDEFGHIJKLMN"])
def test_app_is_named_by_its_id_or_client_id(value: str) -> None:
    assert access.app_id(value) == value
    for other in (f"x{value}", f"{value} 1", f"-{value}", "Iv", "https://github.com/apps/x", "1" * 21):
        assert _problem(AS_APP, {"github-app-id": other}).startswith("github-app-id: ")


@pytest.mark.parametrize(
    ("given", "name", "key"),
    [
        ({}, "github-token", "github-app-id"),
        ({"github-token": "\ufeff"}, "github-token", "github-app-id"),
        ({"github-app-id": "\ufeff"}, "github-token", "github-app-id"),
        ({"github-token": "x", "github-app-id": "1"}, "github-token", "github-app-id"),
        ({"github-token": "x", "github-app-private-key": KEY}, "github-token", "github-app-private-key"),
        ({**AS_APP, "github-token": "x"}, "github-token", "github-app-id"),
        ({"github-app-id": "1"}, "github-app-private-key", "github-app-id"),
        ({"github-app-private-key": KEY}, "github-app-id", "github-app-private-key"),
    ],
    ids=["none", "mark", "mark as id", "token and id", "token and key", "all", "no key", "no id"],
)
def test_exactly_one_of_token_and_app_must_be_given(given: dict[str, str], name: str, key: str) -> None:
    problem = _problem(NO_ACCESS, given)
    assert problem.startswith(f"{name}: ")
    assert key in problem


@pytest.mark.parametrize(
    "value",
    [
        KEY,
        KEY.strip(),
        KEY.replace("\n", "\r\n"),
        KEY.strip().replace("\n", "\\n"),
        "\n".join(f"  {line}  " for line in LINES),
        " ".join(LINES),
        "".join(LINES),
        f'"{KEY.strip()}"'.replace("\n", "\\n"),
        KEY.strip().replace("\n", "\\r\\n"),
        base64.b64encode(KEY.encode()).decode(),
        base64.encodebytes(KEY.encode()).decode(),
    ],
    ids=[
        *("as it is", "without its end", "of Windows", "in words", "indented", "in one line", "in one word", "quoted"),
        *("in words of Windows", "base64", "base64 in lines"),
    ],
)
def test_key_survives_the_ways_in_which_people_store_it(value: str) -> None:
    assert access.private_key(value) == KEY


def _pem(content: bytes) -> str:
    return f"{LINES[0]}\n{base64.b64encode(content).decode()}\n{LINES[-1]}"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("\n".join([*LINES[:5], *LINES[6:]]), "incomplete"),
        ("\n".join([*LINES[:-2], LINES[-1]]), "incomplete"),
        ("\n".join([LINES[0], f"={LINES[1]}", *LINES[2:]]), "incomplete"),
        (f"{LINES[0]}\n=\n{LINES[-1]}", "incomplete"),
        *((_pem(content), "incomplete") for content in (b"\x30\x82\0\0", b"\x31\x82\0\1x", b"\x31\x81\0\1x")),
        *((_pem(content), "incomplete") for content in (b"\x30\x81\0\1x", b"\x30\x82\0\1", b"\x30\x82\0\1xx")),
        ("\n".join(LINES[:-1]), "PEM"),
        ("\n".join(LINES[1:]), "PEM"),
        (KEY.replace("PRIVATE", "PUBLIC"), "kind of key"),
        (KEY.replace("RSA PRIVATE", "EC PRIVATE"), "kind of key"),
        (KEY.replace("RSA PRIVATE", "ENCRYPTED PRIVATE"), "passphrase"),
        (base64.b64encode(b"no key at all").decode(), "PEM"),
        (base64.b64encode(KEY[:900].encode()).decode(), "PEM"),
        ("SHA256:abc=", "fingerprint"),
        ("runners.2026-01-01.private-key.pem", "file"),
        (f"{LINES[0]}{' ' * 90_000}?{LINES[-1]}", "PEM"),
        ("${{ secrets.KEY }}", "expanded"),
        ("***", "expanded"),
    ],
    # The key is another one in each process of the tests.
    ids=map(str, range(22)),
)
def test_incomplete_and_other_keys_are_refused_without_being_shown(value: str, key: str) -> None:
    """A key that lost a line would otherwise fail in the middle of a run."""
    problem = _problem(AS_APP, {"github-app-private-key": value})
    assert problem.startswith("github-app-private-key: ")
    assert key in problem
    assert "got" not in problem


@pytest.mark.parametrize(
    ("value", "scope", "url"),
    [
        ("", RunnerScope.REPOSITORY, "https://github.com/octo/widgets"),
        ("repository", RunnerScope.REPOSITORY, "https://github.com/octo/widgets"),
        ("Organization", RunnerScope.ORGANIZATION, "https://github.com/octo"),
    ],
)
def test_runners_register_for_the_repository_or_its_organization(value: str, scope: RunnerScope, url: str) -> None:
    desired = load(runner_scope=value).desired
    assert (desired.runner_scope, desired.registration_url) == (scope, url)


def test_role_is_assumed_for_an_hour_under_the_run_s_name_by_default() -> None:
    loaded = _load(AS_ROLE, {"GITHUB_RUN_ID": "77"})
    assert loaded.desired.role == Role(arn=ROLE, session_name="refresh-action-77", duration=timedelta(hours=1))
    assert loaded.secrets.id_tokens == IdTokens(AS_ROLE[URL], Secret(canaries.REQUEST))
    assert Secret(canaries.REQUEST) in loaded.secrets.all
    assert canaries.REQUEST not in repr(loaded)
    given = {"role-session-name": "nightly@ci", "role-duration": "20m"}
    assert _load(AS_ROLE, given).desired.role == Role(
        arn=ROLE, session_name="nightly@ci", duration=timedelta(minutes=20)
    )
    for run in ("", "\u0663", "1 2"):
        role = _load(AS_ROLE, {"GITHUB_RUN_ID": run}).desired.role
        assert role
        assert role.session_name == "refresh-action"


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ({"role-to-assume": "runner-pool-refresh"}, "ARN"),
        ({"role-to-assume": "arn:aws:iam::123456789012:user/me"}, "ARN"),
        ({"role-to-assume": "arn:aws:sts::123456789012:assumed-role/a/b"}, "ARN"),
        ({"role-session-name": "a b"}, "2 to 64"),
        ({"role-session-name": "x" * 65}, "2 to 64"),
        ({"role-duration": "15m"}, "20m to 12h"),
        ({"role-duration": "13h"}, "20m to 12h"),
        ({"role-duration": "3600"}, "20m to 12h"),
    ],
)
def test_role_that_aws_would_refuse_is_bad_input(given: dict[str, str], key: str) -> None:
    problem = _problem(AS_ROLE, given)
    assert problem.startswith(f"{next(iter(given))}: ")
    assert key in problem


@pytest.mark.parametrize("absent", [URL, REQUEST])
def test_a_job_without_oidc_tokens_gets_an_error_with_the_missing_permission(absent: str) -> None:
    assert "id-token: write" in _problem(AS_ROLE, {absent: ""})


@pytest.mark.shows("A44")
def test_token_of_the_job_travels_over_https_alone() -> None:
    for allowed in ("", "yes"):
        problem = _problem(AS_ROLE, {URL: "http://elsewhere/token", "REFRESH_ALLOW_HTTP": allowed})
        assert problem.startswith(f"{URL}: ")
    assert _load(AS_ROLE, {URL: "http://elsewhere/token", "REFRESH_ALLOW_HTTP": "true"}).secrets.id_tokens
    assert _load(AS_ROLE, {URL: "http://127.0.0.1:1/t?a=b"}).secrets.id_tokens


def test_settings_of_a_role_are_ignored_without_one() -> None:
    loaded = load(role_session_name="nightly", role_duration="30m")
    assert [each.partition(":")[0] for each in loaded.warnings] == ["role-session-name", "role-duration"]
    assert (loaded.desired.role, loaded.secrets.id_tokens) == (None, None)


def test_keys_next_to_a_role_are_mentioned_and_may_be_half_a_pair() -> None:
    for given in ({"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}, {"AWS_ACCESS_KEY_ID": "a"}):
        (notice,) = _load(AS_ROLE, given).notices
        assert "AWS_ACCESS_KEY_ID" in notice


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", ()),
        ("123456789012", ("123456789012",)),
        ("012345678901, 123456789012\n012345678901", ("012345678901", "123456789012")),
    ],
)
def test_accounts_are_listed_as_other_ids_are(value: str, expected: tuple[str, ...]) -> None:
    assert load(allowed_account_ids=value).desired.allowed_account_ids == expected


@pytest.mark.parametrize(
    ("value", "key"),
    [
        ("12345678901", "'12345678901'"),
        ("123456789012 1234567890123", "'1234567890123'"),
        ("1234-5678-9012", "'1234-5678-9012'"),
        ("production", "'production'"),
        ("١٢٣٤٥٦٧٨٩٠١٢", "'١٢٣٤٥٦٧٨٩٠١٢'"),
        (",", "nothing"),
    ],
)
def test_other_accounts_are_refused(value: str, key: str) -> None:
    """YAML drops the first 0 of a number that is not in quotes."""
    problem = _problem({"allowed-account-ids": value})
    assert problem.startswith(f"allowed-account-ids: {key} ")
    assert "12 digits" in problem


def test_role_of_an_account_that_is_not_allowed_is_refused() -> None:
    problem = _problem(AS_ROLE, {"allowed-account-ids": "999999999999"})
    assert problem.startswith("role-to-assume: ")
    assert "123456789012" in problem
    assert _load(AS_ROLE, {"allowed-account-ids": "999999999999 123456789012"}).desired.role
