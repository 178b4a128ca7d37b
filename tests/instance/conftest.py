"""An instance that runs the launch template's user data, and the servers it talks to."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from attrs import define

from tests import suites
from tests.fakes import instance_items
from tests.instance import cloud, machine
from tests.instance.driver import CREATION_SECONDS, RELEASE_SECONDS, Driver, eventually
from tests.instance.machine import Machine
from tests.instance.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.releasing import ReleaseWorld


@pytest.fixture(scope="session")
def contained() -> bool:
    """Return whether instances are containers; skip if neither containers nor namespaces are possible."""
    try:
        engine = subprocess.run(["docker", "version"], check=False, capture_output=True).returncode == 0  # noqa: S607 - the user's
    except FileNotFoundError:
        engine = False
    if engine:
        machine.build()
    elif suites.ALL:
        suites.leave_out("the suite of the instance needs a Docker engine, and none answers")
    elif absent := machine.lacking():
        suites.leave_out(f"the suite of the instance needs a Docker engine, or root and Python: {absent}")
    return engine


_LOOKS = 3
"""Of an agent for a notice of EC2, between two judgements of its time."""


@define
class Instance:
    """An instance and all around it."""

    world: ReleaseWorld
    clients: Clients
    surroundings: Surroundings
    machine: Machine
    driver: Driver

    def boot(self, variables: dict[str, str] | None = None, **inputs: str) -> None:
        """Refresh the pool with these inputs, then boot with what its launch template has."""
        self.refresh(**inputs)
        self.start(variables)

    def refresh(self, **inputs: str) -> None:
        """Bring the pool's launch template to these inputs."""
        self.world.settle(**inputs)

    def start(self, variables: dict[str, str] | None = None) -> None:
        """Boot with what the pool's launch template has."""
        cloud.boot(self.world, self.clients, self.surroundings, self.machine, variables or {})

    def serve(self, run: str = "42") -> None:
        """Wait until the runner works for the run."""
        self.awaits("UD_REG_OK", run, CREATION_SECONDS)
        eventually(lambda: self.machine.calls[-1].startswith("run.sh as"), 60, lambda: self.machine.calls)

    def give_back(self, run: str = "42") -> None:
        """Release the machine and wait until its runner is gone."""
        self.driver.release(run)
        self.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", run, RELEASE_SECONDS)

    def require_next_run(self, run: str = "43") -> None:
        """Have it serve another run."""
        self.driver.claim(run)
        self.serve(run)
        self.give_back(run)

    def require_end(self) -> None:
        """Have its threshold pass, and wait until it ends itself."""
        self.driver.expire()
        eventually(self.driver.ended, 90, lambda: self.machine.log)

    def judges_again(self) -> None:
        """Wait until a spot machine has surely judged its time again: it does so at every third look for a notice."""
        asked = len(self.surroundings.asked)

        def looks() -> int:
            return self.surroundings.asked[asked:].count("spot/instance-action")

        eventually(lambda: looks() > _LOOKS, 120, lambda: self.machine.log)

    def awaits(self, state: str, run: str, seconds: float) -> float:
        """Wait for a signal; a failure shows the agent's log."""
        return self.driver.await_signal(state, run, seconds, lambda: self.machine.log)


@pytest.fixture
def instance(*, contained: bool, world: ReleaseWorld, clients: Clients, tmp_path: Path) -> Iterator[Instance]:
    """Give an instance that was launched and recorded for run 42, and has not booted yet."""
    with Surroundings(world.aws.sessions) as surroundings:
        # As on a GitHub Enterprise Server, which keeps the archives itself.
        world.server_url = surroundings.url
        world.github.answers["downloads"] = surroundings.offered()
        assert world.refresh().exit_code == 0
        (instance_id,) = world.launch(clients)
        surroundings.metadata.instance_id = instance_id
        surroundings.metadata.tags = dict(instance_items.PROVISION_TAGS)
        driver = Driver(world, clients, instance_id)
        driver.create()
        launched = Machine(tmp_path / "machine", contained)
        try:
            yield Instance(world, clients, surroundings, launched, driver)
        finally:
            launched.end()
            surroundings.metadata.end()
            world.aws.sessions.ahead = 0
