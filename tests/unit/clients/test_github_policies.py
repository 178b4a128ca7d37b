"""A 403 of GitHub that no permission would change: which policy it is, by GitHub's words alone."""

from __future__ import annotations

import pytest

from refresh.clients import github_policies
from refresh.desired import RunnerScope

POLICIES = {
    "Resource protected by organization SAML enforcement.": "single sign-on",
    "Repository level self-hosted runners are disabled on this repository.": "runner-scope: organization",
    "Although you appear to have the correct authorization credentials, the `octo` organization has an IP allow list "
    "enabled, and your IP address is not permitted to access this resource.": "address",
    "`octo` forbids access via a personal access token (classic). Please use a GitHub App, OAuth App, or a personal "
    "access token with fine-grained permissions.": "a GitHub App or a fine-grained PAT instead",
    "The 'octo' organization forbids access via a fine-grained personal access tokens if the token's lifetime is "
    "greater than 366 days.": "expires sooner",
    "`octo` forbids access via a fine-grained personal access token.": "a GitHub App instead",
    "the `octo` organization has enabled OAuth App access restrictions": "a GitHub App or a PAT instead",
    "Repository was archived so is read-only.": "Unarchive",
    "Sorry. Your account was suspended.": "another account",
    "This installation has been suspended": "Unsuspend the App's installation on octo",
    "As an Enterprise Managed User, you cannot access this content": "account that belongs to the owner",
    "The `octo` organization requires two-factor authentication": "two-factor",
    "Something that GitHub has never said before.": "no missing permission",
}


@pytest.mark.parametrize("message", POLICIES)
def test_each_policy_has_its_own_remedy(message: str) -> None:
    assert POLICIES[message] in str(github_policies.remedy(RunnerScope.REPOSITORY, "octo", message, {}))


def test_a_policy_may_be_recognized_by_a_header_and_depend_on_the_scope() -> None:
    sso = {"x-github-sso": "required; url=https://github.com/orgs/octo/sso"}
    organization = RunnerScope.ORGANIZATION
    assert "single sign-on" in str(github_policies.remedy(organization, "octo", "Forbidden", sso))
    disabled = "Self-hosted runners are disabled for this organization."
    assert "enterprise" in str(github_policies.remedy(organization, "octo", disabled, {}))


@pytest.mark.parametrize("message", ["", "Resource not accessible by personal access token", "Must have admin rights"])
def test_a_missing_permission_is_no_policy(message: str) -> None:
    assert github_policies.remedy(RunnerScope.REPOSITORY, "octo", message, {}) is None
