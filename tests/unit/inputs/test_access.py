"""The inputs that say as whom GitHub and AWS are asked: one way in, whole secrets, and none of them ever shown."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest

from refresh import inputs
from refresh.credentials import AppKey, IdTokens, Secret
from refresh.desired import Role, RunnerScope
from refresh.errors import InputErrors
from refresh.inputs import Inputs, access
from refresh.inputs.parsers import Problem
from tests.fakes import app, canaries
from tests.fakes.literals import good

KEY = app.private_key()
ROLE = "arn:aws:iam::123456789012:role/ci/runner-pool-refresh"
OFFERED = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://pipelines.example.com/token?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST,
}
AS_APP = {
    "INPUT_GITHUB-TOKEN": "",
    "INPUT_GITHUB-APP-ID": app.APP_ID,
    "INPUT_GITHUB-APP-PRIVATE-KEY": KEY,
}
LINES = KEY.splitlines()


def _problems(**changed: str) -> tuple[str, ...]:
    with pytest.raises(InputErrors) as caught:
        inputs.load(good(**changed))
    told = caught.value.problems
    assert not any(line in problem for problem in told for line in LINES)
    return told


def _load(**changed: str) -> Inputs:
    return inputs.load(good(**changed))


def test_an_app_takes_the_place_of_a_token() -> None:
    """Its id is part of the desired state, its key is not."""
    loaded = _load(**AS_APP)
    assert loaded.secrets.github == AppKey(app.APP_ID, Secret(KEY))
    assert loaded.desired.github_app_id == app.APP_ID
    assert loaded.secrets.all == (Secret(KEY),)
    assert not any(line in repr(loaded) for line in LINES)


@pytest.mark.parametrize("value", ["1", "123456", "Iv1.0123456789abcdef", "Iv23liABCDEFGHIJKLMN"])
def test_an_app_has_an_id_and_a_client_id(value: str) -> None:
    """GitHub takes both."""
    assert access.app_id(value) == value


@pytest.mark.parametrize("value", ["runner-app", "12 34", "-1", "Iv", "https://github.com/apps/x", "1" * 21])
def test_what_is_no_app_id_is_refused(value: str) -> None:
    """An App's name is what people take for it."""
    assert "github-app-id: not the id of a GitHub App" in _problems(**{**AS_APP, "INPUT_GITHUB-APP-ID": value})[0]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({}, "github-token: is required, or github-app-id with github-app-private-key in its place"),
        ({"TOKEN": "x", "APP-ID": "1"}, "github-token: given together with github-app-id; keep the token or the App"),
        (
            {"TOKEN": "x", "APP-PRIVATE-KEY": KEY},
            "github-token: given together with github-app-private-key; keep the token or the App",
        ),
        ({"TOKEN": "x", "APP-ID": "1", "APP-PRIVATE-KEY": KEY}, "github-token: given together with github-app-id"),
        ({"APP-ID": "1"}, "github-app-private-key: is missing beside github-app-id"),
        ({"APP-PRIVATE-KEY": KEY}, "github-app-id: is missing beside github-app-private-key"),
    ],
)
def test_exactly_one_of_token_and_app_is_needed(given: dict[str, str], problem: str) -> None:
    """Neither, both and a half are each told once."""
    blank = dict.fromkeys(("INPUT_GITHUB-TOKEN", "INPUT_GITHUB-APP-ID", "INPUT_GITHUB-APP-PRIVATE-KEY"), "")
    (told,) = _problems(**{**blank, **{f"INPUT_GITHUB-{name}": value for name, value in given.items()}})
    assert told.startswith(problem)


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
def test_a_key_survives_the_ways_in_which_people_store_it(value: str) -> None:
    """Line ends of Windows, in words, or none; spaces around lines; quotes; base64, as other tools want it."""
    assert access.private_key(value) == KEY


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("\n".join([*LINES[:5], *LINES[6:]]), "a private key with something missing"),
        ("\n".join([*LINES[:-2], LINES[-1]]), "a private key with something missing"),
        ("\n".join(LINES[:-1]), "not a private key in PEM"),
        ("\n".join(LINES[1:]), "not a private key in PEM"),
        ("\n".join(LINES[1:-1]), "not a private key in PEM"),
        (KEY.replace("PRIVATE", "PUBLIC"), "another kind of key than GitHub gives an App"),
        (KEY.replace("RSA PRIVATE", "EC PRIVATE"), "another kind of key than GitHub gives an App"),
        (KEY.replace("RSA PRIVATE", "ENCRYPTED PRIVATE"), "a private key that is encrypted"),
        (base64.b64encode(b"no key at all").decode(), "not a private key in PEM"),
        (base64.b64encode(KEY[:900].encode()).decode(), "not a private key in PEM"),
        ("SHA256:abc=", "the fingerprint of a private key"),
        ("runners.2026-01-01.private-key.pem", "the name of a file"),
        (f"{LINES[0]}{' ' * 90_000}?{LINES[-1]}", "not a private key in PEM"),
        (f"{LINES[0]}\n=\n{LINES[-1]}", "a private key with something missing"),
        (f"{LINES[0]}\nMAo=\n{LINES[-1]}", "a private key with something missing"),
        ("${{ secrets.KEY }}", "the secret was not expanded"),
        ("***", "the secret was not expanded"),
    ],
    # The key is another one in each process of the tests.
    ids=map(str, range(17)),
)
def test_what_is_no_whole_key_is_refused_without_showing_it(value: str, problem: str) -> None:
    """Before anything is called; a key that lost a line would fail in the middle of a run."""
    with pytest.raises(Problem) as caught:
        access.private_key(value)
    assert caught.value.problem == problem
    told = _problems(**{**AS_APP, "INPUT_GITHUB-APP-PRIVATE-KEY": value})[0]
    assert told.startswith(f"github-app-private-key: {problem}; ")
    assert "got" not in told


@pytest.mark.parametrize("name", ["TOKEN", "APP-ID", "APP-PRIVATE-KEY"])
def test_a_byte_order_mark_is_no_credential(name: str) -> None:
    """An editor leaves it in an otherwise empty secret."""
    blank = dict.fromkeys(("INPUT_GITHUB-TOKEN", "INPUT_GITHUB-APP-ID", "INPUT_GITHUB-APP-PRIVATE-KEY"), "")
    (told,) = _problems(**{**blank, f"INPUT_GITHUB-{name}": "\ufeff"})
    assert told.startswith("github-token: is required")


@pytest.mark.parametrize("indent", ["", "    "])
def test_a_script_that_holds_a_line_of_the_key_is_refused(indent: str) -> None:
    """User data can be read by everyone on the instance."""
    script = "\n".join(f"{indent}{line}" for line in ["cat <<KEY", *LINES, "KEY"])
    assert (
        "pre-runner-script: holds the github-app-private-key"
        in _problems(**AS_APP, **{"INPUT_PRE-RUNNER-SCRIPT": script})[0]
    )


def test_a_script_may_hold_the_short_end_of_a_key() -> None:
    """A few characters stand in any text."""
    assert _load(**AS_APP, **{"INPUT_PRE-RUNNER-SCRIPT": f"echo {LINES[-2][-3:]}"}).desired.pre_runner_script


@pytest.mark.parametrize(
    ("value", "scope", "url"),
    [
        ("", RunnerScope.REPOSITORY, "https://github.com/octo/widgets"),
        ("repository", RunnerScope.REPOSITORY, "https://github.com/octo/widgets"),
        ("Organization", RunnerScope.ORGANIZATION, "https://github.com/octo"),
    ],
)
def test_runners_register_for_the_repository_or_its_organization(value: str, scope: RunnerScope, url: str) -> None:
    """The pool stays the repository's either way."""
    desired = _load(**{"INPUT_RUNNER-SCOPE": value}).desired
    assert (desired.runner_scope, desired.registration_url) == (scope, url)


@pytest.mark.parametrize("value", ["org", "enterprise", "octo"])
def test_there_is_no_other_scope(value: str) -> None:
    """Enterprise runners are not for one repository's pool."""
    (told,) = _problems(**{"INPUT_RUNNER-SCOPE": value})
    assert told.startswith(f"runner-scope: repository or organization expected; got '{value}'; write repository, or ")


def test_a_role_is_taken_for_an_hour_under_the_run_s_name() -> None:
    """Unless it is said otherwise."""
    loaded = _load(**OFFERED, **{"INPUT_ROLE-TO-ASSUME": ROLE, "GITHUB_RUN_ID": "77"})
    assert loaded.desired.role == Role(arn=ROLE, session_name="refresh-action-77", duration=timedelta(hours=1))
    assert loaded.secrets.id_tokens == IdTokens(OFFERED["ACTIONS_ID_TOKEN_REQUEST_URL"], Secret(canaries.REQUEST))
    assert canaries.REQUEST not in repr(loaded)
    assert Secret(canaries.REQUEST) in loaded.secrets.all
    given = {"INPUT_ROLE-SESSION-NAME": "nightly@ci", "INPUT_ROLE-DURATION": "20m", "INPUT_ROLE-TO-ASSUME": ROLE}
    assert _load(**OFFERED, **given).desired.role == Role(
        arn=ROLE, session_name="nightly@ci", duration=timedelta(minutes=20)
    )


@pytest.mark.parametrize("run", ["", "\u0663", "1 2"])
def test_a_session_has_a_name_without_a_run_too(run: str) -> None:
    """What AWS would not take is left out."""
    loaded = _load(**OFFERED, **{"INPUT_ROLE-TO-ASSUME": ROLE, "GITHUB_RUN_ID": run})
    assert loaded.desired.role
    assert loaded.desired.role.session_name == "refresh-action"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("role-to-assume", "runner-pool-refresh", "not the ARN of a role"),
        ("role-to-assume", "arn:aws:iam::123456789012:user/me", "not the ARN of a role"),
        ("role-to-assume", "arn:aws:sts::123456789012:assumed-role/a/b", "not the ARN of a role"),
        ("role-session-name", "a b", "not a session name"),
        ("role-session-name", "x" * 65, "not a session name"),
        ("role-duration", "15m", "a duration of 20m to 12h expected"),
        ("role-duration", "13h", "a duration of 20m to 12h expected"),
        ("role-duration", "3600", "a duration of 20m to 12h expected"),
    ],
)
def test_a_role_that_aws_would_refuse_is_bad_input(name: str, value: str, problem: str) -> None:
    """Before anything is called."""
    (told,) = _problems(**{**OFFERED, "INPUT_ROLE-TO-ASSUME": ROLE, f"INPUT_{name.upper()}": value})
    assert told.startswith(f"{name}: {problem}; got '")


@pytest.mark.parametrize("absent", ["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"])
def test_a_job_that_may_not_ask_for_oidc_tokens_is_told_which_permission_is_missing(absent: str) -> None:
    """GitHub leaves the variables out without it."""
    (told,) = _problems(**{**OFFERED, absent: "", "INPUT_ROLE-TO-ASSUME": ROLE})
    assert "give the job `permissions: id-token: write`" in told


@pytest.mark.shows("A44")
def test_the_job_s_token_travels_over_https_only() -> None:
    """Except to this machine."""
    given = {**OFFERED, "INPUT_ROLE-TO-ASSUME": ROLE}
    (told,) = _problems(**{**given, "ACTIONS_ID_TOKEN_REQUEST_URL": "http://elsewhere/token"})
    assert told.startswith("ACTIONS_ID_TOKEN_REQUEST_URL: an https:// address expected")
    assert _load(**{**given, "ACTIONS_ID_TOKEN_REQUEST_URL": "http://127.0.0.1:1/t?a=b"}).secrets.id_tokens


def test_without_a_role_its_settings_are_mentioned_and_ignored() -> None:
    """And nothing is asked of GitHub's OIDC, which may not be there."""
    loaded = _load(**{"INPUT_ROLE-SESSION-NAME": "nightly", "INPUT_ROLE-DURATION": "30m"})
    assert loaded.warnings == (
        "role-session-name: is ignored without role-to-assume.",
        "role-duration: is ignored without role-to-assume.",
    )
    assert (loaded.desired.role, loaded.secrets.id_tokens) == (None, None)


def test_keys_beside_a_role_are_mentioned() -> None:
    """They are somebody else's, left by an earlier step."""
    keys = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    loaded = _load(**OFFERED, **keys, **{"INPUT_ROLE-TO-ASSUME": ROLE})
    assert loaded.notices == ("role-to-assume: is taken with GitHub's OIDC token; AWS_ACCESS_KEY_ID is not used.",)


def test_half_a_pair_of_keys_beside_a_role_does_not_matter() -> None:
    """It is not used, so it cannot be wrong."""
    assert _load(**OFFERED, AWS_ACCESS_KEY_ID="a", **{"INPUT_ROLE-TO-ASSUME": ROLE}).desired.role


def test_what_differs_from_the_default_is_told_to_people() -> None:
    """In the log's first line and in the summary's second."""
    assert _load().desired.access == {}
    given = {**OFFERED, **AS_APP, "INPUT_ROLE-TO-ASSUME": ROLE, "INPUT_RUNNER-SCOPE": "organization"}
    assert _load(**given).desired.access == {"runners of": "octo", "GitHub App": app.APP_ID, "role": ROLE}
