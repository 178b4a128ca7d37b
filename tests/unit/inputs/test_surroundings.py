"""What surrounds the inputs: the repository, the region, GitHub's addresses and AWS's keys."""

from __future__ import annotations

import botocore.session
import pytest

from refresh import errors, inputs
from refresh.agent import user_data
from refresh.desired import RunnerScope
from refresh.inputs.regions import KNOWN_REGIONS
from refresh.pool import names
from refresh.reconciler.state_table import policy
from refresh.reconciler.state_table.actual import Actual, Claim
from tests.fakes.literals import good
from tests.unit.inputs.bad_inputs import environ, load, problems, row, rows, told

REPOSITORY = "GITHUB_REPOSITORY"
API = "GITHUB_API_URL"
NO_REPOSITORY, NO_REGION, NO_ADDRESS = "owner/name expected", "not an AWS region", "an https:// address expected"


@pytest.mark.shows("A44", "B29", "B30", "B34", "B35", "B36", "B37a", "B84")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *rows("29", REPOSITORY, NO_REPOSITORY, name="repo", no_owner="/repo", no_name="owner/", three="a/b/c"),
        *rows("29", REPOSITORY, NO_REPOSITORY, dots="o/..", dot="o/.", both="../.", dots_alone="..", dot_alone="."),
        *rows(
            "30",
            REPOSITORY,
            NO_REPOSITORY,
            command="o/$(id)",
            backtick="o/`id`",
            quote="o/'",
            double_quote='o/"',
            newline="o/r\nx",
            dash="-o/r",
            control="o/r\x00",
            surrogate="o/r\udc80",
        ),
        row("34", "input", "repository", "Octo/widgets", "GitHub spells it octo/widgets"),
        *rows("30", "repository", NO_REPOSITORY, command="o/$(id)", three="a/b/c", dots="o/..", newline="o/r\nx"),
        row("32", "101", REPOSITORY, f"o/{'r' * 101}", NO_REPOSITORY),
        row("35", "zone", "aws-region", "us-east-1a", "an availability zone, not a region; got 'us-east-1a'"),
        row("35", "remedy", "aws-region", "eu-central-1b", "write eu-central-1"),
        *rows("35", "aws-region", "write us-west-2", local="us-west-2-lax-1a", wavelength="us-west-2-wl1-den-wlz-1"),
        *rows("36", "aws-region", NO_REGION, name="US East", word="Ireland", zero="us-east-01"),
        *rows("36", "aws-region", "write us-east-1, if that is meant", underscores="us_east_1", upper="US-EAST-1"),
        row("37a", "eu-wst-1", "aws-region", "eu-wst-1", "not an AWS region: wst is not a direction"),
        *rows("37a", "aws-region", "write us-east-1, if that is meant", swapped="us-esat-1", zone="us-esat-1a"),
        row("37a", "mars", "aws-region", "mars-1", "not an AWS region"),
        row("29", "address", REPOSITORY, "https://github.com/octo/widgets", "write octo/widgets"),
        row("29", "clone", REPOSITORY, "git@github.com:octo/wid.gets.git", "write octo/wid.gets"),
        row("84", "server", "GITHUB_SERVER_URL", "http://ghe.example.com", "GitHub sets it to https://<host>"),
        *rows("84", API, NO_ADDRESS, http="http://host", ghes="http://ghe.example.com/api/v3", no_url="ghe"),
        *rows("84", API, NO_ADDRESS, looks_like_loopback="http://127.0.0.1.example.com", file="file:///etc/passwd"),
        *rows("84", API, NO_ADDRESS, space="https://a b"),
    ],
)
def test_a_variable_that_cannot_be_right_is_told(name: str, value: str, expected: str) -> None:
    """GitHub sets most of them; from a terminal they are typed."""
    told(name, value, expected)


@pytest.mark.shows("B28")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row(
            "28",
            "absent",
            None,
            "is required; GitHub sets it, elsewhere set it (or the input repository)",
        )
    ]
    + [row("28", what, value, "is required") for what, value in (("empty", ""), ("blank", " \n"))],
)
def test_without_a_repository_there_is_no_pool(value: str | None, expected: str) -> None:
    """Everything is named after it."""
    given = good()
    del given[REPOSITORY]
    (problem,) = problems(given if value is None else {**given, REPOSITORY: value})
    assert problem.startswith(f"{REPOSITORY}: {expected}")


@pytest.mark.shows("B28a")
@pytest.mark.parametrize("own", [row("28a", "other", "octo/renamed"), row("28a", "none", ""), row("28a", "bad", "x")])
def test_the_pool_of_another_repository_is_kept_where_the_input_names_it(own: str) -> None:
    """One workflow keeps the pools of many, or what a repository's old name has left."""
    given = inputs.load(good(**{REPOSITORY: own, "INPUT_REPOSITORY": " octo/widgets ", "GITHUB_RUN_ID": "5"}))
    assert names.table(given.desired.repository) == "octo-widgets-ci-table"


def test_a_run_is_where_it_runs_whosever_pool_it_keeps() -> None:
    """Its address in the records leads people to the workflow."""
    run = {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "5"}
    given = inputs.load(good(INPUT_REPOSITORY="octo/old", **run))
    assert given.desired.run_url == "https://github.com/octo/widgets/actions/runs/5"


@pytest.mark.shows("B31", "B32", "B34", "B34a")
@pytest.mark.parametrize(
    ("value", "table", "queue", "template"),
    [
        row("31", "dot", "o/my.repo", "o-my.repo-ci-table", "o-my_repo-large-ci-pool-46cf87beef36664c", ""),
        row(
            "32",
            "longest",
            f"{'o' * 39}/{'r' * 100}",
            f"{'o' * 39}-{'r' * 100}-ci-table",
            f"{'o' * 39}-{'r' * 15}-ci-pool-",
            f"{'o' * 39}-{'r' * 52}-ci-launch-template-1c6a540de6cdd621",
        ),
        row(
            "34a",
            "managed",
            "octocat_acme/widgets",
            "octocat_acme-widgets-ci-table",
            "octocat_acme-widgets-large-ci-pool",
            "octocat_acme-widgets-ci-launch-template",
        ),
        row(
            "34a",
            "managed-dot",
            "octo_acme/.github",
            "octo_acme-.github-ci-table",
            "octo_acme-_github-large-ci-pool-",
            "octo_acme-.github-ci-launch-template",
        ),
        row("34", "case", "Foo/Bar", "Foo-Bar-ci-table", "Foo-Bar-large-ci-pool", "Foo-Bar-ci-launch-template"),
    ],
)
def test_every_repository_of_github_has_names_that_aws_takes(value: str, table: str, queue: str, template: str) -> None:
    """The table's is the contract's to the letter, in GitHub's own case; the other two are shortened with a hash."""
    repository = inputs.load(good(**{REPOSITORY: value})).desired.repository
    assert str(repository) == value
    assert names.table(repository) == table
    assert names.queue(repository, "large").startswith(queue)
    assert names.launch_template(repository).startswith(template)
    assert len(names.queue(repository, "large")) <= 80
    assert "." not in names.queue(repository, "large")
    assert len(names.launch_template(repository)) <= 128


@pytest.mark.shows("B33")
@pytest.mark.parametrize(
    ("mine", "others"), [row("33", "first", "a-b/c", "a/b-c"), row("33", "second", "a/b-c", "a-b/c")]
)
def test_two_repositories_with_one_table_s_name_do_not_share_it(mine: str, others: str) -> None:
    """The table says whose it is; to the other one it is refused."""
    desired = inputs.load(good(**{REPOSITORY: mine})).desired
    assert names.table(desired.repository) == "a-b-c-ci-table"
    assert names.table(inputs.load(good(**{REPOSITORY: others})).desired.repository) == "a-b-c-ci-table"
    keys = (("PK", "HASH", "S"), ("SK", "RANGE", "S"))
    with pytest.raises(errors.Refused) as refused:
        policy.plan(desired, Actual(status="ACTIVE", keys=keys, claim=Claim(others, "")))
    assert others in str(refused.value)


@pytest.mark.shows("B36")
@pytest.mark.parametrize("value", [row("36", "newline", "us-east-1\n"), row("36", "crlf", " us-east-1\r\n")])
def test_a_region_loses_the_white_space_around_it(value: str) -> None:
    """It may come from a file."""
    assert load(aws_region=value, AWS_REGION="").desired.region == "us-east-1"


@pytest.mark.shows("B37")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row("37", "new", "eu-north-9", "aws-region: eu-north-9 is not known to this version of botocore"),
        row("37", "country", "qqq-west-1", "not known to this version of botocore"),
        row("37", "far", "zz-yyyyyyyy-xxxxxxxxxx-central-99", "is it spelled right?"),
    ],
)
def test_an_unknown_region_is_taken_with_a_warning(value: str, expected: str) -> None:
    """AWS opens regions more often than we release; a slip of the pen would fail at the first call."""
    for given in ({"aws-region": value, "AWS_REGION": ""}, {"AWS_REGION": value}):
        loaded = inputs.load(environ(given))
        assert loaded.desired.region == value
        (warning,) = loaded.warnings
        assert expected in warning


def test_the_known_regions_are_botocore_s() -> None:
    """They are written down because a run with bad input shall not wait for botocore."""
    session = botocore.session.Session()
    theirs = {
        region
        for partition in session.get_available_partitions()
        for service in ("ec2", "sqs", "dynamodb")
        for region in session.get_available_regions(service, partition)
    }
    assert theirs == KNOWN_REGIONS


@pytest.mark.shows("B38")
@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        row("38", "absent", {}, "is required; set it, or AWS_REGION in the job's env"),
        row("38", "empty", {"AWS_REGION": "", "AWS_DEFAULT_REGION": ""}, "is required"),
        row("38", "blank", {"AWS_REGION": " ", "AWS_DEFAULT_REGION": "\n", "INPUT_AWS-REGION": "\t"}, "is required"),
    ],
)
def test_without_a_region_nothing_is_guessed(variables: dict[str, str], expected: str) -> None:
    """The original would take us-east-1."""
    given = good()
    del given["AWS_REGION"]
    (problem,) = problems({**given, **variables})
    assert problem.startswith(f"aws-region: {expected}")


@pytest.mark.shows("B39")
@pytest.mark.parametrize(
    ("value", "expected"),
    [row("39", "other", "us-west-2", "aws-region: us-west-2 is used although AWS_REGION is eu-west-1.")],
)
def test_a_region_that_differs_from_the_job_s_is_a_warning(value: str, expected: str) -> None:
    """Provision and release may look elsewhere."""
    loaded = load(aws_region=value)
    assert loaded.desired.region == value
    assert loaded.warnings == (expected,)
    assert load(aws_region="eu-west-1").warnings == ()


def test_the_region_comes_from_the_input_then_the_two_variables() -> None:
    """The original ignores the last of them and takes us-east-1, so it is a warning."""
    given = good()
    del given["AWS_REGION"]
    assert inputs.load({**given, "AWS_REGION": "eu-west-1"}).warnings == ()
    loaded = inputs.load({**given, "AWS_DEFAULT_REGION": "eu-north-1"})
    assert loaded.desired.region == "eu-north-1"
    assert "us-east-1" in loaded.warnings[0]
    both = inputs.load({**given, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-north-1"})
    assert (both.desired.region, both.warnings) == ("eu-west-1", ())
    (problem,) = problems({**given, "AWS_REGION": "nowhere"})
    assert problem.startswith("AWS_REGION: not an AWS region")
    (problem,) = problems({**given, "AWS_DEFAULT_REGION": "nowhere"})
    assert problem.startswith("AWS_DEFAULT_REGION: not an AWS region")


@pytest.mark.shows("B84")
@pytest.mark.parametrize(
    ("given", "server"),
    [
        row("84", "nothing", {}, "https://github.com"),
        row("84", "github", {API: "https://api.github.com"}, "https://github.com"),
        row("84", "ghes", {API: "https://ghe.example.com/api/v3"}, "https://ghe.example.com"),
        row("84", "ghes-slash", {API: "https://ghe.example.com/api/v3/"}, "https://ghe.example.com"),
        row("84", "tenant", {API: "https://api.octo.ghe.com"}, "https://octo.ghe.com"),
        row("84", "loopback", {API: "http://127.0.0.1:5000"}, "http://127.0.0.1:5000"),
        row("84", "localhost", {API: "http://localhost/api/v3"}, "http://localhost"),
        row("84", "asked-for", {API: "http://github:8080", "REFRESH_ALLOW_HTTP": "true"}, "http://github:8080"),
        row(
            "84",
            "both",
            {API: "https://x.example/api/v3", "GITHUB_SERVER_URL": "https://y.example/"},
            "https://y.example",
        ),
    ],
)
def test_runners_register_where_github_is(given: dict[str, str], server: str) -> None:
    """From a terminal its API's address may be all that is known; plain http is for this machine and for tests."""
    desired = inputs.load(good(**given)).desired
    assert desired.registration_url == f"{server}/octo/widgets"
    assert desired.github_api_url == given.get(API, "https://api.github.com").rstrip("/")
    assert desired.runner_scope is RunnerScope.REPOSITORY


@pytest.mark.parametrize(
    "given",
    [
        {"GITHUB_SERVER_URL": "http://github.example.com"},
        {"GITHUB_SERVER_URL": "github.com"},
        {"GITHUB_SERVER_URL": "https://" + "x" * (user_data.LONGEST_SERVER_URL - 7)},
        {API: f"https://{'x' * user_data.LONGEST_SERVER_URL}/api/v3"},
    ],
    ids=["http", "no address", "long", "long and from its API"],
)
def test_a_server_that_instances_cannot_be_told_is_refused(given: dict[str, str]) -> None:
    """It is part of the user data, whose size is judged before."""
    assert [problem.partition(":")[0] for problem in problems(good(**given))] == ["GITHUB_SERVER_URL"]


@pytest.mark.shows("B86")
@pytest.mark.parametrize(
    ("present", "missing", "expected"),
    [
        row("86", "key", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "is missing beside its other half"),
        row("86", "secret", "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "is missing beside its other half"),
    ],
)
def test_half_credentials_are_refused(present: str, missing: str, expected: str) -> None:
    """AWS would refuse them later and less clearly."""
    for other_half in ({}, {missing: ""}):
        (problem,) = problems(good(**{present: "AKIAXYZZY"}, **other_half))
        assert problem == f"{missing}: {expected}; set both or neither"


def test_the_run_is_named_where_github_names_it() -> None:
    """It is written to what the run ends."""
    given = good(GITHUB_SERVER_URL="https://github.com", GITHUB_RUN_ID="77")
    assert inputs.load(given).desired.run_url == "https://github.com/octo/widgets/actions/runs/77"
    assert inputs.load(good()).desired.run_url == ""
