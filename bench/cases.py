"""What is measured: how each case is made ready, what is run, and how often."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import field, frozen

from bench.figures import Result

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from bench.environments import Environment
    from bench.figures import Call, Sample
    from bench.stage import Stage

LATENCIES = (0.0, 0.02)
AMPLE = 0.25
"""A latency beside which the client's own time is nothing: calls that could be made at once are seen to be."""
THOUSANDS = 1000


@frozen(kw_only=True)
class Case:
    """One situation in which refresh is run."""

    name: str
    prepare: Callable[[Stage], None]
    """Makes it ready, before each run."""
    inputs: Mapping[str, str] = field(factory=dict)
    code: int = 0
    instances: int = 0
    latencies: tuple[float, ...] = LATENCIES

    @property
    def runs(self) -> int:
        """How often it is run at each latency unless it is said otherwise."""
        return 3 if self.instances >= THOUSANDS else 9

    def measured(self, stage: Stage, where: Environment, runs: int) -> Iterator[Result]:
        """Run it at each latency, the yardstick between; once before for the calls."""
        calls: tuple[Call, ...] = ()
        for latency in self.latencies:
            samples: list[Sample] = []
            yardstick: list[Sample] = []
            if not calls:
                self._run(stage, where, AMPLE)
                calls = stage.calls()
            for _ in range(runs):
                yardstick.append(where.yardstick())
                samples.append(self._run(stage, where, latency))
            yield Result(
                case=self.name,
                backend=stage.backend,
                latency=latency,
                samples=tuple(samples),
                yardstick=tuple(yardstick),
                calls=calls,
                instances=self.instances,
            )

    def _run(self, stage: Stage, where: Environment, latency: float) -> Sample:
        self.prepare(stage)
        environ = {name: value for name, value in stage.world.environ(**self.inputs).items() if value}
        stage.expect(latency)
        return where.refresh(environ, self.code)


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


def cases() -> tuple[Case, ...]:
    """List all."""
    return (
        Case(name="missing input", prepare=_nothing, inputs={"ami": ""}, code=2, latencies=(0.0,)),
        Case(name="fresh account", prepare=lambda stage: stage.empty()),
        Case(name="no-op", prepare=lambda stage: stage.settle()),
        Case(name="no-op, nobody living", prepare=_played(0, "living")),
        Case(name="plan", prepare=_due(10), inputs={"mode": "plan"}, instances=10),
        Case(name="collection of 10", prepare=_due(10), instances=10),
        Case(name="collection of 100", prepare=_due(100), instances=100),
        Case(name="no-op after 50,000 ever", prepare=_remembered(50_000)),
        Case(name="no-op, 1,000 living", prepare=_played(1000, "living"), instances=1000),
        Case(name="no-op, 5,000 living", prepare=_played(5000, "living"), instances=5000),
        Case(name="collection of 1,000", prepare=_played(1000, "expired"), instances=1000),
        Case(name="collection of 5,000", prepare=_played(5000, "expired"), instances=5000),
    )
