"""The same crashes against moto and Amazon's own DynamoDB Local: a second opinion on what the fake says."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from tests.fakes.memory.account import Crash
from tests.simulation.schedules import PHASES
from tests.simulation.servers import WORLDS, Boundary, build, instances, run, settle

if TYPE_CHECKING:
    from tests.fakes.world import World
    from tests.simulation.figures import Tally

EVERY = {"short": 200, "push": 1, "nightly": 1}
"""Every how manyth crash is tried."""


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.timeout(1800)
def test_a_crash_at_any_call_to_the_servers_is_repaired(name: str, servers: World, tally: Tally) -> None:
    """Before its effect and after it; a call is one attempt over the wire."""
    quiet = Boundary()
    run(build(servers, name), quiet)
    for number, phase in tally.sampled(list(itertools.product(range(len(quiet.calls)), PHASES)), EVERY):
        world = build(servers, name)
        before = instances(world)
        boundary = Boundary(number, phase)
        try:
            run(world, boundary)
        except Crash:
            tally.add("single crashes on servers")
        else:
            # The first run has repeated a call that a busy emulator did not answer in time.
            assert number >= len(boundary.calls)
        settle(world, before)
