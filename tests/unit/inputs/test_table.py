"""The table of inputs: what it shows of an input is how the input is read."""

from __future__ import annotations

import pytest

from refresh import inputs
from refresh.inputs import provision, release, table
from refresh.inputs.parsers import Problem
from refresh.inputs.table import Input
from tests.fakes.literals import good, good_provision, good_release


def _shown_defaults(action: str) -> dict[str, str]:
    """Give the defaults that can be written as variables; GitHub resolves that of a token."""
    shown = {each.name: each.default_text for each in table.of(action) if each.default_text and not each.secret}
    return {f"INPUT_{name.upper()}": value for name, value in shown.items()}


def test_defaults_that_are_shown_are_those_in_force() -> None:
    given = _shown_defaults(table.REFRESH)
    assert len(given) > 10
    assert inputs.load(good(**given)).desired == inputs.load(good()).desired


def test_defaults_that_are_shown_of_release_are_those_in_force() -> None:
    given = _shown_defaults(table.RELEASE)
    assert len(given) > 3
    assert release.load(good_release(**given)).desired == release.load(good_release()).desired


def test_defaults_that_are_shown_of_provision_are_those_in_force() -> None:
    given = _shown_defaults(table.PROVISION)
    assert len(given) > 8
    assert provision.load(good_provision(**given)).desired == provision.load(good_provision()).desired


def test_every_secret_is_listed_once() -> None:
    """Although actions describe the token differently."""
    assert table.SECRETS == ("github-token", "github-app-private-key", "workflow-token")


@pytest.mark.parametrize("each", [each for each in table.INPUTS if each.words], ids=lambda each: each.name)
def test_words_that_are_shown_are_taken_and_others_refused(each: Input) -> None:
    assert len({str(each.parse(word)) for word in each.words}) == len(each.words)
    with pytest.raises(Problem):
        each.parse(f"{each.words[0]}{each.words[1]}")


@pytest.mark.parametrize("action", [table.REFRESH, table.RELEASE, table.PROVISION])
def test_every_replaced_input_names_its_successor(action: str) -> None:
    """In the same action: an old name elsewhere would be read there as well."""
    listed = table.of(action)
    replaced = {each.replaced_by for each in listed if each.replaced_by}
    assert replaced == {each.name for each in listed if each.name in table.OLD_NAMES}
    assert len({each.name for each in listed}) == len(listed)
