"""Whole lives of several instances, found by a random search: launches, claims, crashes, faults and refreshes mixed."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from refresh import errors
from refresh.pool import records
from tests.simulation import actors
from tests.simulation.figures import TALLY
from tests.simulation.invariants import Violation, crashed, settle, watched
from tests.simulation.scenes import correct
from tests.simulation.schedules import PHASES, CrashAt, FailAt, InterfereAt
from tests.simulation.worlds import WORLDS, build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.memory.account import Phase
    from tests.simulation.pool import Pool

EXAMPLES = {"short": (30, 20), "push": (300, 40), "nightly": (20_000, 80)}
"""How many lives, of how many steps."""
MOST = 6

NAMES = st.sampled_from(sorted({*actors.WITH_A_CLOCK, *actors.WITHOUT} - {"forge"}))
SKEWS = st.sampled_from(actors.SKEWS)
KINDS = st.sampled_from([errors.Unavailable, errors.PermissionDenied])
CALLS = st.integers(0, 40)


class Life(RuleBasedStateMachine):
    """One pool; the target of a deed is drawn from what exists."""

    pool: Pool

    @initialize(world=st.sampled_from(sorted(set(WORLDS) - {"empty account", "table only", "table creating"})))
    def begin(self, world: str) -> None:
        """Begin in one of the worlds."""
        self.pool = build(world)

    def _target(self, number: int) -> str:
        known = sorted(self.pool.account.state.instances)
        return known[number % len(known)] if known else "i-00000000"

    @rule(record=st.booleans(), near=st.sampled_from([-61, -1, 1, 30, 600]))
    def launch(self, *, record: bool, near: int) -> None:
        """Launch one, recorded or (a provision that died) not."""
        if len(self.pool.account.state.instances) < MOST and self.pool.account.state.templates:
            instance = self.pool.launch()
            if record:
                self.pool.record(instance, state="created", runId=actors.RUN, threshold=self.pool.in_time(near))

    @rule(name=NAMES, skew=SKEWS, number=st.integers(0, MOST))
    def act(self, name: str, skew: int, number: int) -> None:
        """Let an actor act between runs."""
        actors.act(self.pool, self._target(number), name, skew)

    @rule(seconds=st.sampled_from([1, 10, 59, 61, 600, 901, 3600]))
    def wait(self, seconds: int) -> None:
        """Let time pass."""
        self.pool.account.clock.moment += timedelta(seconds=seconds)

    @rule()
    def refresh(self) -> None:
        """Run without a fault."""
        with _told():
            watched(self.pool, InterfereAt(-1, lambda: None))

    @rule(number=CALLS, phase=st.sampled_from(PHASES))
    def crash(self, number: int, phase: Phase) -> None:
        """Run, and die."""
        with _told():
            crashed(self.pool, CrashAt(number, phase))

    @rule(
        number=CALLS, phase=st.sampled_from(PHASES), kind=st.sampled_from([errors.Unavailable, errors.PermissionDenied])
    )
    def fail(self, number: int, phase: Phase, kind: type[errors.ApiError]) -> None:
        """Run, and one call fails."""
        with _told():
            watched(self.pool, FailAt(number, phase, kind))

    @rule(number=CALLS, name=NAMES, skew=SKEWS, whose=st.integers(0, MOST))
    def interfere(self, number: int, name: str, skew: int, whose: int) -> None:
        """Run while an actor acts."""
        instance_id = self._target(whose)
        with _told():
            watched(self.pool, InterfereAt(number, lambda: actors.act(self.pool, instance_id, name, skew)))

    def teardown(self) -> None:
        """All faults stop: everything comes true."""
        if not hasattr(self, "pool"):
            return
        TALLY.add("random lives")
        correct(self.pool)
        self._postpone()
        for instance_id in self.pool.account.state.instances:
            # More unrecorded instances than a run may end are ended by their owner, as the run asks for.
            if instance_id not in self.pool.table.of(records.INSTANCE):
                actors.act(self.pool, instance_id, "console terminates", 0)
        with _told():
            settle(self.pool)

    def _postpone(self) -> None:
        """Renew what lives, so that nothing becomes due between two looks of the judgement itself."""
        now = self.pool.in_time(0)
        for item in list(self.pool.table.of(records.INSTANCE).values()):
            if records.text(item, "state") in records.LIVING_STATES and item["threshold"]["S"] >= now:
                self.pool.table.put({**item, "threshold": {"S": self.pool.in_time(7200)}})


@contextmanager
def _told() -> Iterator[None]:
    """Give a broken promise to the search as an ordinary failure, so that it looks for the shortest one."""
    try:
        yield
    except Violation as violation:
        raise AssertionError(str(violation)) from None


_examples, _steps = EXAMPLES[TALLY.budget]
TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=_examples,
    stateful_step_count=_steps,
    print_blob=True,
    # A push runs the same lives as the one before it; the nightly search is for new ones.
    derandomize=TALLY.budget != "nightly",
    suppress_health_check=list(HealthCheck),
)
