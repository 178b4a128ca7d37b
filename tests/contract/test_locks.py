"""The locks of the packages agree."""

from __future__ import annotations

import re

import pytest

from tests.fakes.world import ROOT


def _locked(name: str) -> set[str]:
    text = (ROOT / "requirements" / f"{name}.txt").read_text()
    return set(re.findall(r"^[a-z0-9.-]+==\S+", text, re.MULTILINE))


@pytest.mark.parametrize("smaller", ["runtime", "demo"])
def test_packages_of_a_smaller_lock_are_those_of_the_development_lock(smaller: str) -> None:
    """The demo and the action run with the versions that are tested."""
    assert _locked(smaller)
    assert _locked(smaller) <= _locked("development")
