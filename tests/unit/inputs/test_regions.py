"""AWS's regions: which can exist, which are known, and what was probably meant."""

from __future__ import annotations

from typing import TYPE_CHECKING

import botocore.session
import pytest

from refresh import inputs
from refresh.inputs.regions import KNOWN_REGIONS
from tests.unit.inputs.bad_inputs import environ, load, refused, row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION = "aws-region"


@pytest.mark.shows("B35", "B36", "B37a")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B35", REGION, "us-east-1", zone="us-east-1a"),
        *rows("B35", REGION, "eu-central-1", remedy="eu-central-1b"),
        *rows("B35", REGION, "us-west-2", local="us-west-2-lax-1a", wavelength="us-west-2-wl1-den-wlz-1"),
        *rows("B36", REGION, "region", name="US East", word="Ireland", zero="us-east-01"),
        *rows("B36", REGION, "us-east-1", underscores="us_east_1", upper="US-EAST-1"),
        *rows("B37a", REGION, "wst is not a direction", direction="eu-wst-1"),
        *rows("B37a", REGION, "us-east-1", swapped="us-esat-1", zone="us-esat-1a"),
        *rows("B37a", REGION, "region", mars="mars-1"),
        row("B36", "variable", {"AWS_REGION": "nowhere"}, "region"),
    ],
)
def test_regions_that_cannot_exist_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)


@pytest.mark.shows("B36")
@pytest.mark.parametrize("value", [row("B36", "newline", "us-east-1\n"), row("B36", "crlf", " us-east-1\r\n")])
def test_region_loses_the_white_space_around_it(value: str) -> None:
    assert load(aws_region=value, AWS_REGION="").desired.region == "us-east-1"


@pytest.mark.shows("B37")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B37", "new", {REGION: "eu-north-9", "AWS_REGION": ""}, "eu-north-1"),
        row("B37", "variable", {"AWS_REGION": "eu-north-9"}, "eu-north-1"),
        row("B37", "country", {"AWS_REGION": "qqq-west-1"}, "botocore"),
        row("B37", "far", {"AWS_REGION": "zz-yyyyyyyy-xxxxxxxxxx-central-99"}, "spell"),
    ],
)
def test_unknown_region_is_taken_with_a_warning(given: Mapping[str, str], key: str) -> None:
    loaded = inputs.load(environ(given))
    assert loaded.desired.region == next(iter(given.values()))
    (warning,) = loaded.warnings
    assert loaded.desired.region in warning
    assert key in warning


def test_known_regions_are_those_of_botocore() -> None:
    """They are written down because asking botocore takes longer than all other checks."""
    session = botocore.session.Session()
    theirs = {
        region
        for partition in session.get_available_partitions()
        for service in ("ec2", "sqs", "dynamodb")
        for region in session.get_available_regions(service, partition)
    }
    assert theirs == KNOWN_REGIONS
