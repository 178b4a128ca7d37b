"""The inputs about AWS resources: tags, volumes, and how many instances there may and must be."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest

from refresh.desired import RootVolume
from refresh.inputs import resources
from refresh.pool.usage import UsageClass
from tests.unit.inputs.bad_inputs import load, refused, row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

FORTY = "\n".join(f"k{number}=v" for number in range(40))


def test_tags_are_lines_of_key_and_value() -> None:
    """Whatever the line ends and the spaces around; a value may be empty, and hold an = and letters of any script."""
    given = "team = ci\r\n\n  cost-center=42\nurl=https://example.com/_a=b \nempty=\nort=Zürich-Süd"
    assert load(tags=given).desired.tags == (
        ("cost-center", "42"),
        ("empty", ""),
        ("ort", "Zürich-Süd"),
        ("team", "ci"),
        ("url", "https://example.com/_a=b"),
    )
    assert load(tags=f"team={'x' * 256}").desired.tags == (("team", "x" * 256),)
    assert len(load(tags=FORTY).desired.tags) == 40


@pytest.mark.parametrize("key", ["a", "A-Z_0-9", "org:team", "a+b.c@d", "...", "_indexes", "k" * 128])
def test_keys_that_instance_metadata_can_carry_are_taken(key: str) -> None:
    assert resources.tags(f"{key}=x") == ((key, "x"),)


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("team", "'team'"),
        ("cost center=42", "'cost center'"),
        ("org/team=ci", "'org/team'"),
        ("größe=1", "'größe'"),
        ("a,b=x", "'a,b'"),
        (".=x", "'.'"),
        ("..=x", "'..'"),
        ("_index=x", "'_index'"),
        ("=x", "''"),
        (f"{'k' * 129}=x", "metadata"),
        ("aws:team=ci", "'aws:team'"),
        ("AWS:team=ci", "'AWS:team'"),
        ("AllowSelfTermination=true", "reserved"),
        ("InitialRunId=42", "reserved"),
        ("refresh-action:protect=true", "reserved"),
        ("team=a&b", "team"),
        (f"team={'v' * 257}", "team"),
        ("team=a\nteam=b", "twice"),
        (f"{FORTY}\nmore=v", "41 tags"),
    ],
)
def test_tags_that_would_break_something_are_refused(lines: str, key: str) -> None:
    """A key that metadata cannot carry makes every launch fail; a protected pool would never end an instance."""
    refused({"tags": lines}, key)


def test_all_bad_tags_are_reported_together() -> None:
    problem = refused({"tags": "a b=1\nteam\nok=1\naws:x=2"}, "'a b'")
    assert [word in problem for word in ("'team'", "'aws:x'", "ok ")] == [True, True, False]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({"root_volume_size": "50"}, RootVolume(50, None)),
        ({"root_volume_type": "gp2"}, RootVolume(None, "gp2")),
        ({"root_volume_size": "16384", "root_volume_type": "gp3"}, RootVolume(16384, "gp3")),
    ],
)
def test_root_volume_is_the_image_s_where_nothing_is_given(given: dict[str, str], expected: RootVolume | None) -> None:
    assert load(**given).desired.root_volume == expected


@pytest.mark.parametrize("given", [{"root-volume-type": "io2"}, {"root-volume-type": "GP3"}])
def test_volume_types_that_need_more_settings_are_refused(given: Mapping[str, str]) -> None:
    refused(given, "gp2 or gp3")


LIMITS = "max-instances"
SMALL = '{"small": {"cpu": 1, "mmem": 512}}'


def test_instances_are_limited_by_class() -> None:
    given = '{"xlarge": 0, "large": "20", "2xlarge": 10000}'
    assert load(max_instances=given).desired.max_instances == (("xlarge", 0), ("large", 20), ("2xlarge", 10_000))
    assert load(max_instances="{}").desired.max_instances == ()
    assert load(max_instances='{"small": 1}', resource_class_config=SMALL).desired.max_instances == (("small", 1),)


@pytest.mark.shows("B108", "B109")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B108", LIMITS, "a JSON object expected", list="[20]", number="20", text='"large"'),
        *rows("B108", LIMITS, "not JSON", quotes="{'large': 20}"),
        *rows("B108", LIMITS, "'large' is given twice", twice='{"large": 1, "large": 2}'),
        *rows("B108", LIMITS, "'large': a whole number of machines from 0 to 10000 expected", text='{"large": "many"}'),
        *rows("B108", LIMITS, "expected, not 1.5", half='{"large": 1.5}'),
        *rows("B108", LIMITS, "expected, not true", truth='{"large": true}'),
        *rows("B108", LIMITS, "expected, not -1", negative='{"large": -1}'),
        *rows("B108", LIMITS, "expected, not 10001", more='{"large": 10001}'),
        *rows("B108", LIMITS, "expected, not {", size='{"large": {"max": 2}}'),
        *rows("B109", LIMITS, "not in resource-class-config: 'lage', 'XLARGE'", word='{"lage": 1, "XLARGE": 2}'),
        row("B109", "own", {LIMITS: '{"large": 1}', "resource-class-config": SMALL}, "the classes are small"),
    ],
)
def test_bad_limits_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)


def test_limits_are_not_compared_with_classes_that_cannot_be_read() -> None:
    """The classes alone are reported."""
    refused({"resource-class-config": "{}", LIMITS: '{"lage": 1}'}, "0 classes")


IDLE, PRICES, DAILY, USAGE = "min-idle", "prices", "daily-summary", "min-idle-usage-class"


@pytest.mark.shows("B112")
@pytest.mark.parametrize(
    "given", ['{"large": 0}', '{"large": "0", "xlarge": 0}', "{}"], ids=["B112-zero", "B112-text", "B112-none"]
)
def test_a_minimum_of_zero_is_none(given: str) -> None:
    assert load(min_idle=given).desired.min_idle == ()


def test_a_minimum_may_be_all_that_is_allowed() -> None:
    assert load(min_idle='{"large": 2, "xlarge": "1", "2xlarge": 0}').desired.min_idle == (("large", 2), ("xlarge", 1))
    assert load(min_idle='{"large": 2}', max_instances='{"large": 2}').desired.min_idle == (("large", 2),)


def test_prices_are_exact() -> None:
    given = '{"large": 0.096, "xlarge": "1.5", "2xlarge": 3}'
    assert dict(load(prices=given).desired.prices) == {
        "large": Decimal("0.096"),
        "xlarge": Decimal("1.5"),
        "2xlarge": Decimal(3),
    }


def test_what_waits_may_be_spot_and_a_summary_has_its_time() -> None:
    desired = load(min_idle_usage_class="spot", daily_summary="07:05").desired
    assert (desired.min_idle_usage_class, desired.daily_summary) == (UsageClass.SPOT, time(7, 5))
    assert (load().desired.min_idle_usage_class, load().desired.daily_summary) == (UsageClass.ON_DEMAND, None)


@pytest.mark.shows("B110", "B111", "B113", "B114", "B115")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B110", IDLE, "a JSON object expected", list="[2]", number="2"),
        *rows("B110", IDLE, "a whole number of machines from 0 to 1000 expected", more='{"large": 1001}'),
        *rows("B110", IDLE, "expected, not -1", negative='{"large": -1}'),
        *rows("B110", IDLE, "expected, not true", truth='{"large": true}'),
        *rows("B110", IDLE, "not in resource-class-config: 'lage'", word='{"lage": 1}'),
        row("B111", "above", {IDLE: '{"large": 3}', LIMITS: '{"large": 2}'}, "above max-instances: 'large'"),
        row("B111", "none", {IDLE: '{"large": 3}', LIMITS: '{"large": 0}'}, "above max-instances: 'large'"),
        *rows("B113", USAGE, "on-demand or spot expected", any="any", case="Spot"),
        *rows("B114", PRICES, "a price per hour expected", currency='{"large": "$1"}', negative='{"large": -1}'),
        *rows("B114", PRICES, "a price per hour expected", huge='{"large": 1000000}', truth='{"large": true}'),
        *rows("B114", PRICES, "a price per hour expected", list='{"large": [1]}', power='{"large": 1e-30}'),
        *rows("B114", PRICES, "not in resource-class-config: 'lage'", word='{"lage": 1}'),
        *rows("B115", DAILY, "a time of the day expected", short="7:00", late="24:00", seconds="07:00:00"),
        *rows("B115", DAILY, "a time of the day expected", zone="07:00 CET", hour="7", word="noon"),
    ],
)
def test_bad_minimums_prices_and_times_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)
