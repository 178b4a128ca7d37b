"""The table of inputs: what it shows of an input is how the input is read."""

from __future__ import annotations

import pytest

from refresh import inputs
from refresh.inputs import table
from refresh.inputs.parsers import Problem
from refresh.inputs.table import Input
from tests.fakes.literals import good


def test_defaults_that_are_shown_are_those_in_force() -> None:
    shown = {each.name: each.default_text for each in table.INPUTS if each.default_text}
    assert len(shown) > 10
    given = {f"INPUT_{name.upper()}": value for name, value in shown.items()}
    assert inputs.load({**good(), **given}).desired == inputs.load(good()).desired


@pytest.mark.parametrize("each", [each for each in table.INPUTS if each.words], ids=lambda each: each.name)
def test_words_that_are_shown_are_taken_and_others_refused(each: Input) -> None:
    assert len({str(each.parse(word)) for word in each.words}) == len(each.words)
    with pytest.raises(Problem):
        each.parse(f"{each.words[0]}{each.words[1]}")


def test_every_replaced_input_names_its_successor() -> None:
    assert {*table.OLD_NAMES} <= {*inputs.OPTIONAL}
