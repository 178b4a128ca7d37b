"""Who asks GitHub: what each kind of credentials is refused for, and the remedy that fits it."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.clients.github import GitHub
from refresh.credentials import AppKey, Secret
from refresh.desired import RunnerScope
from tests.fakes import app, canaries
from tests.fakes.desired import desired
from tests.fakes.world import HOOKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.github_server import GitHubServer

APP = AppKey(app.APP_ID, Secret(app.private_key()))
TOKEN = Secret(canaries.PAT)
REPOSITORY, ORGANIZATION = RunnerScope.REPOSITORY, RunnerScope.ORGANIZATION
PERMISSIONS = {
    REPOSITORY: "repository permission Administration: write",
    ORGANIZATION: "organization permission Self-hosted runners: write",
}


def _github(
    server: GitHubServer,
    access: Secret | AppKey = APP,
    scope: RunnerScope = REPOSITORY,
    mask: Callable[[str], None] = lambda _: None,
) -> GitHub:
    wanted = desired(github_api_url=server.url, runner_scope=scope)
    return GitHub(wanted, access, evolve(HOOKS, mask=mask))


def _refusal(
    server: GitHubServer,
    kind: type[errors.ApiError],
    access: Secret | AppKey = APP,
    scope: RunnerScope = REPOSITORY,
) -> str:
    with pytest.raises(kind) as caught:
        _github(server, access, scope).create_registration_token()
    assert type(caught.value) is kind
    text = str(caught.value)
    secrets = (canaries.PAT, canaries.INSTALLATION, *app.private_key().splitlines())
    assert [each for each in secrets if each in text] == []
    return text


def test_an_installation_token_is_masked_and_issued_once(github: GitHubServer) -> None:
    masked: list[str] = []
    api = _github(github, mask=masked.append)
    api.runner_downloads()
    assert masked[0] == f"ghs_{canaries.INSTALLATION}1"
    api.create_registration_token()
    assert len(github.asked) == 1


@pytest.mark.parametrize("without_end", [False, True])
def test_an_installation_token_that_ends_within_a_minute_is_renewed(github: GitHubServer, *, without_end: bool) -> None:
    """So is one of which GitHub does not say when it ends."""
    github.token_life = timedelta(seconds=50)
    if without_end:
        github.answers["access_tokens"] = {"token": f"ghs_{canaries.INSTALLATION}"}
    api = _github(github)
    api.runner_downloads()
    api.runner_downloads()
    assert sum(call.endswith("access_tokens") for call in github.calls) == 2


@pytest.mark.parametrize(("scope", "owner"), [(REPOSITORY, "octo/widgets"), (ORGANIZATION, "octo")])
def test_an_app_is_refused_with_what_its_installation_lacks(
    github: GitHubServer, scope: RunnerScope, owner: str
) -> None:
    github.installed = False
    assert f"Install the App on {owner}" in _refusal(github, errors.NotFound, scope=scope)
    github.installed = True
    github.permissions = {}
    assert f"Give the App the {PERMISSIONS[scope]}" in _refusal(github, errors.PermissionDenied, scope=scope)


def test_an_app_with_the_key_of_another_one_is_refused(github: GitHubServer) -> None:
    text = _refusal(github, errors.CredentialsExpired, AppKey("999", APP.private_key))
    assert "github-app-id" in text
    assert "github-app-private-key" in text


def test_a_key_that_cannot_sign_is_refused_before_github_is_asked(github: GitHubServer) -> None:
    body = "MIIBAA" + "A" * 58
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    text = _refusal(github, errors.Rejected, AppKey(app.APP_ID, Secret(pem)))
    assert "github-app-private-key" in text
    assert body not in text
    assert github.calls == []


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("installation", []),
        ("installation", {"id": "7"}),
        ("access_tokens", {}),
        ("access_tokens", {"token": 7}),
        ("access_tokens", {"token": " "}),
        ("access_tokens", {"token": "a\nb"}),
    ],
)
def test_an_answer_that_is_no_installation_or_token_is_refused(github: GitHubServer, path: str, answer: Any) -> None:
    """A proxy may have answered."""
    github.answers[path] = answer
    assert path in _refusal(github, errors.Unavailable)


@pytest.mark.shows("B83")
@pytest.mark.parametrize(
    ("access", "scope", "remedies"),
    [
        (TOKEN, REPOSITORY, "octo/widgets;classic PAT with the scope repo"),
        (TOKEN, ORGANIZATION, "octo;classic PAT with the scope admin:org"),
        pytest.param(
            Secret(f"ghs_{canaries.PAT}"),
            REPOSITORY,
            "This is the workflow's own GITHUB_TOKEN, which can never administer runners;github-token;github-app-id",
            id="83-github-token",
        ),
    ],
)
@pytest.mark.parametrize(("status", "kind"), [(403, errors.PermissionDenied), (404, errors.NotFound)])
def test_a_token_without_the_permission_is_refused_with_it(  # noqa: PLR0913, PLR0917 - a table
    github: GitHubServer, access: Secret, scope: RunnerScope, remedies: str, status: int, kind: type[errors.ApiError]
) -> None:
    """By the kind of token and whose runners they are."""
    github.failure = (status, b'{"message": "Resource not accessible"}')
    text = _refusal(github, kind, access, scope)
    assert [each for each in (PERMISSIONS[scope], *remedies.split(";")) if each not in text] == []


def test_the_permission_that_github_would_accept_is_named_for_a_write_only(github: GitHubServer) -> None:
    github.failure = (403, b'{"message": "Resource not accessible by personal access token"}')
    github.headers = {"X-Accepted-GitHub-Permissions": "administration=write"}
    assert "administration=write" in _refusal(github, errors.PermissionDenied, TOKEN)
    with pytest.raises(errors.PermissionDenied) as caught:
        _github(github, TOKEN).require_administration()
    assert "administration=write" not in str(caught.value)


def test_a_policy_behind_a_403_asks_for_no_permission(github: GitHubServer) -> None:
    """The token is allowed all that it needs."""
    github.failure = (403, b'{"message": "Repository was archived so is read-only."}')
    github.headers = {"X-Accepted-GitHub-Permissions": "administration=write"}
    text = _refusal(github, errors.PermissionDenied, TOKEN)
    assert "Repository was archived so is read-only. Unarchive" in text
    assert "administration" not in text.lower()


def test_a_403_without_a_message_may_be_a_proxy_s_or_lack_the_permission(github: GitHubServer) -> None:
    github.failure = (403, b"<html>blocked</html>")
    text = _refusal(github, errors.PermissionDenied, TOKEN)
    assert "proxy" in text
    assert PERMISSIONS[REPOSITORY] in text


@pytest.mark.parametrize("access", [TOKEN, APP], ids=["token", "app"])
def test_an_organization_that_is_not_found_may_be_a_person(github: GitHubServer, access: Secret | AppKey) -> None:
    github.failure = (404, b'{"message": "Not Found"}')
    assert "octo to be an organization, not a person" in _refusal(github, errors.NotFound, access, ORGANIZATION)


def test_the_permission_is_checked_without_a_write(github: GitHubServer) -> None:
    _github(github, TOKEN).require_administration()
    assert github.calls == ["GET /repos/octo/widgets/actions/runners?per_page=1"]
