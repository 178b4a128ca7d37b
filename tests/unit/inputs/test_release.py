"""The inputs of release: defaults, all problems at once, and what becomes of names, runs and repositories."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.credentials import IdTokens, Secret
from refresh.desired import DesiredRelease, Mode, Role
from refresh.errors import InputErrors
from refresh.inputs import release
from refresh.pool.names import Repository
from tests.fakes import canaries
from tests.fakes.literals import good_release
from tests.unit.inputs.bad_inputs import row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.inputs.release import ReleaseInputs

RUN = "GITHUB_RUN_ID"
OWN = "GITHUB_REPOSITORY"
ROLE = "arn:aws:iam::123456789012:role/release"
OIDC = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://token.example", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST}
EVERY_INPUT_WRONG = {
    "name": "a-b",
    "run-id": "7/x",
    "reuse": "maybe",
    "force": "yes",
    "github-token": "two words",
    "repository": "widgets",
    "aws-region": "us-east-1a",
    "role-to-assume": "release",
    "role-session-name": "a b",
    "role-duration": "1s",
    "allowed-account-ids": "1",
    "mode": "provision",
}


def _environ(changed: Mapping[str, str]) -> dict[str, str]:
    """Give a good environment with some inputs (`name`) and variables (`AWS_REGION`) replaced."""
    return good_release(**{name if name.isupper() else f"INPUT_{name.upper()}": changed[name] for name in changed})


def _load(changed: Mapping[str, str]) -> ReleaseInputs:
    return release.load(_environ(changed))


def _problems(environ: Mapping[str, str]) -> tuple[str, ...]:
    with pytest.raises(InputErrors) as caught:
        release.load(environ)
    return caught.value.problems


def _names(problems: tuple[str, ...]) -> list[str]:
    return sorted(problem.partition(":")[0] for problem in problems)


def test_without_inputs_the_own_run_s_unnamed_pool_is_released() -> None:
    loaded = _load({})
    widgets = Repository("octo", "widgets")
    assert loaded.desired == DesiredRelease(
        repository=widgets, region="eu-west-1", run_id="77", workflow_repository=widgets
    )
    assert (loaded.desired.labels, loaded.desired.mode, loaded.desired.reuse) == ("77", Mode.APPLY, None)
    assert (loaded.secrets.github, loaded.warnings, loaded.notices) == (Secret(canaries.PAT), (), ())


def test_every_input_reaches_the_desired_state() -> None:
    given = {"name": "tests", "run-id": "88", "reuse": "FALSE", "force": "True", "mode": "plan"}
    access = {"aws-region": "eu-west-1", "allowed-account-ids": "123456789012", "repository": "octo/pools"}
    role = {"role-to-assume": ROLE, "role-session-name": "a-session", "role-duration": "30m"}
    loaded = _load({**given, **access, **role, **OIDC})
    desired = loaded.desired
    assert (desired.labels, desired.reuse, desired.force, desired.mode) == ("88-tests", False, True, Mode.PLAN)
    assert (str(desired.repository), str(desired.workflow_repository)) == ("octo/pools", "octo/widgets")
    assert desired.allowed_account_ids == ("123456789012",)
    assert isinstance(desired.role, Role)
    assert (desired.role.arn, desired.role.session_name) == (ROLE, "a-session")
    assert loaded.secrets.id_tokens == IdTokens("https://token.example", Secret(canaries.REQUEST))


def test_a_token_is_optional() -> None:
    """Without one, open jobs cannot be seen; the release says so itself."""
    assert _load({"github-token": ""}).secrets.github == Secret("")


def test_all_problems_are_reported_together() -> None:
    problems = _problems(_environ(EVERY_INPUT_WRONG))
    assert _names(problems) == sorted(EVERY_INPUT_WRONG)
    assert not any("two words" in problem for problem in problems)
    assert _names(_problems({})) == sorted([OWN, RUN, "aws-region"])


@pytest.mark.shows("B88", "B92", "B93", "B95")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B88", "reuse", "true or false expected", yes="yes", one="1", as_provisioned="as provisioned"),
        *rows("B88", "force", "true or false expected", yes="yes", on="on"),
        *rows("B92", "name", "not the name of a pool", hyphen="a-b", space="a b", long="x" * 41, umlaut="\u00e4"),
        *rows("B92", "name", "not the name of a pool", stars="**", pattern="test*", slash="a/b", comma="a,b"),
        *rows("B93", "run-id", "not the id of a workflow run", name="77-tests", zero="0", sign="-7", digits="1" * 21),
        *rows("B93", "run-id", "not the id of a workflow run", wide="\uff17", half="7.5", address="https://x/runs/77"),
        row("B93", "own", {RUN: "7/x"}, "not the id of a workflow run"),
        row("B95", "refresh", {"mode": "refresh"}, "leave mode out"),
        row("B95", "provision", {"mode": "provision"}, "leave mode out"),
    ],
)
def test_bad_values_of_release_are_refused_with_a_remedy(given: dict[str, str], key: str) -> None:
    ((name, value),) = given.items()
    (problem,) = _problems(_environ(given))
    assert problem.startswith(f"{name}: ")
    assert key in problem
    assert f"; got {value if len(value) <= 40 else value[:40] + '...'!r}" in problem


@pytest.mark.parametrize("word", ["release", "Release", "apply"])
def test_the_original_s_word_for_this_action_means_apply(word: str) -> None:
    assert _load({"mode": word}).desired.mode is Mode.APPLY


@pytest.mark.shows("B94")
@pytest.mark.parametrize(
    ("own", "said"),
    [
        row("B94", what, own, "is required; GitHub sets it; outside a workflow, set the input run-id")
        for what, own in (("empty", ""), ("blank", " "))
    ],
)
def test_without_a_run_its_id_is_required(own: str, said: str) -> None:
    (problem,) = _problems(_environ({RUN: own}))
    assert problem.startswith(f"GITHUB_RUN_ID: {said}")
    assert _load({RUN: own, "run-id": "88"}).desired.run_id == "88"


@pytest.mark.parametrize("own", ["99", "7/x", ""])
def test_the_run_of_the_input_wins(own: str) -> None:
    assert _load({RUN: own, "run-id": " 88 "}).desired.run_id == "88"


@pytest.mark.shows("B92")
@pytest.mark.parametrize(
    ("name", "released", "others"),
    [
        row("B92", "none", "", {"77"}, {"77-tests", "770", "7", "78"}),
        row("B92", "one", "tests", {"77-tests"}, {"77", "77-test", "77-tests-2", "78-tests"}),
        row("B92", "all", "*", {"77", "77-tests", "77-a.b_C"}, {"770", "770-tests", "7", "78"}),
        row("B92", "longest", "x" * 40, {f"77-{'x' * 40}"}, {"77"}),
    ],
)
def test_a_name_stands_for_its_label_and_a_star_for_all_of_the_run(
    name: str, released: set[str], others: set[str]
) -> None:
    desired = _load({"name": name}).desired
    assert {label for label in released | others if desired.has(label)} == released


@pytest.mark.parametrize(
    ("own", "pool", "run"),
    [("octo/apps", "octo/pools", "octo/apps"), ("", "octo/pools", "octo/pools")],
    ids=["another", "none"],
)
def test_the_run_belongs_to_the_workflow_s_repository(own: str, pool: str, run: str) -> None:
    """Outside a workflow, the pool's repository is taken for it."""
    desired = _load({OWN: own, "repository": pool}).desired
    assert (str(desired.repository), str(desired.workflow_repository)) == (pool, run)


@pytest.mark.parametrize(
    ("given", "named", "key"),
    [
        ({"role-to-assume": ROLE}, "role-to-assume", "id-token: write"),
        ({"role-to-assume": ROLE, "allowed-account-ids": "210987654321", **OIDC}, "role-to-assume", "not in allowed"),
        ({"AWS_ACCESS_KEY_ID": "AKIA"}, "AWS_SECRET_ACCESS_KEY", "is required with"),
        ({"AWS_REGION": ""}, "aws-region", "is required"),
        ({"repository": "Octo/widgets"}, "repository", "octo/widgets"),
        ({OWN: "a b", "repository": "octo/widgets"}, OWN, "owner/name expected"),
        ({"GITHUB_API_URL": "http://github.example.com"}, "GITHUB_API_URL", "https://"),
        ({"name": canaries.PAT}, "name", "contains the github-token"),
        ({"github-token": "${{ github.token }}"}, "github-token", "not expanded"),
        ({"table-name": "other"}, "table-name", "this pool's table is"),
    ],
)
def test_access_is_checked_as_for_refresh(given: Mapping[str, str], named: str, key: str) -> None:
    (problem,) = _problems(_environ(given))
    assert problem.startswith(f"{named}: ")
    assert key in problem
    assert canaries.PAT not in problem


def test_a_role_needs_no_other_credentials() -> None:
    loaded = _load({"role-to-assume": ROLE, "AWS_ACCESS_KEY_ID": "AKIA", **OIDC})
    assert loaded.desired.role == Role(arn=ROLE, session_name="refresh-action-77")
    assert [notice.partition(":")[0] for notice in loaded.notices] == ["role-to-assume"]


def test_inputs_of_refresh_and_typing_errors_are_ignored_with_a_warning() -> None:
    loaded = _load({"ami": "ami-01234567", "forse": "true", "role-duration": "30m"})
    said = " ".join(loaded.warnings)
    assert len(loaded.warnings) == 3
    assert "'ami': is not an input of this action and is ignored" in said
    assert "'forse': is not an input of this action and is ignored; did you mean force?" in said
    assert "role-duration: is ignored without role-to-assume." in said
    assert loaded.desired == _load({}).desired


def test_the_run_has_an_address_where_github_names_all_of_it() -> None:
    """It is the address of the run that releases, whatever run is released."""
    desired = _load({"GITHUB_SERVER_URL": "https://ghe.example.com", "run-id": "88"}).desired
    assert desired.run_url == "https://ghe.example.com/octo/widgets/actions/runs/77"
