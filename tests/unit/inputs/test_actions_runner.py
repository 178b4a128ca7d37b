"""The inputs about the runner that an instance installs: version, checksums, user and scope."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh import inputs
from tests.unit.inputs.bad_inputs import environ, load, refused, row, rows

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION, SUMS = "actions-runner-version", "actions-runner-sha256"


@pytest.mark.shows("B78")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        *rows("B78", VERSION, "latest", two="2.325", command="2.325.0; rm -rf /", path="../..", word="newest"),
        *rows("B78", VERSION, "latest", long="2." * 150, digits="1.2.12345", arabic="2.3.\u0663"),
        *rows("user", "runner-user", "Linux user", upper_case="Commands", digit="1a", long="a" * 33),
        *rows("sums", SUMS, "SHA-256", short="x64=abc", twice=f"x64={'a' * 64} x64={'b' * 64}"),
        *rows("scope", "runner-scope", "organization", short="org", enterprise="enterprise", name="octo"),
    ],
)
def test_bad_settings_of_the_runner_are_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)


@pytest.mark.shows("B77", "B78")
@pytest.mark.parametrize(
    ("name", "value", "field", "expected"),
    [
        row("B77", "v", VERSION, "v2.325.0", "runner_version", "2.325.0"),
        row("B77", "plain", VERSION, "2.325.0", "runner_version", "2.325.0"),
        row("B78", "latest", VERSION, "Latest", "runner_version", None),
        row("user", "name", "runner-user", "builder_1", "runner_user", "builder_1"),
    ],
)
def test_settings_of_the_runner_are_taken(name: str, value: str, field: str, expected: Any) -> None:
    assert getattr(inputs.load(environ({name: value})).desired, field) == expected


def test_checksums_of_both_architectures_are_taken() -> None:
    loaded = load(actions_runner_version="2.335.1", actions_runner_sha256=f"x64={'A' * 64}\narm64={'b' * 64}")
    assert loaded.desired.runner_checksums == (("arm64", "b" * 64), ("x64", "a" * 64))
