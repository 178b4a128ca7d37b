"""The SETTINGS item: what is written is read back, and an item of another form is not used in part."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.pool import names, records, settings
from refresh.pool.settings import ClassSettings, Settings
from tests.fakes.serial import NOW

LARGE = ClassSettings(cpu=2, memory_mib=4096, queue_url="https://sqs/1/large")
SETTINGS = Settings(
    repository="octo/widgets",
    server="github.com",
    classes={"large": LARGE},
    subnet_ids=("subnet-1", "subnet-2"),
    template_name="template",
    template_id="lt-1",
    idle_time=timedelta(minutes=7),
    max_runtime=timedelta(minutes=30),
    token_valid_until=NOW,
    original_modes=True,
)


def _item(**changed: Any) -> records.Item:
    """Return the item with other members; None leaves one out."""
    value = {**records.to_wire(settings.to_value(SETTINGS))["M"], **changed}
    members = {name: member for name, member in value.items() if member is not None}
    return {**records.item(records.SETTINGS, names.SETTINGS_IDENTIFIER, NOW), "value": {"M": members}}


@pytest.mark.parametrize(
    "written",
    [
        SETTINGS,
        evolve(SETTINGS, token_valid_until=None),
        evolve(SETTINGS, original_modes=False),
        evolve(SETTINGS, template_version=3, max_instances={"large": 0, "xlarge": 20}),
    ],
)
def test_what_is_written_is_read_back(written: Settings) -> None:
    item = records.item(records.SETTINGS, names.SETTINGS_IDENTIFIER, NOW, value=settings.to_value(written))
    assert settings.from_item(item) == written


@pytest.mark.parametrize("value", [{"templateName": None}, {"templateId": {"N": "1"}}, {"idleTimeSec": {"S": "420"}}])
def test_an_item_without_a_template_or_a_time_is_no_item(value: dict[str, Any]) -> None:
    assert settings.from_item(_item(**value)) is None
    assert settings.from_item({}) is None


@pytest.mark.parametrize("digits", ["0", "-1", "1.5", "9" * 38])
def test_a_time_that_no_pool_has_is_no_time(digits: str) -> None:
    """A number of 38 digits must not end the program."""
    for name in ("idleTimeSec", "maxRuntimeMin"):
        assert settings.from_item(_item(**{name: {"N": digits}})) is None


@pytest.mark.parametrize("entry", [{"M": {}}, {"S": "large"}, {"M": {"cpu": {"N": "2"}, "queueUrl": {"S": "u"}}}])
def test_a_class_without_size_or_queue_is_left_out(entry: dict[str, Any]) -> None:
    classes = {"M": {"large": records.to_wire({"cpu": 2, "mmem": 4096, "queueUrl": LARGE.queue_url}), "odd": entry}}
    found = settings.from_item(_item(classes=classes))
    assert found is not None
    assert found.classes == {"large": LARGE}


@pytest.mark.parametrize("subnets", [None, {"SS": ["subnet-1"]}, {"L": "x"}, {"L": [{"S": "subnet-1"}, {"N": "2"}]}])
def test_subnets_of_another_form_are_none(subnets: Any) -> None:
    """A launch in some of the wanted subnets alone would surprise."""
    found = settings.from_item(_item(subnetIds=subnets))
    assert found is not None
    assert found.subnet_ids == ()


@pytest.mark.parametrize("expiry", [None, {"S": ""}, {"S": "soon"}, {"N": "1"}])
def test_a_token_without_a_readable_expiry_is_none(expiry: Any) -> None:
    found = settings.from_item(_item(tokenValidUntil=expiry))
    assert found is not None
    assert found.token_valid_until is None


@pytest.mark.parametrize("version", [None, {"S": "3"}, {"N": "1.5"}])
def test_a_template_version_that_is_not_recorded_is_none(version: Any) -> None:
    """An item of an earlier version has none."""
    found = settings.from_item(_item(templateVersion=version))
    assert found is not None
    assert found.template_version is None


@pytest.mark.parametrize("limits", [None, {"N": "2"}, {"M": {"large": {"S": "2"}, "small": {"N": "-1"}}}])
def test_a_limit_that_is_no_number_of_machines_is_none(limits: Any) -> None:
    found = settings.from_item(_item(maxInstances=limits))
    assert found is not None
    assert found.max_instances == {}


def test_the_original_s_modes_work_unless_the_item_says_no() -> None:
    """So does an item of another version."""
    found = settings.from_item(_item(originalModes=None))
    assert found is not None
    assert found.original_modes
