"""The entrypoint as other users and organizations start it: as an App, for an organization, on GHES, with a role."""

from __future__ import annotations

import json
import signal
import time
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest
from moto.sts.models import sts_backends

from refresh.pool import records
from tests.fakes import app, canaries
from tests.fakes.github_server import ISSUER, SUBJECT
from tests.fakes.world import in_minutes
from tools.bench.proxy import at_rest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World

ROLE = "arn:aws:iam::123456789012:role/runner-pool-refresh"
WITHOUT_KEYS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}
SECRETS = (
    canaries.PAT,
    canaries.INSTALLATION,
    canaries.ID_TOKEN,
    canaries.REQUEST,
    canaries.REGISTRATION,
    "PRIVATE KEY-----",
)


def _oidc(world: World) -> dict[str, str]:
    """Give what GitHub gives a job that may ask for OIDC tokens."""
    return {
        **WITHOUT_KEYS,
        **world.github.offered,
        "GITHUB_ACTIONS": "true",
        "NO_COLOR": "1",
    }


def _as_app() -> dict[str, Any]:
    return {"github_token": "", "github_app_id": app.APP_ID, "github_app_private_key": app.private_key()}


def _shown(printed: str) -> list[str]:
    """Give the lines but for the masks, in which nothing secret may stand."""
    lines = [line for line in printed.splitlines() if not line.startswith("::add-mask::")]
    key = [line for line in app.private_key().splitlines() if len(line) == 64]
    leaked = [line for line in lines for secret in (*SECRETS, *key) if secret in line]
    assert leaked == []
    return lines


def _user_data_line(world: World, name: str) -> str:
    content = world.user_data(world.clients())
    return next(line for line in content.splitlines() if line.startswith(f"readonly {name}="))


@pytest.mark.shows("A64")
def test_an_app_finds_its_installation_and_takes_no_more_than_it_needs(world: World) -> None:
    """Its token may administer this one repository, and a run that needs no token asks GitHub nothing."""
    code, printed = world.run({"GITHUB_ACTIONS": "true"}, **_as_app())
    lines = _shown(printed)
    assert code == 0, printed
    assert world.github.calls[:2] == [
        "GET /repos/octo/widgets/installation",
        f"POST /app/installations/{app.INSTALLATION_ID}/access_tokens",
    ]
    assert len(world.github.calls) == 5
    assert world.github.asked == [{"permissions": {"administration": "write"}, "repositories": ["widgets"]}]
    assert any(f"GitHub App: {app.APP_ID}" in line for line in lines)
    masked = [line for line in printed.splitlines() if line.startswith("::add-mask::")]
    assert any("BEGIN RSA PRIVATE KEY-----%0A" in line for line in masked)
    assert any(canaries.INSTALLATION in line for line in masked)
    world.forget_calls()
    assert world.run(**_as_app())[0] == 0
    assert world.github.calls == []


def test_an_organization_s_runners_register_for_the_organization(world: World) -> None:
    """Token, downloads and the list of runners are the organization's; the agent registers there."""
    code, printed = world.run(runner_scope="organization", **_as_app())
    assert code == 0, printed
    assert world.github.calls[:2] == [
        "GET /orgs/octo/installation",
        f"POST /app/installations/{app.INSTALLATION_ID}/access_tokens",
    ]
    assert set(world.github.calls[2:]) == {
        "GET /orgs/octo/actions/runners/downloads",
        "GET /orgs/octo/actions/runners?page=1&per_page=100",
        "POST /orgs/octo/actions/runners/registration-token",
    }
    assert world.github.asked == [{"permissions": {"organization_self_hosted_runners": "write"}}]
    assert _user_data_line(world, "REGISTRATION_URL") == "readonly REGISTRATION_URL=https://github.com/octo"
    assert any("runners of: octo" in line for line in _shown(printed))


def test_on_ghes_the_api_and_the_server_are_its_own(world: World) -> None:
    """GITHUB_API_URL has a path there; runners register at GITHUB_SERVER_URL."""
    server = "https://github.example.com"
    environ = {"GITHUB_API_URL": f"{world.github.url}/api/v3", "GITHUB_SERVER_URL": server}
    code, printed = world.run(environ, **_as_app())
    assert code == 0, printed
    assert [call.split()[1][:8] for call in world.github.calls] == ["/api/v3/"] * 5
    assert _user_data_line(world, "REGISTRATION_URL") == f"readonly REGISTRATION_URL={server}/octo/widgets"


def test_a_role_is_taken_with_the_job_s_own_token_and_nothing_else(world: World) -> None:
    """One call to GitHub and one to STS more, on a first run and on a no-op; no keys are needed."""
    code, printed = world.run(_oidc(world), role_to_assume=ROLE, role_duration="30m", role_session_name="nightly")
    lines = _shown(printed)
    assert code == 0, printed
    assert world.aws.calls[0] == "sts:AssumeRoleWithWebIdentity"
    assert b"RoleSessionName=nightly" in world.aws.bodies[0]
    assert b"DurationSeconds=1800" in world.aws.bodies[0]
    assert world.github.calls[0] == "GET /id-token?api-version=2.0&audience=sts.amazonaws.com"
    assert any(f"role: {ROLE}" in line for line in lines)
    masked = [line for line in printed.splitlines() if line.startswith("::add-mask::")]
    assert sum(canaries.ID_TOKEN in line for line in masked) == 1
    assert f"::add-mask::{canaries.REQUEST}" in masked
    (taken,) = sts_backends["123456789012"]["aws"].assumed_roles
    for secret in (taken.secret_access_key, taken.session_token):
        assert f"::add-mask::{secret}" in masked
        assert not any(secret in line for line in lines)
    world.forget_calls()
    assert world.run(_oidc(world), role_to_assume=ROLE)[0] == 0
    assert world.aws.counted()["sts:AssumeRoleWithWebIdentity"] == 1
    assert len(world.aws.calls) == 13 + 1
    assert len(world.github.calls) == 1
    assert b"RoleSessionName=refresh-action-77" in world.aws.bodies[0]


@pytest.mark.shows("A51")
def test_a_role_comes_before_every_other_credential(world: World) -> None:
    """Keys that an earlier step left would be somebody else's."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "other"}
    code, printed = world.run({**_oidc(world), **keys, "AWS_PROFILE": "nobody"}, role_to_assume=ROLE)
    assert code == 0, printed
    assert world.aws.signers.isdisjoint({"AKIAOTHER", "testing"})
    assert len(world.aws.signers) == 1
    assert "AWS_ACCESS_KEY_ID is not used" in printed


@pytest.mark.parametrize(
    ("status", "code", "message", "told"),
    [
        (
            403,
            "AccessDenied",
            "Not authorized to perform sts:AssumeRoleWithWebIdentity",
            f"whose token says iss {ISSUER}, sub {SUBJECT} and aud sts.amazonaws.com",
        ),
        (
            400,
            "InvalidIdentityToken",
            "No OpenIDConnect provider found in your account",
            "create the identity provider https://token.actions.githubusercontent.com",
        ),
        (
            400,
            "ValidationError",
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            "lower role-duration",
        ),
        (400, "ExpiredTokenException", "Token expired", "with OIDC"),
    ],
)
def test_a_role_that_cannot_be_taken_is_told_with_what_to_do(
    world: World, status: int, code: str, message: str, told: str
) -> None:
    """Nothing but STS is called, and the subject of the job's token is shown: it is what the trust policy must name."""
    body = f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
    world.aws.before_call = lambda operation: (status, body.encode()) if operation.startswith("sts:") else None
    result, printed = world.run(_oidc(world), role_to_assume=ROLE)
    assert result == 2
    (line,) = [line for line in _shown(printed) if "error: role-to-assume: " in line]
    assert ROLE in line
    assert told in line
    assert message in line
    assert set(world.aws.calls) == {"sts:AssumeRoleWithWebIdentity"}
    assert "Traceback" not in printed


def test_a_passing_refusal_of_sts_is_asked_again(world: World) -> None:
    """STS could not fetch GitHub's keys; a run every ten minutes must not fail for it, nor tell of a provider."""
    message = "Couldn't retrieve verification key from your identity provider"
    body = (
        f"<ErrorResponse><Error><Code>InvalidIdentityToken</Code><Message>{message}</Message></Error></ErrorResponse>"
    )
    answers = [(400, body.encode())]
    world.aws.before_call = lambda call: answers.pop() if call.startswith("sts:") and answers else None
    code, printed = world.run(_oidc(world), role_to_assume=ROLE)
    assert code == 0, printed
    assert world.aws.counted()["sts:AssumeRoleWithWebIdentity"] == 2
    answers.extend([(400, body.encode())] * 9)
    code, printed = world.run(_oidc(world), role_to_assume=ROLE)
    assert code == 2
    (line,) = [line for line in _shown(printed) if "error: role-to-assume: " in line]
    assert "Unavailable: sts:AssumeRoleWithWebIdentity: InvalidIdentityToken" in line
    assert "Nothing is lost: the next run continues." in line
    assert len(answers) == 9 - 4


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancel_while_the_role_is_taken_ends_with_a_word(world: World, signal_number: int) -> None:
    """Nothing has been done yet; there is no traceback, and AWS is not called."""
    asked, ended = Event(), Event()

    def hold(_: str) -> None:
        asked.set()
        ended.wait(60)

    world.github.after_call = hold
    child = world.start(_oidc(world), role_to_assume=ROLE)
    assert asked.wait(60)
    child.send_signal(signal_number)
    while not at_rest(str(child.pid)):  # the handler runs before the answer comes
        time.sleep(0.01)
    ended.set()
    printed, _ = child.communicate(timeout=60)
    assert child.returncode == 1
    assert "error: refresh: stopped as asked, before sts:AssumeRoleWithWebIdentity was sent." in printed
    assert "Traceback" not in printed
    assert world.aws.calls == []


@pytest.mark.parametrize(
    ("failure", "told"), [((403, b"{}"), "403"), ((200, b"<html>"), "JSONDecodeError"), ((200, b"{}"), "200")]
)
def test_a_github_that_gives_no_token_ends_the_run_before_aws_is_called(
    world: World, failure: tuple[int, bytes], told: str
) -> None:
    """It is told as what it is."""
    world.github.failure = failure
    code, printed = world.run(_oidc(world), role_to_assume=ROLE)
    assert code == 2
    (line,) = [line for line in _shown(printed) if "error: role-to-assume: " in line]
    assert f"Unavailable: GitHub GET id-token: {told}: GitHub gave no OIDC token." in line
    assert world.aws.calls == []


def test_everything_at_once_and_the_report_says_so(world: World, tmp_path: Path) -> None:
    """An App, an organization, GHES and a role in one run, without any other step before it."""
    environ = {
        **_oidc(world),
        "GITHUB_API_URL": f"{world.github.url}/api/v3",
        "GITHUB_SERVER_URL": "https://github.example.com",
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "RUNNER_DEBUG": "1",
    }
    code, printed = world.run(environ, role_to_assume=ROLE, runner_scope="organization", **_as_app())
    assert code == 0, printed
    report = json.loads((tmp_path / "refresh-report.json").read_text())
    assert (report["runner_scope"], report["github_app_id"], report["aws_role"]) == ("organization", app.APP_ID, ROLE)
    summary = (tmp_path / "summary").read_text()
    assert f"runners of octo · GitHub App {app.APP_ID} · role " in summary
    _shown(printed)
    _shown(summary)
    _shown(json.dumps(report))
    assert any("GitHub GET id-token" in line and "answer: 200" in line for line in printed.splitlines())


def test_a_changed_scope_replaces_the_token_and_the_template_and_says_why(world: World) -> None:
    """The stored token is good for an hour, but not for the organization's runners."""
    world.refresh()
    clients = world.clients()
    stored: Any = world.metadata(clients, "gh_registration_token")
    assert set(stored["M"]) == {"token", "timestamp", "expires_at"}
    code, printed = world.run(runner_scope="organization", mode="plan")
    assert code == 0, printed
    assert "replace registration token (it registers runners of the repository, not of the org" in printed
    assert "-readonly REGISTRATION_URL=https://github.com/octo/widgets" in printed
    assert "+readonly REGISTRATION_URL=https://github.com/octo" in printed
    assert world.run(runner_scope="organization")[0] == 0
    stored = world.metadata(clients, "gh_registration_token")["M"]
    assert stored["scope"] == {"S": "organization"}
    world.settle(runner_scope="organization")
    world.settle()
    assert set(world.metadata(clients, "gh_registration_token")["M"]) == {"token", "timestamp", "expires_at"}


@pytest.mark.parametrize("scope", ["repository", "organization"])
def test_a_plan_tells_that_github_would_refuse_the_token(world: World, scope: str) -> None:
    """It is found before a run needs it, without a write; the other components are planned all the same."""
    world.settle()
    clients = world.clients()
    old = records.to_wire({"token": "old", "timestamp": in_minutes(-50), "expires_at": in_minutes(10)})
    world.put_metadata(clients, "gh_registration_token", old)
    world.forget_calls()
    world.github.failure = (403, b'{"message": "Resource not accessible by personal access token"}')
    code, printed = world.run(mode="plan", runner_scope=scope)
    assert code == 1
    permission = {
        "repository": "repository permission Administration: write, or a classic one with the scope repo;",
        "organization": "organization permission Self-hosted runners: write, or a classic one with the scope admin:org",
    }[scope]
    assert permission in printed
    assert "launch template: " in printed
    assert not any(call.startswith("POST") for call in world.github.calls)
    assert world.aws.writes == []
