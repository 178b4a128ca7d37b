"""Lives of an instance, and what its agent used and how long it took for each step."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from refresh.pool import signals
from tests.fakes.world import in_minutes
from tests.instance import cloud
from tests.instance.driver import Driver
from tests.instance.machine import Machine
from tests.instance.metadata import AGENT
from tools.bench.container import Container, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fakes.provisioning import ProvisionWorld
    from tests.instance.surroundings import Surroundings

LONGEST = timedelta(minutes=4)
"""How long to wait for a signal."""
SLOW_SECONDS = 3
"""About what GitHub's own config.sh takes."""
_MIB = 1024 * 1024
_TURN_SECONDS = 0.01


@frozen
class Measured:
    """The figures of one state by their names, each with all its samples."""

    figures: dict[str, list[float]]

    def shown(self, name: str) -> str:
        """Give the figure as the table shows it: the median, and the largest of several."""
        samples = self.figures.get(name)
        if not samples:
            return ""
        middle, most = (f"{each:.{0 if each == int(each) else 2}f}" for each in (median(samples), max(samples)))
        return middle if len(samples) == 1 else f"{middle}, at most {most}"


@define
class Lives:
    """Boots machines of one pool, one after the other, as one instance."""

    world: ProvisionWorld
    surroundings: Surroundings
    folder: Path
    image: str
    _figures: dict[str, list[float]] = field(factory=dict)
    _driver: Driver = field(init=False)
    _booted: int = 0

    def __attrs_post_init__(self) -> None:
        self._driver = Driver(self.world, self.world.clients(), self.surroundings.metadata.instance_id)

    def measured(self, seconds: float, claims: int, boots: int) -> Measured:
        """Measure boots, a working and an idle time of so many seconds, and claims."""
        for _ in range(boots):
            with self._machine():
                pass
        with self._machine() as machine:
            self._await(signals.REGISTERED, "42", time.monotonic())
            self._driver.run("42")
            self._use("working", machine, seconds)
            self._release("42", "config.sh of 0 s")
            self._use("idle", machine, seconds)
            for each, slow in enumerate((0, SLOW_SECONDS)):
                (machine.record / "slow").write_text(str(slow))
                for number in range(claims):
                    self._claim(f"{100 * (each + 1) + number}", f"config.sh of {slow} s", number / claims)
        return Measured(self._figures)

    @contextmanager
    def _machine(self) -> Iterator[Machine]:
        """Boot a machine, created for run 42, and note how long it takes to UD_OK."""
        self._booted += 1
        self._driver.create()
        machine = Machine(self.folder / str(self._booted), contained=True, image=self.image)
        machine.record.joinpath("quiet").touch()
        # A job, or a runner that looks for one, is not what is measured.
        try:
            began = time.monotonic()
            cloud.boot(self.world, self.world.clients(), self.surroundings, machine, {})
            arrived = self._await(signals.BOOTED, "42", began)
            # The engine's own time to start a container does not count.
            since = time.monotonic() - (time.time() - machine.record.joinpath("began").stat().st_mtime)
            self._note("boot to UD_OK, s", arrived - since)
            yield machine
        finally:
            machine.end()

    def _use(self, name: str, machine: Machine, seconds: float) -> None:
        time.sleep(5)
        container = Container.of(machine.name)
        requests, asked, used = self._requests(), self.surroundings.requests, container.agent_seconds()
        began = time.monotonic()
        with Watch(container) as watch:
            time.sleep(seconds)
        minutes = (time.monotonic() - began) / 60
        self._note(f"{name}: CPU seconds a minute", (container.agent_seconds() - used) / minutes)
        self._note(f"{name}: requests to AWS a minute", round((self._requests() - requests) / minutes))
        self._note(
            f"{name}: requests to the metadata service a minute", round((self.surroundings.requests - asked) / minutes)
        )
        self._figures.setdefault(f"{name}: memory, MiB", []).extend(each / _MIB for each in watch.samples)

    def _claim(self, label: str, kind: str, phase: float) -> None:
        """Claim it, let it work, and release it, each at another moment of what the agent repeats."""
        time.sleep(2 + phase)
        asked = time.monotonic()
        self._driver.claim(label)
        self._note(f"{kind}: claim to UD_REG_OK, s", self._await(signals.REGISTERED, label, asked) - asked)
        self._driver.run(label)
        time.sleep(2 + 10 * phase)
        self._release(label, kind)

    def _release(self, label: str, kind: str) -> None:
        asked = time.monotonic()
        self._driver.release(label)
        arrived = self._await(signals.LEFT, label, asked)
        self._note(f"{kind}: release to UD_REMOVE_REG_REMOVE_RUN_OK, s", arrived - asked)
        self._driver.set("threshold", in_minutes(30))

    def _await(self, state: str, label: str, since: float) -> float:
        """Wait for a signal of the agent and give when it arrived, on the clock of `time.monotonic`."""
        wanted = [f'"{each}"'.encode() for each in (state, label)]
        place = 0
        while time.monotonic() - since < LONGEST.total_seconds():
            arrivals = self.world.aws.arrivals
            while place < len(arrivals):
                arrival = arrivals[place]
                place += 1
                if (
                    arrival.at >= since
                    and arrival.operation == "dynamodb:PutItem"
                    and all(each in arrival.body for each in wanted)
                ):
                    return arrival.at
            time.sleep(_TURN_SECONDS)
        raise TimeoutError(f"no signal {state} for {label} within {LONGEST}")

    def _requests(self) -> int:
        return sum(not each.ours and each.signer.startswith(AGENT) for each in self.world.aws.arrivals)

    def _note(self, name: str, value: float) -> None:
        print(f"{name}: {value:.2f}", file=sys.stderr, flush=True)
        self._figures.setdefault(name, []).append(value)
