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
ON_GITHUB = {"GITHUB_ACTIONS": "true", "NO_COLOR": "1"}
AS_APP: dict[str, Any] = {"github_token": "", "github_app_id": app.APP_ID, "github_app_private_key": app.private_key()}
ASSUME = "sts:AssumeRoleWithWebIdentity"
TOKEN_OF_AN_APP = f"POST /app/installations/{app.INSTALLATION_ID}/access_tokens"
SECRETS = (
    canaries.PAT,
    canaries.INSTALLATION,
    canaries.ID_TOKEN,
    canaries.REQUEST,
    canaries.REGISTRATION,
    "PRIVATE KEY-----",
    *(line for line in app.private_key().splitlines() if len(line) == 64),
)


def _oidc(world: World) -> dict[str, str]:
    """Give what GitHub gives a job that may ask for OIDC tokens, and no AWS keys."""
    return {**ON_GITHUB, **world.github.offered, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""}


def _shown(printed: str) -> tuple[list[str], list[str]]:
    """Separate the masks from all other lines, which must not hold a secret."""
    masks = [line for line in printed.splitlines() if line.startswith("::add-mask::")]
    lines = [line for line in printed.splitlines() if not line.startswith("::add-mask::")]
    assert [line for line in lines for secret in SECRETS if secret in line] == []
    return masks, lines


def _refused_role(world: World) -> str:
    code, printed = world.run(_oidc(world), role_to_assume=ROLE)
    assert code == 2
    assert "Traceback" not in printed
    (line,) = [line for line in _shown(printed)[1] if "error: role-to-assume: " in line]
    return line


def _sts(code: str, message: str) -> bytes:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>".encode()


@pytest.mark.shows("A64", "A75")
def test_an_app_takes_a_token_for_one_permission_and_one_repository(world: World) -> None:
    """A run that needs no token asks GitHub nothing."""
    code, printed = world.run(ON_GITHUB, **AS_APP)
    masks, lines = _shown(printed)
    assert code == 0, printed
    assert world.github.calls[:2] == ["GET /repos/octo/widgets/installation", TOKEN_OF_AN_APP]
    assert len(world.github.calls) == 5
    assert world.github.asked == [{"permissions": {"administration": "write"}, "repositories": ["widgets"]}]
    assert any(f"GitHub App: {app.APP_ID}" in line for line in lines)
    assert any("BEGIN RSA PRIVATE KEY-----%0A" in line for line in masks)
    assert any(canaries.INSTALLATION in line for line in masks)
    world.forget_calls()
    assert world.run(**AS_APP)[0] == 0
    assert world.github.calls == []


@pytest.mark.shows("A75")
def test_an_app_for_an_organization_on_ghes_with_a_role(world: World, tmp_path: Path) -> None:
    """All in one run: token, downloads and runners are the organization's, and the report says who asked."""
    environ = {
        **_oidc(world),
        "GITHUB_API_URL": f"{world.github.url}/api/v3",
        "GITHUB_SERVER_URL": "https://github.example.com",
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "RUNNER_DEBUG": "1",
    }
    code, printed = world.run(environ, role_to_assume=ROLE, runner_scope="organization", **AS_APP)
    assert code == 0, printed
    assert {call.replace("/api/v3", "") for call in world.github.calls[1:]} == {
        "GET /orgs/octo/installation",
        TOKEN_OF_AN_APP,
        "GET /orgs/octo/actions/runners/downloads",
        "GET /orgs/octo/actions/runners?page=1&per_page=100",
        "POST /orgs/octo/actions/runners/registration-token",
    }
    assert all(" /api/v3/" in call for call in world.github.calls[1:])
    assert world.github.asked == [{"permissions": {"organization_self_hosted_runners": "write"}}]
    assert "\nexport REGISTRATION_URL=https://github.example.com/octo\n" in world.user_data(world.clients())
    report = json.loads((tmp_path / "refresh-report.json").read_text())
    assert (report["runner_scope"], report["github_app_id"], report["aws_role"]) == ("organization", app.APP_ID, ROLE)
    summary = (tmp_path / "summary").read_text()
    assert f"runners of octo · GitHub App {app.APP_ID} · role " in summary
    for text in (printed, summary, json.dumps(report)):
        _shown(text)
    assert any("GitHub GET id-token" in line and "answer: 200" in line for line in printed.splitlines())


def test_a_role_is_taken_with_the_job_s_own_token_and_costs_two_calls(world: World) -> None:
    """On a first run and on one that changes nothing."""
    code, printed = world.run(_oidc(world), role_to_assume=ROLE, role_duration="30m", role_session_name="nightly")
    masks, lines = _shown(printed)
    assert code == 0, printed
    assert world.aws.calls[0] == ASSUME
    assert b"RoleSessionName=nightly" in world.aws.bodies[0]
    assert b"DurationSeconds=1800" in world.aws.bodies[0]
    assert world.github.calls[0] == "GET /id-token?api-version=2.0&audience=sts.amazonaws.com"
    assert any(f"role: {ROLE}" in line for line in lines)
    assert sum(canaries.ID_TOKEN in line for line in masks) == 1
    (taken,) = sts_backends["123456789012"]["aws"].assumed_roles
    for secret in (canaries.REQUEST, taken.secret_access_key, taken.session_token):
        assert f"::add-mask::{secret}" in masks
        assert not any(secret in line for line in lines)
    world.forget_calls()
    assert world.run(_oidc(world), role_to_assume=ROLE)[0] == 0
    assert world.aws.counted()[ASSUME] == 1
    assert len(world.aws.calls) == 14 + 1
    assert len(world.github.calls) == 1
    assert b"RoleSessionName=refresh-action-77" in world.aws.bodies[0]


@pytest.mark.shows("A51")
def test_a_role_comes_before_every_other_credential(world: World) -> None:
    """Keys that an earlier step left may be another account's."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAOTHER", "AWS_SECRET_ACCESS_KEY": "other"}
    code, printed = world.run({**_oidc(world), **keys, "AWS_PROFILE": "nobody"}, role_to_assume=ROLE)
    assert code == 0, printed
    assert world.aws.signers.isdisjoint({"AKIAOTHER", "testing"})
    assert len(world.aws.signers) == 1
    assert "AWS_ACCESS_KEY_ID is not used" in printed


def test_sts_is_asked_again_only_while_it_cannot_reach_github(world: World) -> None:
    answer = (400, _sts("InvalidIdentityToken", "Couldn't retrieve verification key from your identity provider"))
    answers = [answer]
    world.aws.before_call = lambda call: answers.pop() if call == ASSUME and answers else None
    code, printed = world.run(_oidc(world), role_to_assume=ROLE)
    assert code == 0, printed
    assert world.aws.counted()[ASSUME] == 2
    answers.extend([answer] * 9)
    assert f"Unavailable: {ASSUME}: InvalidIdentityToken" in _refused_role(world)
    assert len(answers) == 9 - 4
    answers[:] = [(403, _sts("AccessDenied", "Not authorized"))]
    line = _refused_role(world)
    # The subject of the job's token is no secret: it is what the trust policy must name.
    assert [each for each in (ROLE, "Not authorized", f"iss {ISSUER}, sub {SUBJECT}") if each not in line] == []


def test_a_cancel_while_the_role_is_taken_ends_the_run_before_aws_is_called(world: World) -> None:
    asked, ended = Event(), Event()

    def hold(_: str) -> None:
        asked.set()
        ended.wait(60)

    world.github.after_call = hold
    child = world.start(_oidc(world), role_to_assume=ROLE)
    assert asked.wait(60)
    child.send_signal(signal.SIGTERM)
    while not at_rest(str(child.pid)):  # the handler runs before the answer comes
        time.sleep(0.01)
    ended.set()
    printed, _ = child.communicate(timeout=60)
    assert child.returncode == 1
    assert f"error: refresh: stopped as asked, before {ASSUME}" in printed
    assert "Traceback" not in printed
    assert world.aws.calls == []


@pytest.mark.parametrize(
    ("failure", "code"), [((403, b"{}"), "403"), ((200, b"<html>"), "JSONDecodeError"), ((200, b"{}"), "200")]
)
def test_without_github_s_oidc_token_aws_is_not_called(world: World, failure: tuple[int, bytes], code: str) -> None:
    world.github.failure = failure
    assert f"Unavailable: GitHub GET id-token: {code}: " in _refused_role(world)
    assert world.aws.calls == []


def test_a_plan_finds_a_token_that_github_would_refuse(world: World) -> None:
    """Without a write; the other components are planned all the same."""
    world.settle()
    old: Any = records.to_wire({"token": "old", "timestamp": in_minutes(-50), "expires_at": in_minutes(10)})
    world.put_metadata(world.clients(), "gh_registration_token", old)
    world.forget_calls()
    world.github.failure = (403, b'{"message": "Resource not accessible by personal access token"}')
    code, printed = world.run(mode="plan")
    assert code == 1
    assert "Administration: write" in printed
    assert "launch template: " in printed
    assert any(call.endswith("/runners?per_page=1") for call in world.github.calls)
    assert not any(call.startswith("POST") for call in world.github.calls)
    assert world.aws.writes == []
