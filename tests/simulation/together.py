"""Several processes at the same time in simulated time: each is a thread, and only one of them runs at a moment.

At every call and every wait a process says until when it is away, and the one that is due first goes on. Which one of
those that are due at the same moment goes first, and how long each call takes, is drawn.
"""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from tests.fakes.memory.account import Seam, Watch

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from tests.simulation.stage import Stage

_SLOWEST = 0.08
"""By how many seconds a call may take longer than the fastest."""


class _Abandoned(BaseException):
    """Another process has broken a promise."""


@define(eq=False)
class Process:
    """A process, and the clock that it has."""

    together: Together
    work: Callable[[Process], object]
    """Given its process, does everything that the process does."""
    seam: Seam = field(factory=Watch)
    look: Callable[[str, Any], None] = lambda *_: None
    due: datetime = field(init=False)
    began_at: datetime = field(init=False)
    turn: threading.Event = field(factory=threading.Event)
    done: bool = False
    result: Any = None
    problem: BaseException | None = None
    ended_at: datetime | None = None
    calls: int = 0

    def now(self) -> datetime:
        """Give the moment."""
        return self.together.stage.pool.account.clock.now()

    def sleep(self, seconds: float) -> None:
        """Let time pass, and others act."""
        self.together.wait(self, self.now() + timedelta(seconds=seconds))

    def run(self) -> None:
        """Work, when it is its turn for the first time."""
        try:
            self.together.await_turn(self)
            self.began_at = self.now()
            self.result = self.work(self)
        except BaseException as problem:  # noqa: BLE001 - the main thread raises it
            self.problem = problem
        self.done, self.ended_at = True, self.now()
        self.together.hand_over(self)


@define(eq=False)
class Together:
    """The seam of all processes, and the order in which they go on."""

    stage: Stage
    chance: random.Random
    spread: float = 0.05
    """Within how many seconds all processes begin."""
    processes: list[Process] = field(factory=list)
    left: list[Process] = field(factory=list)
    """Those that have not ended."""
    threads: list[threading.Thread] = field(factory=list)
    current: Process | None = None
    over: threading.Event = field(factory=threading.Event)
    broken: bool = False

    def add(self, work: Callable[[Process], object]) -> Process:
        """Add a process, also while others run."""
        process = Process(self, work)
        process.due = process.now() + timedelta(seconds=self.chance.uniform(0, self.spread))
        self.processes.append(process)
        self.left.append(process)
        if self.current is not None:
            self._start(process)
        return process

    def run(self) -> list[Any]:
        """Let all processes run to their end; return their results."""
        account = self.stage.pool.account
        account.seam, account.look = self, self._look
        for each in self.processes:
            self._start(each)
        self.hand_over(None)
        self.over.wait()
        for thread in self.threads:
            thread.join()
        for problem in (each.problem for each in self.processes):
            if problem is not None and not isinstance(problem, _Abandoned):
                raise problem
        return [each.result for each in self.processes]

    def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - each process counts its own calls
        """Let others go on while the call is under way."""
        process = self._running
        late = timedelta(seconds=self.chance.uniform(0, _SLOWEST))
        self.wait(process, process.now() + late)
        process.calls += 1
        process.seam.before(process.calls - 1, operation)

    def after(self, number: int, operation: str) -> None:  # noqa: ARG002 - see above
        """Let the process look at what the call did."""
        process = self._running
        process.seam.after(process.calls - 1, operation)

    def wait(self, process: Process, until: datetime) -> None:
        """Let others go on until then."""
        process.due = until
        self.hand_over(process)
        self.await_turn(process)

    def hand_over(self, process: Process | None) -> None:
        """Give the turn to the process that is due first."""
        self.left = left = [each for each in self.left if not each.done]
        if not left:
            self.over.set()
            return
        if process is not None and process.problem is not None:
            self.broken = True
        earliest = min(each.due for each in left)
        self.current = self.chance.choice([each for each in left if each.due == earliest])
        self.current.turn.set()

    def await_turn(self, process: Process) -> None:
        """Wait for its turn; time is then as far as it has waited."""
        process.turn.wait()
        process.turn.clear()
        if self.broken:
            raise _Abandoned
        clock = self.stage.pool.account.clock
        clock.moment = max(clock.moment, process.due)
        self.stage.catch_up()

    def _start(self, process: Process) -> None:
        thread = threading.Thread(target=process.run, daemon=True)
        self.threads.append(thread)
        thread.start()

    def _look(self, operation: str, answer: Any) -> None:
        self._running.look(operation, answer)

    @property
    def _running(self) -> Process:
        assert self.current is not None
        return self.current
