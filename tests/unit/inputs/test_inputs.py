"""The inputs as a whole: defaults, all problems at once, and what becomes of the repository and GitHub's addresses."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from refresh import errors, inputs
from refresh.agent import user_data
from refresh.credentials import Secret
from refresh.desired import DEFAULT_RESOURCE_CLASSES, DesiredState, RunnerScope
from refresh.pool import names
from refresh.reconciler.state_table import policy
from refresh.reconciler.state_table.actual import Actual, Claim
from tests.fakes import canaries
from tests.fakes.literals import TEN_BAD_INPUTS, good
from tests.unit.inputs.bad_inputs import environ, load, problems, row

if TYPE_CHECKING:
    from collections.abc import Mapping

REPOSITORY, API, SERVER = "GITHUB_REPOSITORY", "GITHUB_API_URL", "GITHUB_SERVER_URL"
LONG_HOST = "x" * (user_data.LONGEST_SERVER_URL - len("https://"))


def test_smallest_good_input_gives_every_default() -> None:
    loaded = inputs.load(good())
    assert loaded.desired == DesiredState(
        repository=names.Repository("octo", "widgets"),
        region="eu-west-1",
        image="ami-0123456789abcdef0",
        instance_profile="runner-profile",
        security_group_ids=("sg-0123456789abcdef0",),
        subnet_ids=("subnet-0123456789abcdef0",),
    )
    assert loaded.desired.resource_classes == DEFAULT_RESOURCE_CLASSES
    assert (loaded.warnings, loaded.notices, loaded.secrets.github) == ((), (), Secret(canaries.PAT))


def test_problems_of_many_inputs_are_reported_together() -> None:
    found = problems(environ({name.replace("_", "-"): value for name, value in TEN_BAD_INPUTS.items()}))
    assert sorted(each.partition(":")[0] for each in found) == sorted(name.replace("_", "-") for name in TEN_BAD_INPUTS)
    assert not any(TEN_BAD_INPUTS["github_token"] in each for each in found)
    missing = {each.partition(":")[0] for each in problems({})}
    assert missing == {*inputs.REQUIRED, "github-token", "aws-region", REPOSITORY}


@pytest.mark.shows("B28", "B34")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B28", "empty", {REPOSITORY: ""}, "is required"),
        row("B28", "blank", {REPOSITORY: " \n"}, "is required"),
        row("B34", "input", {"repository": "Octo/widgets"}, "octo/widgets"),
    ],
)
def test_missing_and_misspelled_repositories_are_refused(given: Mapping[str, str], key: str) -> None:
    (problem,) = problems(environ(given))
    assert problem.startswith(f"{next(iter(given))}: ")
    assert key in problem


@pytest.mark.shows("B28a")
@pytest.mark.parametrize("own", [row("B28a", each or "none", each) for each in ("octo/renamed", "", "x")])
def test_repository_of_the_input_has_the_pool(own: str) -> None:
    loaded = load(repository=" octo/widgets ", GITHUB_REPOSITORY=own)
    assert names.table(loaded.desired.repository) == "octo-widgets-ci-table"


@pytest.mark.shows("B31", "B32", "B34", "B34a")
@pytest.mark.parametrize(
    ("value", "queue"),
    [
        row("B31", "dot", "o/my.repo", "o-my_repo-large-ci-pool-46cf87beef36664c"),
        row("B32", "longest", f"{'o' * 39}/{'r' * 100}", f"{'o' * 39}-{'r' * 15}-ci-pool-"),
        row("B34", "case", "Foo/Bar", "Foo-Bar-large-ci-pool"),
        row("B34a", "managed", "octocat_acme/widgets", "octocat_acme-widgets-large-ci-pool"),
        row("B34a", "managed-dot", "octo_acme/.github", "octo_acme-_github-large-ci-pool-"),
    ],
)
def test_every_repository_has_names_that_aws_takes(value: str, queue: str) -> None:
    """The table's is the contract's to the letter, in GitHub's own case; the queue's is mapped and shortened."""
    repository = load(GITHUB_REPOSITORY=value).desired.repository
    assert names.table(repository) == f"{value.replace('/', '-')}-ci-table"
    assert names.queue(repository, "large").startswith(queue)


@pytest.mark.shows("B33")
@pytest.mark.parametrize(("own", "other"), [row("B33", "one", "a-b/c", "a/b-c"), row("B33", "two", "a/b-c", "a-b/c")])
def test_repositories_with_the_same_table_name_do_not_share_a_table(own: str, other: str) -> None:
    desired, theirs = (load(GITHUB_REPOSITORY=each).desired for each in (own, other))
    assert names.table(desired.repository) == names.table(theirs.repository) == "a-b-c-ci-table"
    keys = (("PK", "HASH", "S"), ("SK", "RANGE", "S"))
    with pytest.raises(errors.Refused, match=other):
        policy.plan(desired, Actual(status="ACTIVE", keys=keys, claim=Claim(other, "")))


@pytest.mark.shows("B84")
@pytest.mark.parametrize(
    ("given", "server"),
    [
        row("B84", "nothing", {}, "https://github.com"),
        row("B84", "github", {API: "https://api.github.com"}, "https://github.com"),
        row("B84", "ghes", {API: "https://ghe.example.com/api/v3/"}, "https://ghe.example.com"),
        row("B84", "path", {API: "https://ghe.example.com/apiX/"}, "https://ghe.example.com/apiX"),
        row("B84", "tenant", {API: "https://api.octo.ghe.com"}, "https://octo.ghe.com"),
        row("B84", "loopback", {API: "http://127.0.0.1:5000"}, "http://127.0.0.1:5000"),
        row("B84", "localhost", {API: "http://localhost/api/v3"}, "http://localhost"),
        row("B84", "asked-for", {API: "http://github:8080", "REFRESH_ALLOW_HTTP": "true"}, "http://github:8080"),
        row("B84", "server", {SERVER: "http://ghe.internal", "REFRESH_ALLOW_HTTP": "true"}, "http://ghe.internal"),
        row("B84", "long", {SERVER: f"https://{LONG_HOST}"}, f"https://{LONG_HOST}"),
        row("B84", "both", {API: "https://x.example/api/v3", SERVER: "https://y.example/"}, "https://y.example"),
    ],
)
def test_runners_register_where_github_is(given: dict[str, str], server: str) -> None:
    """From a terminal the address of the API may be all that is known."""
    desired = inputs.load(good(**given)).desired
    assert desired.registration_url == f"{server}/octo/widgets"
    assert desired.github_api_url == given.get(API, "https://api.github.com").rstrip("/")
    assert desired.runner_scope is RunnerScope.REPOSITORY


@pytest.mark.parametrize(
    "given",
    [
        {SERVER: "http://github.example.com"},
        {SERVER: "github.com"},
        {SERVER: f"https://{LONG_HOST}x"},
        {API: f"https://{LONG_HOST}x/api/v3"},
    ],
)
def test_server_address_that_does_not_fit_the_user_data_is_refused(given: dict[str, str]) -> None:
    assert [problem.partition(":")[0] for problem in problems(good(**given))] == [SERVER]


@pytest.mark.parametrize(
    ("changed", "url"),
    [
        ({}, "https://github.com/octo/widgets/actions/runs/77"),
        ({"repository": "octo/old"}, "https://github.com/octo/widgets/actions/runs/77"),
        ({SERVER: "", API: "https://ghe.example.com/api/v3"}, ""),
        ({"GITHUB_RUN_ID": ""}, ""),
        ({"GITHUB_RUN_ID": "7/x"}, ""),
        ({"GITHUB_RUN_ID": "\u0667"}, ""),
        ({REPOSITORY: "", "repository": "octo/widgets"}, ""),
        ({REPOSITORY: "a b", "repository": "octo/widgets"}, ""),
    ],
)
def test_run_has_an_address_where_github_names_all_of_it(changed: dict[str, str], url: str) -> None:
    """It is written to the table, so no part of it is taken unchecked."""
    whole = {SERVER: "https://github.com", "GITHUB_RUN_ID": "77"}
    assert inputs.load(environ({**whole, **changed})).desired.run_url == url


@pytest.mark.parametrize(("value", "as_json"), [("json", True), ("JSON ", True), ("text", False), ("", False)])
def test_log_format_is_known_before_the_inputs_are_checked(value: str, *, as_json: bool) -> None:
    assert load(log_format=value).log_as_json is as_json
    assert inputs.log_as_json(environ({"log-format": value, "ami": "wrong"})) is as_json


def test_pool_of_status_needs_a_repository_and_a_region_alone() -> None:
    given = {REPOSITORY: "o/r", "AWS_REGION": "eu-west-1"}
    assert inputs.load_pool(given) == inputs.Pool(names.Repository("o", "r"), "eu-west-1")
    priced = inputs.load_pool({**given, "INPUT_PRICES": '{"large": 0.096}'})
    assert dict(priced.prices) == {"large": Decimal("0.096")}
    with pytest.raises(errors.InputErrors) as caught:
        inputs.load_pool({"AWS_ACCESS_KEY_ID": "x", "INPUT_PRICES": "0.1"})
    named = {problem.partition(":")[0] for problem in caught.value.problems}
    assert named == {REPOSITORY, "aws-region", "prices", "AWS_SECRET_ACCESS_KEY"}
