"""Who asks GitHub: what each kind of credentials is refused for, and what the reader is told to change."""

from __future__ import annotations

import json
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


def _github(
    server: GitHubServer,
    access: Secret | AppKey = APP,
    scope: RunnerScope = REPOSITORY,
    mask: Callable[[str], None] = lambda _: None,
) -> GitHub:
    wanted = desired(github_api_url=server.url, runner_scope=scope)
    return GitHub(wanted, access, evolve(HOOKS, mask=mask))


def _refusal(github: GitHub, kind: type[errors.ApiError]) -> str:
    with pytest.raises(kind) as caught:
        github.create_registration_token()
    assert type(caught.value) is kind
    told = str(caught.value)
    assert canaries.PAT not in told
    assert canaries.INSTALLATION not in told
    assert not any(line in told for line in app.private_key().splitlines())
    return told


def test_an_installation_token_is_masked_before_it_is_used(github: GitHubServer) -> None:
    """GitHub knows it from nowhere else; it is asked for once."""
    masked: list[str] = []
    api = _github(github, mask=masked.append)
    api.runner_downloads()
    assert masked[0] == f"ghs_{canaries.INSTALLATION}1"
    api.create_registration_token()
    assert len(github.asked) == 1


def test_an_installation_token_that_is_about_to_end_is_renewed(github: GitHubServer) -> None:
    """A run may last longer than an hour."""
    github.token_life = timedelta(seconds=50)
    api = _github(github)
    api.runner_downloads()
    api.runner_downloads()
    assert len(github.asked) == 2


@pytest.mark.parametrize(
    ("scope", "where", "permission"),
    [
        (REPOSITORY, "octo/widgets", "repository permission Administration: write"),
        (ORGANIZATION, "octo", "organization permission Self-hosted runners: write"),
    ],
)
def test_what_an_app_lacks_is_told(github: GitHubServer, scope: RunnerScope, where: str, permission: str) -> None:
    """Not installed, not allowed, suspended: each its own remedy, before anything is written."""
    github.installed = False
    assert f"Install the App on {where}: its settings, Install App (docs/access.md says how)." in _refusal(
        _github(github, scope=scope), errors.NotFound
    )
    github.installed = True
    github.permissions = {}
    told = _refusal(_github(github, scope=scope), errors.PermissionDenied)
    assert f"Give the App the {permission}, in its settings, and accept that where it is installed (docs/" in told
    assert "not granted to this installation" in told
    github.failure = (403, b'{"message": "This installation has been suspended"}')
    assert f"Unsuspend the App's installation on {where}." in _refusal(
        _github(github, scope=scope), errors.PermissionDenied
    )


def test_a_key_of_another_app_is_told(github: GitHubServer) -> None:
    """As is an id that was mistyped."""
    told = _refusal(_github(github, AppKey("999", APP.private_key)), errors.CredentialsExpired)
    assert "Compare github-app-id with the App that github-app-private-key was made for" in told


def test_a_key_that_cannot_sign_is_told_without_it(github: GitHubServer) -> None:
    """It looks whole and is no RSA key; nothing is called."""
    body = "MIIBAA" + "A" * 58
    pem = f"-----BEGIN RSA PRIVATE KEY-----\n{body}\n-----END RSA PRIVATE KEY-----\n"
    told = _refusal(_github(github, AppKey(app.APP_ID, Secret(pem))), errors.Rejected)
    assert "github-app-private-key cannot sign as the App." in told
    assert body not in told
    assert github.calls == []


@pytest.mark.parametrize("answer", [[], {}, {"id": "7"}])
def test_an_installation_without_an_id_is_unavailable(github: GitHubServer, answer: Any) -> None:
    """A proxy may have answered."""
    github.answers["installation"] = answer
    assert "an installation has an id" in _refusal(_github(github), errors.Unavailable)


@pytest.mark.parametrize("answer", [[], {}, {"token": 7}, {"token": " "}, {"token": "a\nb"}])
def test_an_answer_without_an_installation_token_is_unavailable(github: GitHubServer, answer: Any) -> None:
    """Nothing is asked with what is none."""
    github.answers["access_tokens"] = answer
    assert "there is no token in the answer" in _refusal(_github(github), errors.Unavailable)


def test_an_installation_token_without_an_end_serves_one_request(github: GitHubServer) -> None:
    """GitHub always says when it ends; where it does not, another is asked for."""
    github.answers["access_tokens"] = {"token": f"ghs_{canaries.INSTALLATION}"}
    api = _github(github)
    api.runner_downloads()
    api.runner_downloads()
    assert sum(call.endswith("access_tokens") for call in github.calls) == 2


OF_THE_REPOSITORY = (
    "The token needs administration of the runners of octo/widgets: a fine-grained PAT with the repository permission "
    "Administration: write, or a classic one with the scope repo; the workflow's own GITHUB_TOKEN cannot "
    "have it (docs/access.md says how)."
)
OF_THE_ORGANIZATION = (
    "The token needs administration of the runners of octo: a fine-grained PAT with the organization permission "
    "Self-hosted runners: write, or a classic one with the scope admin:org;"
)
OF_AN_INSTALLATION = (
    "This is the workflow's own GITHUB_TOKEN, which can never have that, or the token of an App that lacks the "
    "repository permission Administration: write: give a PAT as github-token, or the App itself as "
    "github-app-id (docs/access.md says how)."
)


@pytest.mark.shows("B83")
@pytest.mark.parametrize(
    ("access", "scope", "remedy"),
    [
        (TOKEN, REPOSITORY, OF_THE_REPOSITORY),
        (TOKEN, ORGANIZATION, OF_THE_ORGANIZATION),
        pytest.param(Secret(f"ghs_{canaries.PAT}"), REPOSITORY, OF_AN_INSTALLATION, id="83-github-token"),
    ],
)
def test_a_token_without_the_permission_is_told_which(
    github: GitHubServer, access: Secret, scope: RunnerScope, remedy: str
) -> None:
    """By the kind of token and for whose runners it is."""
    github.failure = (403, b'{"message": "Resource not accessible"}')
    assert remedy in _refusal(_github(github, access, scope), errors.PermissionDenied)
    github.failure = (404, b'{"message": "Not Found"}')
    assert remedy in _refusal(_github(github, access, scope), errors.NotFound)


def test_github_s_own_word_for_the_permission_is_told(github: GitHubServer) -> None:
    """It names what it would accept in a header."""
    github.failure = (403, b'{"message": "Resource not accessible by personal access token"}')
    github.headers = {"X-Accepted-GitHub-Permissions": "administration=write"}
    assert "GitHub would accept administration=write. The token needs" in _refusal(
        _github(github, TOKEN), errors.PermissionDenied
    )
    github.headers = {"X-Accepted-GitHub-Permissions": "administration=read"}
    with pytest.raises(errors.PermissionDenied) as caught:
        _github(github, TOKEN).require_administration()
    assert "administration=read" not in str(caught.value)


@pytest.mark.parametrize(
    ("message", "headers"),
    [
        ("Resource protected by organization SAML enforcement.", {}),
        ("Forbidden", {"X-GitHub-SSO": "required; url=https://github.com/orgs/octo/sso"}),
    ],
)
def test_a_token_that_single_sign_on_has_not_seen_is_told(
    github: GitHubServer, message: str, headers: dict[str, str]
) -> None:
    """The permissions are right, and nothing else helps."""
    github.failure = (403, json.dumps({"message": message}).encode())
    github.headers = headers
    told = _refusal(_github(github, TOKEN), errors.PermissionDenied)
    assert "Authorise the token for the organization's single sign-on" in told
    assert "scope" not in told


POLICIES = {
    "Repository level self-hosted runners are disabled on this repository.": (
        "An owner of the organization can allow them (its settings, Actions, General, Runners); or set runner-scope: "
        "organization."
    ),
    "Although you appear to have the correct authorization credentials, the `octo` organization has an IP allow list "
    "enabled, and your IP address is not permitted to access this resource.": "ask an owner to add this address.",
    "`octo` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal "
    "access token with fine-grained permissions.": "Give a GitHub App or a fine-grained PAT instead",
    "The 'octo' organization forbids access via a fine-grained personal access tokens if the token's lifetime is "
    "greater than 366 days.": "Give a PAT that ends sooner",
    "`octo` forbids access via a fine-grained personal access token.": "Give a GitHub App instead",
    "the `octo` organization has enabled OAuth App access restrictions": "Give a GitHub App or a PAT instead",
    "Repository was archived so is read-only.": "Unarchive the repository",
    "Sorry. Your account was suspended.": "Give the token of another account",
    "As an Enterprise Managed User, you cannot access this content": "an account that belongs to the owner of the",
    "The `octo` organization requires two-factor authentication": "Switch two-factor authentication on",
    "Something that GitHub has never said before.": "GitHub's message is the reason",
}


@pytest.mark.parametrize("words", POLICIES)
def test_a_policy_behind_a_403_has_its_own_remedy(github: GitHubServer, words: str) -> None:
    """The token is allowed all that it needs, so no permission is asked for."""
    github.failure = (403, json.dumps({"message": words}).encode())
    github.headers = {"X-Accepted-GitHub-Permissions": "administration=write"}
    told = _refusal(_github(github, TOKEN), errors.PermissionDenied)
    assert words.rstrip(".") in told
    assert POLICIES[words] in told
    assert "administration" not in told.lower()


def test_runners_that_an_enterprise_switched_off_are_its_owner_s_to_allow(github: GitHubServer) -> None:
    """Another scope would not help."""
    github.failure = (403, b'{"message": "Self-hosted runners are disabled for this organization."}')
    told = _refusal(_github(github, TOKEN, ORGANIZATION), errors.PermissionDenied)
    assert "An owner of the enterprise can allow them" in told
    assert "runner-scope" not in told


def test_a_403_without_github_s_words_may_be_a_proxy_s(github: GitHubServer) -> None:
    """And if not, the permission is the usual reason."""
    github.failure = (403, b"<html>blocked</html>")
    told = _refusal(_github(github, TOKEN), errors.PermissionDenied)
    assert "a proxy or a firewall may have sent it" in told
    assert OF_THE_REPOSITORY in told


def test_a_person_s_account_has_no_runners_of_its_own(github: GitHubServer) -> None:
    """GitHub says that there is no such organization."""
    github.failure = (404, b'{"message": "Not Found"}')
    for access in (TOKEN, APP):
        told = _refusal(_github(github, access, ORGANIZATION), errors.NotFound)
        assert "runner-scope organization needs octo to be an organization, not a person." in told


def test_whoever_may_not_administer_is_found_out_without_a_write(github: GitHubServer) -> None:
    """One runner is asked for."""
    _github(github, TOKEN).require_administration()
    assert github.calls == ["GET /repos/octo/widgets/actions/runners?per_page=1"]
    github.failure = (403, b"{}")
    with pytest.raises(errors.PermissionDenied, match="no message"):
        _github(github, TOKEN).require_administration()
