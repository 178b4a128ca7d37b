"""Ways to give inputs and to look at what is said of them, for the tests that are the rows of docs/bad-inputs.md."""

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
    """Give a good environment with some inputs (`ami`) and variables (`AWS_REGION`) replaced."""
    return good(**{name if name.isupper() else f"INPUT_{name.upper()}": value for name, value in changed.items()})


def load(**changed: str) -> Inputs:
    """Load it; `_` stands for `-` in an input's name."""
    return inputs.load(environ({name if name.isupper() else name.replace("_", "-"): changed[name] for name in changed}))


def problems(given: Mapping[str, str]) -> tuple[str, ...]:
    """Load an environment that is bad and give all that is said."""
    with pytest.raises(InputErrors) as caught:
        inputs.load(given)
    return caught.value.problems


def told(name: str, value: str, expected: str) -> str:
    """Give the one problem of an input that is otherwise good: its name, the problem, the value cut at 40, a remedy."""
    (problem,) = problems(environ({name: value}))
    assert problem.startswith(f"{name}: ")
    assert expected in problem
    shown = [repr(each if len(each) <= 40 else f"{each[:40]}...") for each in (value, value.strip(" \t\r\n"))]
    assert any(f"; got {each}; " in problem for each in shown) or name in SECRETS
    assert ("got" in problem) is (name not in SECRETS)
    assert not problem.endswith("; ")
    assert len(problem) < 500
    return problem


def row(number: str, what: str, *values: Any) -> Any:
    """Give one case of a row; its id begins with the row's number."""
    return pytest.param(*values, id=f"{number}-{what}")


def rows(number: str, name: str, expected: str, /, **values: str) -> list[Any]:
    """Give the cases of a row of which the same is said."""
    return [row(number, f"{name}-{what}", name, value, expected) for what, value in values.items()]
