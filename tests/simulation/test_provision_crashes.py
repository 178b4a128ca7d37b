"""A provision may die at any call, be stopped, and any call may fail: what is left is found, continued or ended."""

from __future__ import annotations

import itertools

import pytest
from attrs import define

from refresh import errors
from refresh.provision.result import Patience
from tests.fakes.memory.account import Watch
from tests.simulation.figures import TALLY, Tally
from tests.simulation.paces import FAST, SLOW, USUAL, Pace
from tests.simulation.provision_ends import check_world, crashed, leave, settle, watched
from tests.simulation.provision_invariants import later
from tests.simulation.provision_schedules import after_a_crash, calls_in, points_after, points_in
from tests.simulation.provision_worlds import WORLDS, build, provides_later
from tests.simulation.schedules import PHASES, CrashAt, FailAlways, FailAt

KINDS = (errors.Unavailable, errors.Throttled, errors.PermissionDenied, errors.CredentialsExpired, errors.Rejected)
SINGLES = {"short": 100, "push": 8, "nightly": 1}
"""Every how manyth single fault is tried."""
FAILURES = {"short": 100, "push": 25, "nightly": 1}
PAIRS = {"short": 20_000, "push": 700, "nightly": 3}
PACES = TALLY.sampled([FAST, SLOW, USUAL], {"short": 3, "push": 1, "nightly": 1})
SOME_WORLDS = TALLY.sampled(list(WORLDS), {"short": 13, "push": 1, "nightly": 1})
SOME_KINDS = {"short": 41, "push": 1, "nightly": 1}
FAILING = TALLY.sampled(list(itertools.product(KINDS, WORLDS)), SOME_KINDS)
LASTING = TALLY.sampled(
    list(itertools.product([each for each in KINDS if each is not errors.Throttled], WORLDS)), SOME_KINDS
)


def _name(parameter: object) -> str | None:
    return getattr(parameter, "__name__", None)


@pytest.mark.parametrize("pace", PACES, ids=lambda pace: f"boots in {pace.boot}")
@pytest.mark.parametrize("world", WORLDS)
def test_a_provision_gets_what_can_be_had(world: str, pace: Pace, tally: Tally) -> None:
    """Then the next attempt adds nothing, and after the release nothing is left."""
    stage, desired = build(world, pace)
    run = watched(stage, desired)
    check_world(WORLDS[world], run)
    leave(stage, settle(stage, desired, provides=provides_later(world)))
    tally.add("clean provisions")


@pytest.mark.parametrize("world", SOME_WORLDS)
def test_a_provision_that_died_at_any_call_is_continued_by_the_next_attempt(world: str, tally: Tally) -> None:
    """Before its effect and after it."""
    for point in tally.sampled(points_in(world), SINGLES):
        stage, desired = build(world)
        assert crashed(stage, desired, CrashAt(*point))
        leave(stage, settle(stage, desired, provides=provides_later(world)))
        tally.add("single crashes of provision")


@pytest.mark.parametrize("world", SOME_WORLDS)
def test_of_a_provision_that_died_at_any_call_its_release_leaves_nothing(world: str, tally: Tally) -> None:
    for point in tally.sampled(points_in(world)[1:], SINGLES):
        stage, desired = build(world)
        assert crashed(stage, desired, CrashAt(*point))
        leave(stage, desired)
        tally.add("releases after a crash of provision")


@pytest.mark.parametrize("world", SOME_WORLDS)
def test_a_crash_of_the_next_attempt_is_repaired_too(world: str, tally: Tally) -> None:
    """Pairs of crash points."""
    firsts = points_in(world)
    pairs = [(first, second) for first in firsts for second in range(2 * len(firsts))]
    for first, number in tally.sampled(pairs, PAIRS):
        points = points_after(world, first)
        stage, desired = after_a_crash(world, first)
        second = points[number % len(points)]
        assert crashed(stage, later(desired), CrashAt(*second))
        leave(stage, settle(stage, later(desired), provides=provides_later(world)))
        tally.add("crash pairs of provision")


@pytest.mark.parametrize(("kind", "world"), FAILING, ids=_name)
def test_a_call_of_provision_that_fails_is_reported_or_repaired(
    world: str, kind: type[errors.ApiError], tally: Tally
) -> None:
    """The call has no effect, or only its answer is lost."""
    # Only what is not answered may have had an effect.
    points = [each for each in points_in(world) if each[1] == "before" or kind is errors.Unavailable]
    for point in tally.sampled(points, FAILURES):
        stage, desired = build(world)
        watched(stage, desired, FailAt(*point, kind))
        leave(stage, settle(stage, desired, provides=provides_later(world)))
        tally.add("single failures of provision")


@pytest.mark.parametrize(("kind", "world"), LASTING, ids=_name)
def test_an_operation_of_provision_that_always_fails_is_reported(
    world: str, kind: type[errors.ApiError], tally: Tally
) -> None:
    """Permission is missing, or a service is down for the whole run."""
    phases = PHASES if kind is errors.Unavailable else PHASES[:1]
    points = list(itertools.product(sorted(set(calls_in(world))), phases))
    for operation, phase in tally.sampled(points, SINGLES):
        stage, desired = build(world)
        watched(stage, desired, FailAlways(operation, phase, kind))
        leave(stage, settle(stage, desired, provides=provides_later(world)))
        tally.add("failing operations of provision")


@define
class StopAt(Watch):
    """The job is cancelled at a call: the clients send nothing after it, unless it is excepted."""

    number: int
    stopped: bool = False
    excepted: bool = False

    def before(self, number: int, operation: str) -> None:
        """Stop."""
        if self.stopped and not self.excepted:
            raise errors.Interrupted(f"{operation} was not sent")
        self.stopped |= number >= self.number

    def except_records(self) -> None:
        """Let the records of a fleet be sent."""
        self.excepted = True

    @property
    def patience(self) -> Patience:
        """What the program learns of it."""
        return Patience(lambda: self.stopped, lambda: False, self.except_records)


@pytest.mark.parametrize("world", SOME_WORLDS)
def test_a_provision_that_is_stopped_at_any_call_sends_nothing_new(world: str, tally: Tally) -> None:
    """But for the records of what EC2 has launched; its release leaves nothing."""
    for number, _ in tally.sampled(points_in(world)[::2], SINGLES):
        stage, desired = build(world)
        stop = StopAt(number)
        watched(stage, desired, stop, stop.patience)
        leave(stage, desired)
        tally.add("stopped provisions")
