"""Arbitrary inputs: each loads as a desired state or is reported as problems; nothing else happens."""

from __future__ import annotations

from string import ascii_lowercase, ascii_uppercase, digits
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, seed, settings

from refresh import inputs
from refresh.desired import DesiredState
from refresh.errors import InputErrors
from refresh.inputs import provision, release
from refresh.inputs.table import SECRETS
from tests.fakes import arbitrary, largest
from tests.fakes.literals import good_provision, good_release

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    from hypothesis.strategies import SearchStrategy

    from tests.simulation.figures import Tally

EXAMPLES = {"short": 250, "push": 1_000, "nightly": 200_000}
"""Of each kind and part."""
ROUND_TRIPS = {"short": 25, "push": 125, "nightly": 20_000}
PARTS = (1, 2)
OTHERS = str.maketrans(
    f"{ascii_lowercase}{ascii_uppercase}{digits}",
    f"{ascii_lowercase[1:]}a{ascii_uppercase[1:]}A{digits[1:]}0",
)
"""Turns a secret into another one with the same shape: white space, quotes and brackets stay where they are."""
KNOWN = {*arbitrary.NAMED, *arbitrary.READ}
DOORS = {"provision": (provision, good_provision()), "release": (release, good_release())}


def _examine(tally: Tally, what: str, number: int, strategy: SearchStrategy[Any], check: Callable[[Any], None]) -> None:
    """Check examples; a push checks the same ones as the one before it, a night new ones."""

    def examined(example: Any) -> None:
        tally.add(what)
        check(example)

    bounded = settings(max_examples=number, suppress_health_check=list(HealthCheck))
    test = bounded(given(strategy)(examined))
    (test if tally.budget == "nightly" else seed(what)(test))()


def _told(environ: dict[str, str]) -> tuple[str, ...]:
    """Load an environment and return its problems; any other exception is raised."""
    try:
        loaded = inputs.load(environ)
    except InputErrors as error:
        return error.problems or ("no problem at all",)
    assert isinstance(loaded.desired, DesiredState)
    assert all(secret.reveal() for secret in loaded.secrets.all)
    assert len(loaded.desired.registration_url) <= largest.LONGEST_REGISTRATION_URL
    return ()


def _problems(door: ModuleType, environ: dict[str, str]) -> tuple[str, ...]:
    """Return the problems of a door's inputs; any other exception is raised."""
    try:
        door.load(environ)
    except InputErrors as error:
        return error.problems
    return ()


def _loads_or_is_told(environ: dict[str, str]) -> None:
    for problem in _told(environ):
        name, separator, text = problem.partition(": ")
        assert separator
        assert name in KNOWN
        assert text
        assert len(problem) < 2000


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", arbitrary.VALUES)
def test_any_input_loads_or_is_reported_as_a_problem(kind: str, part: int, tally: Tally) -> None:
    """No other exception ever escapes, and each problem begins with what it is about."""
    strategy = arbitrary.environments(kind)
    what = f"arbitrary inputs loaded or refused: {kind}, part {part}"
    _examine(tally, what, EXAMPLES[tally.budget], strategy, _loads_or_is_told)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("kind", arbitrary.VALUES)
def test_any_input_of_a_door_loads_or_is_reported_as_a_problem(kind: str, door: str, tally: Tally) -> None:
    module, right = DOORS[door]
    named = [*(each.name for each in module.INPUTS), "table-name"]

    def check(environ: dict[str, str]) -> None:
        problems = _problems(module, environ)
        assert {each.partition(": ")[0] for each in problems} <= {*named, *arbitrary.READ}
        assert all(len(each) < 2000 for each in problems)

    strategy = arbitrary.environments(kind, named, right)
    _examine(tally, f"arbitrary inputs of {door}: {kind}", EXAMPLES[tally.budget], strategy, check)


@pytest.mark.parametrize("name", SECRETS)
def test_no_problem_repeats_a_secret(name: str, tally: Tally) -> None:
    """Whatever is wrong next to it, and wherever the secret stands."""

    def check(given_: tuple[str, dict[str, str]]) -> None:
        secret, environ = given_
        pieces = [secret.strip(), *(word for word in secret.split() if len(word) >= 20)]
        # A drawn secret may be a text of the program, which problems hold for any secret with the same faults.
        another = _told({name: value.replace(secret, secret.translate(OTHERS)) for name, value in environ.items()})
        own = [each for each in pieces if len(each) >= 20 and not any(each in problem for problem in another)]
        assert not any(piece in problem for piece in own for problem in _told(environ))

    strategy = arbitrary.SECRET.flatmap(
        lambda secret: arbitrary.environments_with(secret, name).map(lambda environ: (secret, environ))
    )
    number = EXAMPLES[tally.budget] // 8
    _examine(tally, f"arbitrary inputs that hold the {name}", number, strategy, check)


@pytest.mark.parametrize("part", PARTS)
def test_a_desired_state_survives_being_written_as_inputs(part: int, tally: Tally) -> None:
    """No value is lost, rounded or read as another one."""

    def check(desired: DesiredState) -> None:
        assert inputs.load(arbitrary.dump(desired)).desired == desired

    strategy = arbitrary.desired_states()
    _examine(tally, f"desired states written and loaded, part {part}", ROUND_TRIPS[tally.budget], strategy, check)
