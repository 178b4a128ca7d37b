"""Gives inputs and returns what is said about them: for the tests of the rows of docs/bad-inputs.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from refresh import inputs
from refresh.errors import InputErrors
from refresh.inputs.table import SECRETS
from tests.fakes.literals import good

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.inputs import Inputs


def environ(changed: Mapping[str, str]) -> dict[str, str]:
    """Return a good environment with some inputs (`ami`) and variables (`AWS_REGION`) replaced."""
    return good(**{name if name.isupper() else f"INPUT_{name.upper()}": value for name, value in changed.items()})


def load(**changed: str) -> Inputs:
    """Load it; `_` stands for `-` in an input's name."""
    return inputs.load(environ({name if name.isupper() else name.replace("_", "-"): changed[name] for name in changed}))


def problems(given: Mapping[str, str]) -> tuple[str, ...]:
    """Load a bad environment and return its problems."""
    with pytest.raises(InputErrors) as caught:
        inputs.load(given)
    return caught.value.problems


def said(given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the problems of inputs and variables, otherwise the warnings and notices."""
    try:
        loaded = inputs.load(environ(given))
    except InputErrors as error:
        return error.problems
    return (*loaded.warnings, *loaded.notices)


def refused(given: Mapping[str, str], key: str) -> str:
    """Return the one problem of the first input or variable: its name, the key word, the value unless it is secret."""
    (name, value), *_ = given.items()
    (problem,) = problems(environ(given))
    assert problem.startswith(f"{name}: ")
    assert key in problem
    shown = [repr(each if len(each) <= 40 else f"{each[:40]}...") for each in (value, value.strip(" \t\r\n"))]
    assert any(f"; got {each}" in problem for each in shown) is (name not in SECRETS)
    assert len(problem) < 500
    return problem


def row(number: str, what: str, *values: Any) -> Any:
    """Give one case of a row; its id begins with the row's number."""
    return pytest.param(*values, id=f"{number}-{what}")


def rows(number: str, name: str, key: str, /, **values: str) -> list[Any]:
    """Give the cases of a row in which an input has different values and the problem the same key word."""
    return [row(number, f"{name}-{what}", {name: value}, key) for what, value in values.items()]
