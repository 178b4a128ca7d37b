"""Values of single inputs: ids, numbers, words, tokens and addresses."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refresh import inputs
from refresh.credentials import Secret
from refresh.desired import Mode
from refresh.inputs import parsers, table
from refresh.inputs.parsers import Problem
from tests.unit.inputs.bad_inputs import environ, load, refused, row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

GROUP, SUBNET, PROFILE, HOPS = "security-group-ids", "subnet-ids", "iam-instance-profile", "metadata-hop-limit"
REPOSITORY, API, SERVER, TOKEN = "GITHUB_REPOSITORY", "GITHUB_API_URL", "GITHUB_SERVER_URL", "github-token"
GROUPS = " ".join(f"sg-{number:08x}" for number in range(200))
SUBNETS = " ".join(f"subnet-{number:08x}" for number in range(200))
BOOLEANS = [each.name for each in table.of(table.REFRESH) if each.type == "boolean"]


@given(st.text(st.characters()).filter(bool))
@example("\ufeff")
@example("9" * 5000)
@example("9" * 5000 + "d")
def test_parsers_raise_nothing_but_problems(value: str) -> None:
    """An empty text never reaches them: it is an input that is left out."""
    for parse in (*(each.parse for each in table.INPUTS), parsers.visible, parsers.server_url(allow_http=True)):
        with contextlib.suppress(Problem):
            parse(value)


@pytest.mark.shows("B14", "B16", "B17", "B18", "B19", "B20", "B21", "B22", "B24", "B27")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B14", SUBNET, "JSON", one='["subnet-01234567"]', none="[]"),
        *rows("B14", GROUP, "JSON", two='["sg-01234567", "sg-89abcdef"]'),
        row("B16", "dash", {SUBNET: "subnet\u2013123"}, "U+2013"),
        row("B16", "fullwidth", {GROUP: "sg-0123456\uff17"}, "U+FF17"),
        *rows("B17", GROUP, "quotes", double='"sg-01234567"', single="'sg-01234567'", half='"sg-01234567'),
        *rows("B17", SUBNET, "quotes", second="subnet-01234567 'subnet-89abcdef'"),
        row("B18", "groups", {GROUP: GROUPS}, "16"),
        row("B18", "subnets", {SUBNET: SUBNETS}, "50"),
        row("B18", "17-groups", {GROUP: GROUPS[: 17 * 12].strip()}, "17 ids"),
        row("B18", "none", {SUBNET: ","}, "0 ids"),
        row("B19", "group", {GROUP: "subnet-01234567"}, "a subnet id where a security group id"),
        row("B19", "subnet", {SUBNET: "sg-01234567"}, "a security group id where a subnet id"),
        row("B20", "name", {GROUP: "default"}, "not a name"),
        row("B20", "second", {GROUP: "sg-01234567 web"}, "'web'"),
        *rows("B21", SUBNET, "subnet id", upper="subnet-XYZ", upper_hex="subnet-0123ABCD", short="subnet-0123456"),
        *rows("B21", SUBNET, "subnet id", nine="subnet-012345678", eighteen=f"subnet-{'0' * 18}", vpc="vpc-01234567"),
        row("B21", "long", {SUBNET: "x" * 10**6}, "x..."),
        *rows("B22", "ami", "AMI id", empty="ami-", upper="AMI-123", no_hex="ami-zzzzzzzz", two="ami-01234567 x"),
        row("B23", "nothing", {"ami": "resolve:ssm:"}, "AMI id"),
        *rows("B24", "ami", "AMI id", name="ubuntu-24.04", path="amazon/al2023", long="x" * 10**6),
        *rows("B27", PROFILE, "instance profile", long="x" * 129, space="a b", slash="a/b"),
        row("B27", "role", {PROFILE: "arn:aws:iam::123456789012:role/x"}, "a role"),
    ],
)
def test_bad_ids_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)


@pytest.mark.shows("B13")
@pytest.mark.parametrize("separator", [row("B13", repr(each), each) for each in (" ", ",", "\n", "\r\n", " , \t")])
def test_lists_are_separated_by_white_space_or_commas(separator: str) -> None:
    ids = ("subnet-01234567", "subnet-89abcdef")
    assert load(subnet_ids=separator.join(ids)).desired.subnet_ids == ids


@pytest.mark.shows("B15")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B15", "groups", {GROUP: "sg-01234567 sg-01234567"}, GROUP),
        row("B15", "subnets", {SUBNET: "subnet-01234567,subnet-01234567"}, SUBNET),
    ],
)
def test_repeated_ids_count_once_with_a_warning(given: dict[str, str], key: str) -> None:
    loaded = inputs.load(environ(given))
    assert getattr(loaded.desired, key.replace("-", "_")) == (given[key][: len(given[key]) // 2],)
    (warning,) = loaded.warnings
    assert warning.startswith(f"{key}: ")


@pytest.mark.shows("B18", "B23", "B26")
@pytest.mark.parametrize(
    ("name", "value", "field"),
    [
        row("B18", "16-groups", GROUP, GROUPS[: 16 * 12].strip(), "security_group_ids"),
        row("B18", "50-subnets", SUBNET, SUBNETS[: 50 * 16].strip(), "subnet_ids"),
        row("B22", "short", "ami", "ami-01234567", "image"),
        row("B23", "path", "ami", "resolve:ssm:/path", "image"),
        row("B23", "version", "ami", "resolve:ssm:/a/b_c.d-e:3", "image"),
        row("B26", "arn", PROFILE, "arn:aws:iam::123456789012:instance-profile/runners", "instance_profile"),
        row("B26", "path", PROFILE, "arn:aws-us-gov:iam::123456789012:instance-profile/path/x", "instance_profile"),
        row("B27", "128", PROFILE, "x" * 128, "instance_profile"),
    ],
)
def test_ids_are_taken_as_they_are(name: str, value: str, field: str) -> None:
    loaded = inputs.load(environ({name: value}))
    found = getattr(loaded.desired, field)
    assert (found if isinstance(found, str) else " ".join(found), loaded.warnings) == (value, ())


@pytest.mark.shows("A44", "B29", "B30", "B84")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B29", REPOSITORY, "owner/name", name="repo", no_owner="/repo", no_name="owner/", three="a/b/c"),
        *rows("B29", REPOSITORY, "owner/name", dots="o/..", dot="o/.", both="../.", dots_alone="..", dot_alone="."),
        row("B29", "address", {REPOSITORY: "https://github.com/octo/widgets"}, "octo/widgets"),
        row("B29", "clone", {REPOSITORY: "git@github.com:octo/wid.gets.git"}, "octo/wid.gets"),
        *rows("B30", REPOSITORY, "owner/name", command="o/$(id)", tick="o/`id`", quote="o/'", double='o/"'),
        *rows("B30", REPOSITORY, "owner/name", newline="o/r\nx", dash="-o/r", control="o/r\x00", lone="o/r\udc80"),
        *rows("B30", "repository", "owner/name", command="o/$(id)", three="a/b/c", dots="o/..", newline="o/r\nx"),
        row("B32", "101", {REPOSITORY: f"o/{'r' * 101}"}, "owner/name"),
        row("B84", "server", {SERVER: "http://ghe.example.com"}, "https://<host>"),
        *rows("B84", API, "https://", http="http://host", ghes="http://ghe.example.com/api/v3", no_url="ghe"),
        *rows("B84", API, "https://", like_loopback="http://127.0.0.1.example.com", file="file:///etc/passwd"),
        *rows("B84", API, "https://", space="https://a b"),
    ],
)
def test_bad_repositories_and_addresses_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)


@pytest.mark.shows("B87", "B88")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B87", "mode", "plan", provision="provision", release="release", dry_run="dry-run", both="plan,apply"),
        *(each for name in BOOLEANS for each in rows("B88", name, "true or false", yes="yes", one="1", on="on")),
        *rows("format", "log-format", "json", yaml="yaml"),
        *rows("hops", HOPS, "at least 1", zero="0", negative="-0"),
        *rows("hops", HOPS, "at most 64", more="65"),
        *rows("instances", "max-unexpected-terminations", "0", negative="-1", share="20%", dash="-", two="--1"),
        *rows("instances", "max-unexpected-terminations", "at most 10000", more="10001"),
        *rows("volume", "root-volume-size", "16384", zero="0", more="16385", unit="50G"),
    ],
)
def test_other_words_and_numbers_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)


@pytest.mark.shows("B87", "B88")
@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        row("B87", "plan", "mode", "PLAN", "mode", Mode.PLAN),
        row("B87", "apply", "mode", "Apply", "mode", Mode.APPLY),
        row("B87", "original", "mode", "refresh", "mode", Mode.APPLY),
        row("B88", "True", "fail-on-drift", "True", "fail_on_drift", True),
        row("B88", "FALSE", "clean-github-runners", "FALSE", "clean_github_runners", False),
        row("number", "zero", "max-unexpected-terminations", "0", "max_unexpected_terminations", 0),
        row("number", "zeros", HOPS, "0000002", "metadata_hop_limit", 2),
        row("number", "most", HOPS, "64", "metadata_hop_limit", 64),
    ],
)
def test_words_in_any_case_and_numbers_in_range_are_taken(name: str, value: str, field: str, expected: Any) -> None:
    assert getattr(inputs.load(environ({name: value})).desired, field) == expected


@pytest.mark.shows("B79")
@pytest.mark.parametrize("token", [row("B79", repr(each), each) for each in ("abc\n", "abc ", " abc\r\n")])
def test_token_loses_the_white_space_around_it(token: str) -> None:
    assert load(github_token=token).secrets.github == Secret("abc")


@pytest.mark.shows("B80", "B81", "B82")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B80", TOKEN, "white space", header="xyzzy\r\nX-Evil: 1", space="xyzzy Evil", tab="xyzzy\tEvil"),
        *rows("B81", TOKEN, "ASCII", letter="xyzzy\u00e9", cyrillic="xyzzy\u0430"),
        *rows("B82", TOKEN, "expanded", expression="${{ secrets.X }}", inside="xyzzy${{secrets.X}}", mask="***"),
        row("B12", "token", {TOKEN: "\x0b"}, "U+000B"),
    ],
)
def test_bad_tokens_are_refused_without_being_shown(given: Mapping[str, str], key: str) -> None:
    problem = refused(given, key)
    assert not any(part in problem for part in ("Evil", "xyzzy", "secrets.X", "***"))


@pytest.mark.parametrize("value", ["*", "gpu", "GPU_2.x", ".", "a" * 40])
def test_the_name_of_a_pool_is_in_lower_case(value: str) -> None:
    """GitHub ignores the case of labels: `Tests` and `tests` would share machines."""
    assert parsers.pool_names(value) == value.lower()
    if value != "*":
        assert parsers.pool_name(value) == value.lower()


@pytest.mark.parametrize("value", ["a" * 41, "a-b", "a b", "**", "a*", "a/b", "\u00e9", "\uff11", "a\n", "${{ x }}"])
def test_what_no_label_can_hold_is_no_name_of_a_pool(value: str) -> None:
    for parse in (parsers.pool_name, parsers.pool_names):
        with pytest.raises(Problem):
            parse(value)


@pytest.mark.parametrize("value", ["1", "77", "9" * 20])
def test_the_id_of_a_run_is_taken_as_it_is(value: str) -> None:
    assert parsers.run_id(value) == value


@pytest.mark.parametrize(
    "value", ["0", "077", "-7", "+7", "7.0", "7 ", "7\n", "9" * 21, "\u0667", "1_000", "0x7", "77-gpu"]
)
def test_another_number_or_text_is_no_id_of_a_run(value: str) -> None:
    with pytest.raises(Problem):
        parsers.run_id(value)
