"""The inputs: what is taken, what is refused with every problem at once, and that nothing else ever happens.

The numbers name the rows of a table of bad inputs that real users write.
"""

from __future__ import annotations

import bisect
import contextlib
import json
import os
import random
import re
import string
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from refresh import inputs, names, user_data
from refresh.desired import DEFAULT_RESOURCE_CLASSES, DesiredState, Mode, ResourceClass, Secret
from refresh.errors import InputErrors
from refresh.inputs import Inputs, actions_runner, parsers
from refresh.inputs.parsers import Problem
from refresh.inputs.resource_classes import resource_classes
from tests.fakes.literals import good

GROUPS = " ".join(f"sg-{number:08x}" for number in range(200))
SUBNETS = " ".join(f"subnet-{number:08x}" for number in range(200))
NO_NUMBERS: list[Any] = ["4x", "", " ", True, False, 1.9, 4.0, None, [], {}]
LARGE = {"cpu": 2, "mmem": 4096}


def _load(**given_inputs: str) -> Inputs:
    """Load a good environment with some inputs (`_` for `-`) replaced."""
    return inputs.load(
        good(**{f"INPUT_{name.upper().replace('_', '-')}": value for name, value in given_inputs.items()})
    )


def _problems(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(InputErrors) as caught:
        inputs.load(environ)
    return caught.value.problems


def _problem(name: str, value: str) -> str:
    """Give the one problem of an input that is otherwise good."""
    (problem,) = _problems(good(**{name if name.isupper() else f"INPUT_{name.upper()}": value}))
    return problem


def test_the_smallest_good_input_gives_every_default() -> None:
    """As the README's table has them."""
    loaded = inputs.load(good())
    assert loaded.desired == DesiredState(
        repository=names.Repository("octo", "widgets"),
        region="eu-west-1",
        image="ami-0123456789abcdef0",
        instance_profile="runner-profile",
        security_group_ids=("sg-0123456789abcdef0",),
        subnet_ids=("subnet-0123456789abcdef0",),
        max_idle_time=timedelta(minutes=7),
        max_runtime=timedelta(minutes=30),
        resource_classes=DEFAULT_RESOURCE_CLASSES,
        pre_runner_script="",
        runner_version=None,
        registration_token_min_ttl=timedelta(minutes=40),
        metadata_hop_limit=1,
        mode=Mode.APPLY,
        github_api_url="https://api.github.com",
    )
    assert (loaded.warnings, loaded.notices) == ((), ())
    assert loaded.secrets.github == Secret("PAT-CANARY-5e1f")


def test_every_required_input_that_is_missing_is_named_at_once() -> None:
    """Rows 1 to 6, 28 and 38: absent, empty and blank alike; of token and App one is required."""
    required = (*inputs.REQUIRED, "github-token")
    for blank in (None, "", " \t\r\n"):
        environ: dict[str, str] = {} if blank is None else {f"INPUT_{name.upper()}": blank for name in required}
        problems = _problems(environ)
        for name in (*required, "GITHUB_REPOSITORY", "aws-region"):
            assert sum(problem.startswith(f"{name}: is required") for problem in problems) == 1, name
        assert len(problems) == 7


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("ami", "\udc80", "not UTF-8", id="10"),
        pytest.param("ami", "ami-01234567\u200b", "invisible character U+200B", id="11"),
        pytest.param("ami", "ami-\u00a001234567", "invisible character U+00A0", id="11-nbsp"),
        pytest.param("ami", "ami-01234567\u2028", "invisible character U+2028", id="11-line"),
        pytest.param("aws-region", "us-east-1\u200b", "invisible character U+200B", id="11-region"),
        pytest.param("ami", "ami-0123\x004567", "control character U+0000", id="12"),
        pytest.param("subnet-ids", '["subnet-01234567"]', "write ids separated by spaces", id="14"),
        pytest.param("subnet-ids", "subnet\u2013123", "U+2013", id="16"),
        pytest.param("security-group-ids", '"sg-01234567"', "remove the quotes: sg-01234567", id="17"),
        pytest.param("security-group-ids", "'sg-01234567'", "remove the quotes: sg-01234567", id="17-single"),
        pytest.param("security-group-ids", GROUPS, "200 ids; at most 16", id="18-groups"),
        pytest.param("subnet-ids", SUBNETS, "200 ids; at most 50", id="18-subnets"),
        pytest.param("subnet-ids", ",", "0 ids; at most 50 and at least 1", id="18-none"),
        pytest.param(
            "security-group-ids", "subnet-01234567", "a subnet id where a security group id is expected", id="19"
        ),
        pytest.param("subnet-ids", "sg-01234567", "a security group id where a subnet id is expected", id="19-subnet"),
        pytest.param("security-group-ids", "default", "not a name", id="20"),
        pytest.param("subnet-ids", "subnet-XYZ", "'subnet-XYZ' is not a subnet id", id="21"),
        pytest.param("subnet-ids", "subnet-0123456789", "not a subnet id", id="21-length"),
        pytest.param("ami", "ami-", "not an AMI id", id="22"),
        pytest.param("ami", "AMI-123", "not an AMI id", id="22-case"),
        pytest.param("ami", "ami-zzzzzzzz", "not an AMI id", id="22-hex"),
        pytest.param("ami", "resolve:ssm:", "not an AMI id", id="23"),
        pytest.param("ami", "ubuntu-24.04", "not an AMI id", id="24"),
        pytest.param("iam-instance-profile", "x" * 129, "not an instance profile name", id="27"),
        pytest.param("iam-instance-profile", "a b", "not an instance profile name", id="27-space"),
        pytest.param("iam-instance-profile", "a/b", "not an instance profile name", id="27-slash"),
        *(
            pytest.param("GITHUB_REPOSITORY", value, "owner/name expected", id=f"29-{value}")
            for value in ("repo", "/repo", "owner/", "a/b/c", "../.", "o/..", "o/.")
        ),
        *(
            pytest.param("GITHUB_REPOSITORY", value, "owner/name expected", id=f"30-{number}")
            for number, value in enumerate(("o/$(id)", "o/`id`", "o/'", "o/r\nx", "-o/r"))
        ),
        pytest.param("aws-region", "us-east-1a", "an availability zone, not a region; got 'us-east-1a'", id="35"),
        pytest.param("aws-region", "US East", "not an AWS region", id="36"),
        pytest.param("aws-region", "us_east_1", "not an AWS region", id="36-underscore"),
        *(
            pytest.param("idle-time-sec", value, "whole seconds expected", id=f"40-45-{value}")
            for value in (
                "abc",
                "5m",
                "5 minutes",
                "1.5",
                "1e3",
                "0x10",
                "1_000",
                "٣",
                "\uff15",
                "+5",
                "NaN",
                "inf",
                "true",
            )
        ),
        pytest.param("idle-time-sec", "-1", "whole seconds expected", id="41-negative"),
        pytest.param("idle-time-sec", "0", "at least 60 seconds", id="41-zero"),
        pytest.param("idle-time-sec", "59", "at least 60 seconds", id="41"),
        pytest.param("idle-time-sec", "9" * 5000, "too large: at most 86400 seconds", id="44"),
        pytest.param("idle-time-sec", str(10**9), "too large", id="46"),
        *(
            pytest.param("max-idle-time", value, "write 420, 420s, 7m or 1h", id=f"41a-{value}")
            for value in ("7 m", "1h30m", "7min", "1.5h", "m", "7M", "-1", "59", "0", "25h", "1e3", "٣m")
        ),
        pytest.param("max-idle-time", "9" * 5000, "too large", id="44-duration"),
        pytest.param("max-idle-time", f"{10**9}h", "1m to 1d expected", id="46-duration"),
        pytest.param("max-runtime-min", "abc", "whole minutes expected", id="47"),
        pytest.param("max-runtime-min", "0", "at least 1 minutes", id="47-zero"),
        pytest.param("max-runtime-min", "-1", "whole minutes expected", id="47-negative"),
        pytest.param("max-runtime-min", str(10**9), "at most 7200 minutes", id="47-large"),
        *(
            pytest.param(name, value, "write 30s, 30m or 1h", id=f"47a-{name}-{value}")
            for name in ("max-runtime", "registration-token-min-ttl")
            for value in ("30", "30 m", "0s")
        ),
        pytest.param("registration-token-min-ttl", "60m", "1m to 55m expected", id="49"),
        pytest.param("registration-token-min-ttl", "-5", "a duration expected", id="49-negative"),
        pytest.param("github-reg-token-refresh-min", "60", "at most 59 minutes", id="49-original"),
        *(
            pytest.param("resource-class-config", value, "not JSON: ", id=f"50-{number}")
            for number, value in enumerate(("large", "{'large': 1}", '{"a": 1} // b', '{"a": 1,}'))
        ),
        *(
            pytest.param("resource-class-config", value, "an object expected", id=f"51-{value}")
            for value in ("[]", '"x"', "3", "null")
        ),
        pytest.param("resource-class-config", "{}", "at least one class", id="52"),
        pytest.param("resource-class-config", '{"a": {}, "a": {}}', "'a' given twice", id="53"),
        pytest.param("resource-class-config", '{"a": {"cpu": NaN}}', "NaN is not a number", id="54"),
        pytest.param("resource-class-config", '{"a": {"cpu": -Infinity}}', "-Infinity is not a number", id="54-inf"),
        pytest.param("resource-class-config", '{"a": {"cpu": 1e400}}', "1e400 is not a number", id="54-large"),
        pytest.param("resource-class-config", f'{{"a": {{"cpu": {"9" * 5000}}}}}', "too large", id="54-digits"),
        pytest.param("resource-class-config", "[" * 90_000, "too deeply nested", id="55"),
        pytest.param("resource-class-config", '"' + "x" * 10**6 + '"', "too large (1000002 characters)", id="56"),
        *(
            pytest.param(
                "resource-class-config", f'{{"large": {value}}}', "an object expected @ $['large']", id=f"57-{value}"
            )
            for value in ("null", "[]", "4", '"x"')
        ),
        pytest.param(
            "resource-class-config", '{"large": {"mmem": 4096}}', "required field missing @ $['large'].cpu", id="58"
        ),
        pytest.param(
            "resource-class-config", '{"large": {"cpu": 2}}', "required field missing @ $['large'].mmem", id="58-mmem"
        ),
        pytest.param("resource-class-config", json.dumps({"large": {**LARGE, "gpu": 1}}), "gpu", id="59"),
        *(
            pytest.param(
                "resource-class-config",
                json.dumps({"large": {**LARGE, "cpu": value}}),
                "expected int",
                id=f"61-63-{value!r}",
            )
            for value in NO_NUMBERS
        ),
        *(
            pytest.param(
                "resource-class-config",
                json.dumps({"large": {**LARGE, "cpu": value}}),
                "1 to 1024 CPUs",
                id=f"64-cpu-{value}",
            )
            for value in (0, -1, 10**9)
        ),
        *(
            pytest.param(
                "resource-class-config",
                json.dumps({"large": {**LARGE, "mmem": value}}),
                "1 to 33554432 MiB",
                id=f"64-mmem-{value}",
            )
            for value in (0, -1, 10**12)
        ),
        *(
            pytest.param(
                "resource-class-config", json.dumps({value: LARGE}), "letters, digits, - and _", id=f"65-{number}"
            )
            for number, value in enumerate(("", "a b", "a.b", "a/b", "🐎", "a\n", "x" * 81))
        ),
        pytest.param(
            "resource-class-config", json.dumps({"a": LARGE, "b": LARGE}), "'a' and 'b' both have cpu 2", id="67"
        ),
        pytest.param(
            "resource-class-config",
            json.dumps({"b": {"cpu": 4, "mmem": 4096}, "a": LARGE}),
            "'b' has more cpu than 'a' but not more memory (4096 <= 4096 MiB)",
            id="68",
        ),
        pytest.param(
            "resource-class-config",
            json.dumps({f"c{number}": {"cpu": number, "mmem": number} for number in range(1, 52)}),
            "at most 50",
            id="69",
        ),
        pytest.param("pre-runner-script", "#cloud-config\n", "a bash script expected", id="73"),
        pytest.param("pre-runner-script", "#!/usr/bin/python3\n", "a bash script expected", id="73-python"),
        pytest.param("pre-runner-script", "\udc80", "not UTF-8", id="10-script"),
        *(
            pytest.param("actions-runner-version", value, "latest or N.N.N", id=f"78-{number}")
            for number, value in enumerate(("2.325", "2.325.0; rm -rf /", "../..", "2." * 150, "newest"))
        ),
        pytest.param("metadata-hop-limit", "0", "at least 1 hops", id="hops"),
        *(
            pytest.param("clean-github-runners", value, "true or false expected", id=f"88-{value}")
            for value in ("yes", "1", "on", "no")
        ),
        pytest.param("timeout", "30", "write 30s, 30m or 1h", id="47a-timeout"),
        pytest.param("timeout", "29s", "30s to 6h expected", id="timeout"),
        pytest.param("max-instance-age", "59m", "1h to 365d expected", id="age"),
        pytest.param("max-unexpected-terminations", "-1", "whole instances expected", id="unexpected"),
        pytest.param("metadata-hop-limit", "65", "at most 64 hops", id="hops-65"),
        pytest.param("GITHUB_API_URL", "http://ghe.example.com/api/v3", "an https:// address expected", id="84"),
        pytest.param("GITHUB_API_URL", "http://127.0.0.1.example.com", "an https:// address expected", id="84-host"),
        pytest.param("GITHUB_API_URL", "ghe", "an https:// address expected", id="84-no-url"),
        *(
            pytest.param("mode", value, "apply or plan expected", id=f"87-{value}")
            for value in ("provision", "release", "dry-run", "plan,apply")
        ),
        pytest.param(
            "table-name", "another", "the table of this pool is octo-widgets-ci-table; got 'another'", id="table"
        ),
    ],
)
def test_a_bad_value_is_told_with_its_name_the_value_and_a_remedy(name: str, value: str, expected: str) -> None:
    """One problem, and nothing is called."""
    problem = _problem(name, value)
    assert problem.startswith(f"{name}: ")
    assert expected in problem
    assert "; " in problem
    assert len(problem) < 500


def test_a_value_is_cut_where_it_is_shown() -> None:
    """An annotation is no place for a megabyte."""
    assert "got 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...'" in _problem("ami", "x" * 10**6)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        pytest.param("x\r\nX-Evil: 1", "white space inside", id="80"),
        pytest.param("xyzzy\u00e9", "not ASCII", id="81"),
        pytest.param("${{ secrets.X }}", "the secret was not expanded", id="82"),
        pytest.param("***", "the secret was not expanded", id="82-masked"),
        pytest.param("xyzzy\x01y", "control character", id="12-token"),
        pytest.param("xyzzy\udc80y", "not UTF-8", id="10-token"),
    ],
)
def test_a_bad_token_is_refused_without_repeating_it(token: str, expected: str) -> None:
    """Not even a part of it."""
    problem = _problem("github-token", token)
    assert problem.startswith("github-token: ")
    assert expected in problem
    assert "got" not in problem
    for part in ("Evil", "xyzzy", "secrets.X"):
        assert part not in problem


def test_a_token_loses_the_line_end_of_its_secret() -> None:
    """Row 79: PyGithub would take it and the request would fail."""
    assert _load(github_token=" abc\n").secrets.github == Secret("abc")


def test_both_spellings_of_an_input_are_read_and_differing_ones_refused() -> None:
    """Rows 7 and 8: not every launcher can keep a hyphen in a variable's name."""
    environ = good(INPUT_SUBNET_IDS="subnet-01234567")
    (problem,) = _problems(environ)
    assert "given twice" in problem
    del environ["INPUT_SUBNET-IDS"]
    assert inputs.load(environ).desired.subnet_ids == ("subnet-01234567",)
    environ["INPUT_SUBNET-IDS"] = "subnet-01234567"
    assert inputs.load(environ).desired.subnet_ids == ("subnet-01234567",)


def test_an_unknown_input_is_a_warning_with_the_nearest_name() -> None:
    """Row 9; one that is empty is not there."""
    loaded = inputs.load(good(**{"INPUT_SUBNET-ID": "x", "INPUT_QQQQQQ": "y", "INPUT_ZZZ": " "}))
    assert loaded.warnings == (
        "'qqqqqq': is no input of this action and is ignored",
        "'subnet-id': is no input of this action and is ignored; did you mean subnet-ids?",
    )


@pytest.mark.parametrize("separator", [" ", ",", ", ", "\n", "\r\n", "\t", " , \n"])
def test_lists_are_separated_by_white_space_or_commas(separator: str) -> None:
    """Row 13."""
    given_ids = ("subnet-01234567", "subnet-89abcdef")
    assert _load(subnet_ids=separator.join(given_ids)).desired.subnet_ids == given_ids


def test_a_repeated_id_counts_once_and_is_mentioned() -> None:
    """Row 15."""
    loaded = _load(security_group_ids="sg-01234567 sg-01234567")
    assert loaded.desired.security_group_ids == ("sg-01234567",)
    assert loaded.warnings == ("security-group-ids: an id is given more than once; it counts once.",)


@pytest.mark.parametrize(
    ("name", "value", "attribute", "expected"),
    [
        pytest.param("ami", "\ufeffami-01234567", "image", "ami-01234567", id="11-bom"),
        pytest.param("ami", "resolve:ssm:/a/b_c.d-e:3", "image", "resolve:ssm:/a/b_c.d-e:3", id="23"),
        pytest.param(
            "iam-instance-profile",
            "arn:aws-us-gov:iam::123456789012:instance-profile/path/x",
            "instance_profile",
            "arn:aws-us-gov:iam::123456789012:instance-profile/path/x",
            id="26",
        ),
        pytest.param("GITHUB_REPOSITORY", "o/my.repo", "repository", names.Repository("o", "my.repo"), id="31"),
        pytest.param(
            "GITHUB_REPOSITORY",
            f"{'o' * 39}/{'r' * 100}",
            "repository",
            names.Repository("o" * 39, "r" * 100),
            id="32",
        ),
        pytest.param("GITHUB_REPOSITORY", "Foo/Bar", "repository", names.Repository("Foo", "Bar"), id="34"),
        pytest.param("aws-region", "us-gov-east-1\n", "region", "us-gov-east-1", id="36"),
        pytest.param("aws-region", "mars-north-1", "region", "mars-north-1", id="37"),
        pytest.param("max-idle-time", "420", "max_idle_time", timedelta(minutes=7), id="bare"),
        pytest.param("max-idle-time", "420s", "max_idle_time", timedelta(minutes=7), id="seconds"),
        pytest.param("max-idle-time", "7m", "max_idle_time", timedelta(minutes=7), id="minutes"),
        pytest.param("max-idle-time", "24h", "max_idle_time", timedelta(hours=24), id="hours"),
        pytest.param("max-idle-time", "060", "max_idle_time", timedelta(minutes=1), id="zeros"),
        pytest.param("idle-time-sec", "300", "max_idle_time", timedelta(minutes=5), id="original-idle"),
        pytest.param("max-runtime", "90s", "max_runtime", timedelta(seconds=90), id="runtime"),
        pytest.param("max-runtime-min", "45", "max_runtime", timedelta(minutes=45), id="original-runtime"),
        pytest.param(
            "registration-token-min-ttl", "55m", "registration_token_min_ttl", timedelta(minutes=55), id="ttl"
        ),
        pytest.param(
            "github-reg-token-refresh-min", "19", "registration_token_min_ttl", timedelta(minutes=41), id="original-ttl"
        ),
        pytest.param(
            "github-reg-token-refresh-min", "0", "registration_token_min_ttl", timedelta(minutes=55), id="original-0"
        ),
        pytest.param(
            "github-reg-token-refresh-min", "59", "registration_token_min_ttl", timedelta(minutes=1), id="original-59"
        ),
        pytest.param(
            "resource-class-config",
            '{"x-y_Z": {"cpu": "4", "mmem": 8}}',
            "resource_classes",
            (ResourceClass("x-y_Z", 4, 8),),
            id="60",
        ),
        pytest.param(
            "resource-class-config",
            '{"a": {"cpu": 1, "mmem": 1}, "A": {"cpu": 2, "mmem": 2}}',
            "resource_classes",
            (ResourceClass("a", 1, 1), ResourceClass("A", 2, 2)),
            id="66",
        ),
        pytest.param("pre-runner-script", "cat <<EOF\nEOF\n", "pre_runner_script", "cat <<EOF\nEOF\n", id="70"),
        pytest.param("pre-runner-script", "  true", "pre_runner_script", "  true", id="72"),
        pytest.param("pre-runner-script", "#!/bin/zsh\n", "pre_runner_script", "#!/bin/zsh\n", id="73-shell"),
        pytest.param("pre-runner-script", " \n\t", "pre_runner_script", "", id="72-blank"),
        pytest.param(
            "pre-runner-script", "echo \u200b\x1b[1m", "pre_runner_script", "echo \u200b\x1b[1m", id="11-script"
        ),
        pytest.param("actions-runner-version", "v2.335.0", "runner_version", "2.335.0", id="77"),
        pytest.param("actions-runner-version", "Latest", "runner_version", None, id="78"),
        pytest.param("runner-user", "builder_1", "runner_user", "builder_1", id="user"),
        pytest.param("clean-github-runners", "FALSE", "clean_github_runners", False, id="88"),
        pytest.param("clean-github-runners", "True", "clean_github_runners", True, id="88-true"),
        pytest.param("timeout", "2m", "timeout", timedelta(minutes=2), id="timeout"),
        pytest.param("max-instance-age", "14d", "max_instance_age", timedelta(days=14), id="age"),
        pytest.param("max-unexpected-terminations", "0", "max_unexpected_terminations", 0, id="unexpected"),
        pytest.param("metadata-hop-limit", "2", "metadata_hop_limit", 2, id="hops"),
        pytest.param(
            "GITHUB_API_URL",
            "https://ghe.example.com/api/v3/",
            "github_api_url",
            "https://ghe.example.com/api/v3",
            id="84",
        ),
        pytest.param(
            "GITHUB_API_URL", "http://127.0.0.1:5000", "github_api_url", "http://127.0.0.1:5000", id="84-loopback"
        ),
        pytest.param("mode", "PLAN", "mode", Mode.PLAN, id="87"),
        pytest.param("mode", "refresh", "mode", Mode.APPLY, id="87-original"),
    ],
)
def test_a_good_value_is_taken(name: str, value: str, attribute: str, expected: object) -> None:
    """Normalised where that is safe."""
    loaded = inputs.load(good(**{name if name.isupper() else f"INPUT_{name.upper()}": value}))
    assert getattr(loaded.desired, attribute) == expected


def test_plain_http_is_for_tests_that_ask_for_it() -> None:
    """The token would travel in the clear."""
    environ = good(GITHUB_API_URL="http://github:8080", REFRESH_ALLOW_HTTP="true")
    assert inputs.load(environ).desired.github_api_url == "http://github:8080"


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"max_idle_time": "7m"}, {"idle_time_sec": "420"}),
        ({"max_runtime": "30m"}, {"max_runtime_min": "30"}),
        ({"registration_token_min_ttl": "40m"}, {"github_reg_token_refresh_min": "20"}),
    ],
)
def test_an_original_s_name_is_a_warning_and_both_names_an_error(new: dict[str, str], old: dict[str, str]) -> None:
    """Even if they say the same."""
    (old_name,) = (name.replace("_", "-") for name in old)
    (new_name,) = (name.replace("_", "-") for name in new)
    assert _load(**old).desired == _load(**new).desired
    assert _load(**old).warnings == (f"{old_name}: is deprecated; use {new_name}.",)
    with pytest.raises(InputErrors) as caught:
        _load(**old, **new)
    assert caught.value.problems == (
        f"{new_name}: given together with {old_name}, its deprecated name; keep {new_name}",
    )


def test_inputs_of_the_original_s_other_modes_are_a_notice() -> None:
    """Its step works unchanged."""
    loaded = _load(mode="refresh", instance_count="3", usage_class="spot", allowed_instance_types="c*", table_name="")
    assert [notice.partition(":")[0] for notice in loaded.notices] == list(inputs.IGNORED)
    assert loaded.warnings == ()


def test_the_contract_s_table_name_is_taken_and_any_other_refused_only_if_the_repository_is_known() -> None:
    """A differing one would split the pool in two."""
    assert _load(table_name="octo-widgets-ci-table").warnings == ()
    environ = good(**{"INPUT_TABLE-NAME": "other"})
    del environ["GITHUB_REPOSITORY"]
    (problem,) = _problems(environ)
    assert problem.startswith("GITHUB_REPOSITORY: ")


def test_the_region_comes_from_the_input_then_the_two_variables() -> None:
    """The original ignores the last of them and takes us-east-1, so it is a warning."""
    environ = good()
    del environ["AWS_REGION"]
    assert inputs.load({**environ, "AWS_REGION": "eu-west-1"}).warnings == ()
    loaded = inputs.load({**environ, "AWS_DEFAULT_REGION": "eu-north-1"})
    assert loaded.desired.region == "eu-north-1"
    assert "us-east-1" in loaded.warnings[0]
    both = inputs.load({**environ, "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-north-1"})
    assert (both.desired.region, both.warnings) == ("eu-west-1", ())
    (problem,) = _problems({**environ, "AWS_REGION": "nowhere"})
    assert problem.startswith("AWS_REGION: not an AWS region")


def test_a_region_that_differs_from_the_job_s_is_a_warning() -> None:
    """Row 39: provision and release may look elsewhere."""
    loaded = _load(aws_region="us-west-2")
    assert loaded.desired.region == "us-west-2"
    assert loaded.warnings == ("aws-region: us-west-2 is used although AWS_REGION is eu-west-1.",)
    assert _load(aws_region="eu-west-1").warnings == ()


@pytest.mark.parametrize(
    ("present", "missing"),
    [("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID")],
)
def test_half_credentials_are_refused(present: str, missing: str) -> None:
    """Row 86."""
    (problem,) = _problems(good(**{present: "x"}))
    assert problem == f"{missing}: is missing beside its other half; set both or neither"


def test_a_runtime_shorter_than_the_idle_time_is_a_warning() -> None:
    """Row 48."""
    assert _load(max_runtime="5m").warnings == (
        "max-runtime (5m) is shorter than max-idle-time (7m): runners may live longer idle than at work.",
    )


def test_crlf_in_the_script_is_a_warning_and_travels_as_it_is() -> None:
    """Row 71."""
    loaded = _load(pre_runner_script="true\r\n")
    assert loaded.desired.pre_runner_script == "true\r\n"
    assert loaded.warnings == ("pre-runner-script: has CRLF line ends; bash will see them.",)


def test_a_script_with_the_token_in_it_is_refused() -> None:
    """Row 76: user data can be read by everyone on the instance."""
    problem = _problem("pre-runner-script", "curl -H 'Authorization: PAT-CANARY-5e1f'")
    assert "holds the github-token" in problem
    assert "CANARY" not in problem


def _fits(script: str) -> bool:
    try:
        user_data.render(user_data.Settings.at_their_longest("eu-west-1", "octo-widgets-ci-table", script))
    except user_data.TooLarge:
        return False
    return True


def test_user_data_that_ec2_takes_is_taken_and_one_byte_more_is_refused_by_how_much() -> None:
    """Row 74: compressed where it must be, judged with every header value at its longest and hard to compress."""
    script = "".join(random.Random(7).choices(string.printable[:94], k=20_000))  # noqa: S311 - no secret
    longest = bisect.bisect_left(range(len(script)), 1, key=lambda length: not _fits(script[:length])) - 1
    assert 9_000 < longest < 13_000
    assert _load(pre_runner_script=script[:longest]).desired.pre_runner_script == script[:longest]
    problem = _problem("pre-runner-script", script[: longest + 1])
    found = re.search(r"has (\d+) bytes and (\d+) when compressed, (\d+) above the limit of 16384; shorten", problem)
    assert found
    size, packed, excess = map(int, found.groups())
    assert size > packed
    assert 0 < excess == packed - user_data.SIZE_LIMIT < 8


@pytest.mark.parametrize(("more", "given"), [("", "x64"), ("Latest", "x64"), (None, "")])
def test_checksums_go_with_a_pinned_version(more: str | None, given: str) -> None:
    """Else the next release would fail on every instance."""
    if more is None:
        loaded = _load(actions_runner_version="2.335.1", actions_runner_sha256=f"x64={'A' * 64}\narm64={'b' * 64}")
        assert loaded.desired.runner_checksums == (("arm64", "b" * 64), ("x64", "a" * 64))
        return
    problems = _problems(
        good(**{"INPUT_ACTIONS-RUNNER-VERSION": more, "INPUT_ACTIONS-RUNNER-SHA256": f"{given}={'a' * 64}"})
    )
    assert [problem.partition(":")[0] for problem in problems] == ["actions-runner-sha256"]
    assert "pin the version" in problems[0]


@pytest.mark.parametrize(
    ("given", "server"),
    [
        ({}, "https://github.com"),
        ({"GITHUB_API_URL": "https://api.github.com"}, "https://github.com"),
        ({"GITHUB_API_URL": "https://ghe.example.com/api/v3"}, "https://ghe.example.com"),
        ({"GITHUB_API_URL": "https://api.octo.ghe.com"}, "https://octo.ghe.com"),
        (
            {"GITHUB_API_URL": "https://x.example/api/v3", "GITHUB_SERVER_URL": "https://y.example/"},
            "https://y.example",
        ),
    ],
)
def test_runners_register_where_github_is(given: dict[str, str], server: str) -> None:
    """From a terminal its API's address may be all that is known."""
    assert inputs.load(good(**given)).desired.registration_url == f"{server}/octo/widgets"


@pytest.mark.parametrize("server", ["http://github.example.com", "github.com", "https://" + "x" * 57])
def test_a_server_that_instances_cannot_be_told_is_refused(server: str) -> None:
    """It is part of the user data, whose size is judged before."""
    assert [problem.partition(":")[0] for problem in _problems(good(GITHUB_SERVER_URL=server))] == ["GITHUB_SERVER_URL"]


def test_a_script_is_not_measured_without_a_repository() -> None:
    """Its size depends on the table's name; the missing repository is the problem to tell."""
    environ = good(**{"INPUT_PRE-RUNNER-SCRIPT": "#" * 20_000})
    del environ["GITHUB_REPOSITORY"]
    assert len(_problems(environ)) == 1


def test_the_run_is_named_where_github_names_it() -> None:
    """It is written to what the run ends."""
    environ = good(GITHUB_SERVER_URL="https://github.com", GITHUB_RUN_ID="77")
    assert inputs.load(environ).desired.run_url == "https://github.com/octo/widgets/actions/runs/77"
    assert inputs.load(good()).desired.run_url == ""


def test_the_secret_is_in_no_text_of_what_was_loaded() -> None:
    """Neither by repr nor by str."""
    loaded = inputs.load(good())
    for shown in (repr(loaded), str(loaded), str(loaded.secrets.github), f"{loaded.secrets}"):
        assert "CANARY" not in shown
    assert str(loaded.secrets.github) == "***"


@pytest.mark.parametrize(
    ("length", "expected"),
    [(0, "0s"), (59, "59s"), (60, "1m"), (90, "90s"), (3600, "1h"), (5400, "90m"), (86400, "1d")],
)
def test_a_duration_is_shown_as_it_is_written(length: int, expected: str) -> None:
    """In the largest unit that is whole."""
    assert parsers.shown(timedelta(seconds=length)) == expected


def test_every_default_in_force_loads_as_itself() -> None:
    """What a default shows can be given back."""
    defaults = DesiredState(
        repository=names.Repository("o", "r"),
        region="r",
        image="i",
        instance_profile="p",
        security_group_ids=(),
        subnet_ids=(),
    )
    loaded = _load(
        max_idle_time=parsers.shown(defaults.max_idle_time),
        max_runtime=parsers.shown(defaults.max_runtime),
        registration_token_min_ttl=parsers.shown(defaults.registration_token_min_ttl),
        resource_class_config=json.dumps(
            {each.name: {"cpu": each.cpu, "mmem": each.memory_mib} for each in defaults.resource_classes}
        ),
        metadata_hop_limit=str(defaults.metadata_hop_limit),
        mode=defaults.mode.value,
        actions_runner_version="latest",
    )
    assert loaded == inputs.load(good())


VARIABLES = st.sampled_from(
    [*good(), *(f"INPUT_{name.upper()}" for name in inputs.ALL), "INPUT_X", "GITHUB_API_URL", "AWS_DEFAULT_REGION"]
)
TEXTS = st.one_of(
    st.text(st.characters()),  # surrogates included
    st.from_regex(r"(ami|sg|subnet)-[0-9a-f]{8}", fullmatch=True),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=5,
    ).map(json.dumps),
    st.from_regex(r"[0-9]{1,6}[smh]?", fullmatch=True),
)


@settings(max_examples=int(os.environ.get("REFRESH_EXAMPLES", "300")), deadline=None)
@given(st.dictionaries(VARIABLES, TEXTS), st.booleans())
def test_whatever_is_given_it_loads_or_tells_every_problem(environ: dict[str, str], on_top_of_good: Any) -> None:
    """No other exception ever escapes, and no problem shows the token."""
    base = good() if on_top_of_good else {}
    problems: tuple[str, ...] = ()
    try:
        inputs.load({**base, **environ})
    except InputErrors as error:
        problems = error.problems or ("",)
    assert all(": " in problem for problem in problems)


@settings(deadline=None)
@given(st.from_regex(r"[!-~]{8,60}", fullmatch=True))
def test_no_problem_repeats_the_token(token: str) -> None:
    """Whichever other input is wrong."""
    environ = good(
        **{"INPUT_GITHUB-TOKEN": token, "INPUT_AMI": "?", "INPUT_MODE": "?", "INPUT_PRE-RUNNER-SCRIPT": token}
    )
    assert not any(token in problem for problem in _problems(environ))


@given(st.text())
def test_parsers_raise_nothing_but_problems(value: str) -> None:
    """On their own, too."""
    for parse in (
        parsers.visible,
        parsers.image,
        parsers.region,
        parsers.repository,
        actions_runner.runner_version,
        actions_runner.runner_checksums,
        actions_runner.runner_user,
        resource_classes,
        parsers.duration(timedelta(0), timedelta(days=1), bare_seconds=True),
        parsers.whole_number("x", 0, 10),
    ):
        with contextlib.suppress(Problem):
            parse(value)
