"""The inputs that are ids: images, instance profiles, security groups and subnets."""

from __future__ import annotations

import pytest

from refresh import inputs
from tests.unit.inputs.bad_inputs import environ, load, row, rows, told

GROUP, SUBNET, NAME = "security-group-ids", "subnet-ids", "iam-instance-profile"
GROUPS = " ".join(f"sg-{number:08x}" for number in range(200))
SUBNETS = " ".join(f"subnet-{number:08x}" for number in range(200))
NO_SUBNET, NO_AMI = "is not a subnet id", "not an AMI id"
NO_PROFILE = "not an instance profile name or ARN"


@pytest.mark.shows("B14", "B16", "B17", "B18", "B19", "B20", "B21", "B22", "B24", "B27")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        *rows("14", SUBNET, "write ids separated by spaces", one='["subnet-01234567"]', none="[]"),
        *rows("14", GROUP, "write ids separated by spaces", two='["sg-01234567", "sg-89abcdef"]'),
        row("16", "dash", SUBNET, "subnet\u2013123", "is not an id: it holds U+2013"),
        row("16", "fullwidth", GROUP, "sg-0123456\uff17", "is not an id: it holds U+FF17"),
        *rows("17", GROUP, "remove the quotes", double='"sg-01234567"', single="'sg-01234567'", half='"sg-01234567'),
        *rows("17", SUBNET, "remove the quotes", second="subnet-01234567 'subnet-89abcdef'"),
        row("18", "groups", GROUP, GROUPS, "200 ids; at most 16"),
        row("18", "subnets", SUBNET, SUBNETS, "200 ids; at most 50"),
        row("18", "17-groups", GROUP, GROUPS[: 17 * 12].strip(), "17 ids; at most 16"),
        row("18", "none", SUBNET, ",", "0 ids; at most 50 and at least 1"),
        row("19", "group", GROUP, "subnet-01234567", "a subnet id where a security group id is expected"),
        row("19", "subnet", SUBNET, "sg-01234567", "a security group id where a subnet id is expected"),
        row("20", "name", GROUP, "default", "give the id (sg- and 8 or 17 hexadecimal digits), not a name"),
        row("20", "second", GROUP, "sg-01234567 web", "'web' is not a security group id"),
        *rows(
            "21",
            SUBNET,
            NO_SUBNET,
            upper_case="subnet-XYZ",
            upper_hex="subnet-0123ABCD",
            short="subnet-0123456",
            nine="subnet-012345678",
            eighteen="subnet-0123456789abcdef01",
            other_prefix="vpc-01234567",
        ),
        *rows("22", "ami", NO_AMI, empty="ami-", upper_case="AMI-123", no_hex="ami-zzzzzzzz", two="ami-01234567 x"),
        row("23", "nothing", "ami", "resolve:ssm:", NO_AMI),
        *rows("24", "ami", NO_AMI, name="ubuntu-24.04", path="amazon/al2023"),
        *rows("27", NAME, NO_PROFILE, long="x" * 129, space="a b", slash="a/b"),
        row("27", "role", NAME, "arn:aws:iam::123456789012:role/x", "the ARN of a role, not of an instance profile"),
    ],
)
def test_what_is_no_id_of_its_kind_is_told_with_the_value_and_a_remedy(name: str, value: str, expected: str) -> None:
    """AWS would answer later, and of a launch only when a job waits for it."""
    told(name, value, expected)


@pytest.mark.shows("B13")
@pytest.mark.parametrize(
    "separator",
    [
        row("13", what, separator)
        for what, separator in {
            "space": " ",
            "comma": ",",
            "comma-and-space": ", ",
            "newline": "\n",
            "crlf": "\r\n",
            "tab": "\t",
            "all": " , \r\n",
        }.items()
    ],
)
def test_lists_are_separated_by_white_space_or_commas(separator: str) -> None:
    """Whatever YAML made of it."""
    given = ("subnet-01234567", "subnet-89abcdef")
    assert load(subnet_ids=separator.join(given)).desired.subnet_ids == given


@pytest.mark.shows("B15")
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        row(
            "15", "groups", GROUP, "sg-01234567 sg-01234567", f"{GROUP}: an id is given more than once; it counts once."
        ),
        row(
            "15", "subnets", SUBNET, "subnet-01234567,subnet-01234567", "an id is given more than once; it counts once."
        ),
    ],
)
def test_a_repeated_id_counts_once_and_is_mentioned(name: str, value: str, expected: str) -> None:
    """AWS would refuse the list."""
    loaded = inputs.load(environ({name: value}))
    assert getattr(loaded.desired, name.replace("-", "_")) == (value[: len(value) // 2],)
    (warning,) = loaded.warnings
    assert expected in warning


@pytest.mark.shows("B18")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        row("18", "16-groups", GROUP, GROUPS[: 16 * 12].strip()),
        row("18", "50-subnets", SUBNET, SUBNETS[: 50 * 16].strip()),
    ],
)
def test_as_many_ids_as_aws_takes_are_taken(name: str, value: str) -> None:
    """Without a warning."""
    loaded = inputs.load(environ({name: value}))
    assert getattr(loaded.desired, name.replace("-", "_")) == tuple(value.split())
    assert loaded.warnings == ()


@pytest.mark.shows("B23", "B26")
@pytest.mark.parametrize(
    ("name", "value", "attribute"),
    [
        row("22", "short", "ami", "ami-01234567", "image"),
        row("22", "long", "ami", "ami-0123456789abcdef0", "image"),
        row("23", "path", "ami", "resolve:ssm:/path", "image"),
        row("23", "version", "ami", "resolve:ssm:/a/b_c.d-e:3", "image"),
        row("26", "arn", NAME, "arn:aws:iam::123456789012:instance-profile/runners", "instance_profile"),
        row("26", "path", NAME, "arn:aws-us-gov:iam::123456789012:instance-profile/path/x", "instance_profile"),
        row("27", "128", NAME, "x" * 128, "instance_profile"),
    ],
)
def test_what_aws_takes_is_kept_as_it_is(name: str, value: str, attribute: str) -> None:
    """A parameter is followed by new instances, not by us; an ARN is sent as one."""
    loaded = inputs.load(environ({name: value}))
    assert getattr(loaded.desired, attribute) == value
    assert loaded.warnings == ()
