"""EC2 as far as machines are concerned: what it launches boots, and what it ends is off the network."""

from __future__ import annotations

import base64
import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from attrs import define, field

from refresh.agent import user_data
from tests.instance.machine import Machine
from tests.instance.surroundings import Surroundings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.world import World

_TURN_SECONDS = 0.5
_ALIVE = ("pending", "running")


def boot(
    world: World, clients: Clients, surroundings: Surroundings, machine: Machine, variables: Mapping[str, str]
) -> None:
    """Boot a machine with what the pool's launch template has; `surroundings` have its metadata."""
    data = world.default_version(clients)["LaunchTemplateData"]
    environ = {
        "AWS_ENDPOINT_URL": world.aws.url,
        "AWS_EC2_METADATA_SERVICE_ENDPOINT": f"{surroundings.url}/",
        **variables,
    }
    machine.boot(user_data.unpack(base64.b64decode(data["UserData"])), environ)


@define(eq=False)
class Cloud:
    """Boots each instance that is launched in a `with` block, with the tags that it was launched with."""

    world: World
    clients: Clients
    folder: Path
    contained: bool
    archives: Surroundings = field(factory=Surroundings)
    """Where machines find the archives of the runner."""
    machines: dict[str, Machine] = field(factory=dict)
    """By the id of the instance, also those that have ended."""
    _running: set[str] = field(factory=set)
    _open: ExitStack = field(factory=ExitStack)
    _ended: threading.Event = field(factory=threading.Event)
    _failure: list[Exception] = field(factory=list)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        self._open.enter_context(self.archives)
        # As on a GitHub Enterprise Server, which keeps the archives itself.
        self.world.server_url = self.archives.url
        self.world.github.answers["downloads"] = self.archives.offered()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        with self._open:
            for each in self._running:
                self.machines[each].end()
        if self._failure:
            raise self._failure[0]

    def _work(self) -> None:
        try:
            while not self._ended.wait(_TURN_SECONDS):
                self._turn()
        except Exception as failure:  # noqa: BLE001 - raised where the thread ends
            self._failure.append(failure)

    def _turn(self) -> None:
        found = self.clients.ec2.describe_instances()["Reservations"]
        for instance in (each for reservation in found for each in reservation["Instances"]):
            identifier, alive = instance["InstanceId"], instance["State"]["Name"] in _ALIVE
            if alive and identifier not in self.machines:
                self._boot(instance)
            elif not alive and identifier in self._running:
                self._running.remove(identifier)
                self.machines[identifier].end()

    def _boot(self, instance: Any) -> None:
        identifier: str = instance["InstanceId"]
        own = self._open.enter_context(Surroundings(self.world.aws.sessions))
        own.metadata.instance_id = identifier
        data = self.world.default_version(self.clients)["LaunchTemplateData"]
        own.metadata.role_id = self.world.role_id(data["IamInstanceProfile"]["Name"])
        own.metadata.tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
        machine = Machine(self.folder / identifier, self.contained)
        boot(self.world, self.clients, own, machine, {})
        self._running.add(identifier)
        self.machines[identifier] = machine
