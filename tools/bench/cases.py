"""What is measured: how each case is made ready, what is run, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from refresh.inputs.table import PROVISION, REFRESH, RELEASE
from tools.bench.figures import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tools.bench.environments import Environment
    from tools.bench.figures import Sample
    from tools.bench.stage import Stage

LATENCIES = (0.0, 0.02)
THOUSANDS = 1000


@frozen(kw_only=True)
class Case:
    """One situation in which an action is run."""

    name: str
    prepare: Callable[[Stage], None]
    """Makes it ready, before each run."""
    inputs: Mapping[str, str] = field(factory=dict)
    action: str = REFRESH
    code: int = 0
    instances: int = 0
    latencies: tuple[float, ...] = LATENCIES

    @property
    def runs(self) -> int:
        """How often it is run at each latency unless it is said otherwise."""
        return 3 if self.instances >= THOUSANDS else 9

    def measured(self, stage: Stage, where: Environment, runs: int) -> Iterator[Result]:
        """Run it once to count its calls, then in rounds, so that noise hits all latencies and the yardstick alike."""
        samples: dict[float, list[Sample]] = {latency: [] for latency in self.latencies}
        yardstick: dict[float, list[Sample]] = {latency: [] for latency in self.latencies}
        self.run(stage, where, None)
        calls = stage.calls()
        for _ in range(runs):
            for latency in self.latencies:
                yardstick[latency].append(where.yardstick())
                samples[latency].append(self.run(stage, where, latency))
        for latency in self.latencies:
            yield Result(
                case=self.name,
                backend=stage.backend,
                latency=latency,
                samples=tuple(samples[latency]),
                yardstick=tuple(yardstick[latency]),
                calls=calls,
                instances=self.instances,
                code=self.code,
            )

    def run(self, stage: Stage, where: Environment, latency: float | None) -> Sample:
        """Run it once; without a latency for its calls, see `tools.bench.proxy`."""
        self.prepare(stage)
        world = stage.world
        steps = {REFRESH: world.environ, RELEASE: world.release_environ, PROVISION: world.provision_environ}
        environ = {name: value for name, value in steps[self.action](**self.inputs).items() if value}
        stage.expect(latency)
        return where.run(environ, self.code, self.action)


def _nothing(_: Stage) -> None:
    """Have all as it is."""


def _due(number: int) -> Callable[[Stage], None]:
    def prepare(stage: Stage) -> None:
        stage.settle(anew=True)
        stage.fill(number)

    return prepare


def _played(number: int, kind: str) -> Callable[[Stage], None]:
    return lambda stage: stage.play(number, kind)


def _remembered(number: int) -> Callable[[Stage], None]:
    written: list[int] = []

    def prepare(stage: Stage) -> None:
        stage.settle(anew=not written)
        if not written:
            stage.remember(number)
            written.append(number)

    return prepare


def _lent(number: int, *, known: bool) -> Callable[[Stage], None]:
    launched: list[str] = []

    def prepare(stage: Stage) -> None:
        if len(launched) < number or not number:
            stage.settle(anew=True)
            launched.extend(stage.launch(number))
        stage.lend(launched, known=known)

    return prepare


def _offered(number: int) -> Callable[[Stage], None]:
    launched: list[str] = []

    def prepare(stage: Stage) -> None:
        if not launched:
            stage.settle(anew=True)
            launched.extend(stage.launch(number))
        stage.offer(launched)

    return prepare


def quick() -> tuple[Case, ...]:
    """List a few, once at no latency: to see that all works."""
    wanted = ("missing input", "fresh account", "no-op", "collection of 10")
    return tuple(evolve(case, latencies=(0.0,)) for case in cases() if case.name in wanted)


def _releases() -> tuple[Case, ...]:
    """List those of `release`: of machines that go back to the pool, and of none."""
    wanted = [(f"release of {number}", number, True) for number in (1, 20, 200)]
    wanted += [(f"release of {number}, no RUN item", number, False) for number in (1, 20)]
    wanted.append(("nothing to release", 0, True))
    return tuple(
        Case(name=name, prepare=_lent(number, known=known), action=RELEASE, instances=number)
        for name, number, known in wanted
    )


def _provisions() -> tuple[Case, ...]:
    """List those of `provision`: all machines that it wants are ready, and no more."""
    return tuple(
        Case(
            name=f"provision of {number}, warm",
            prepare=_offered(number),
            inputs={"count": str(number)},
            action=PROVISION,
            instances=number,
        )
        for number in (1, 5, 20)
    )


def cases() -> tuple[Case, ...]:
    """List all."""
    return (
        Case(name="missing input", prepare=_nothing, inputs={"ami": ""}, code=2, latencies=(0.0,)),
        Case(name="fresh account", prepare=lambda stage: stage.empty()),
        Case(name="no-op", prepare=lambda stage: stage.settle()),
        Case(name="no-op, empty pool", prepare=_played(0, "living")),
        Case(name="plan", prepare=_due(10), inputs={"mode": "plan"}, instances=10),
        Case(name="collection of 10", prepare=_due(10), instances=10),
        Case(name="collection of 100", prepare=_due(100), instances=100),
        *_releases(),
        *_provisions(),
        Case(name="no-op after 50,000 ever", prepare=_remembered(50_000)),
        Case(name="no-op, 1,000 living", prepare=_played(1000, "living"), instances=1000),
        Case(name="no-op, 5,000 living", prepare=_played(5000, "living"), instances=5000),
        Case(name="collection of 1,000", prepare=_played(1000, "expired"), instances=1000),
        Case(name="collection of 5,000", prepare=_played(5000, "expired"), instances=5000),
    )
