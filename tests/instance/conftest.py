"""An instance that runs the launch template's user data, and the servers it talks to."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from attrs import define

from tests import suites
from tests.fakes import instance_items
from tests.instance import cloud, machine
from tests.instance.driver import Driver
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
        suites.leave_out(f"the suite of the instance needs a Docker engine, or root and the AWS CLI: {absent}")
    return engine


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
        self.world.settle(**inputs)
        cloud.boot(self.world, self.clients, self.surroundings, self.machine, variables or {})

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
