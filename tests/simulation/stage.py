"""What happens around a run as time goes by: the agents of all instances, and other programs, call by call.

It also remembers what no item holds: the last run of each machine, and the messages that release has sent.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from refresh.pool import records
from refresh.pool.ownership import TEMPLATE_TAG
from tests.simulation.agents import Agent
from tests.simulation.paces import USUAL, Pace

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.memory.ec2 import Instance
    from tests.simulation.pool import Pool


_OFTEN = timedelta(seconds=0.2)
"""How often agents look although nothing was written."""


class _Actor(Protocol):
    due: datetime | None

    def act(self) -> None:
        """Act, now that it is due."""
        ...


@define
class Process:
    """Another program: an iterator that gives, before each of its calls, how many seconds it waits until then."""

    steps: Iterator[float]
    now: datetime
    dies_at: float = math.inf
    """The number of the call before which it is killed."""
    made: int = 0
    """How many calls it has made."""
    due: datetime | None = None

    def __attrs_post_init__(self) -> None:
        """Wait for the first call."""
        self._go_on(self.now)

    def act(self) -> None:
        """Make a call."""
        assert self.due is not None
        moment = self.due
        self.made += 1
        self._go_on(moment)

    def _go_on(self, moment: datetime) -> None:
        """Have the effect of the call that was waited for, and wait for the next one."""
        seconds = next(self.steps, None)
        self.due = None if seconds is None or self.made >= self.dies_at else moment + timedelta(seconds=seconds)


@define
class Deed:
    """Something that happens once, such as a look at a message when it becomes visible."""

    due: datetime | None
    deed: object

    def act(self) -> None:
        """Do it."""
        self.due = None
        assert callable(self.deed)
        self.deed()


@define
class Stage:
    """A pool with the agents of its instances, and with other programs."""

    pool: Pool
    pace: Pace = USUAL
    newcomers: list[Pace] = field(factory=list)
    """How the next machines that are seen behave, in their order; the others have the usual pace."""
    agents: dict[str, Agent] = field(factory=dict)
    others: list[_Actor] = field(factory=list)
    last_run: dict[str, str] = field(factory=dict)
    """The run that each machine had last, whichever process wrote it."""
    known: set[tuple[str, str]] = field(factory=set)
    """The messages that were sent before, in the same form as `sent`."""
    tokens: dict[str, str] = field(factory=dict)
    """The label for which each client token was sent, whichever process sent it."""
    sent: list[tuple[str, str]] = field(factory=list)
    """The machines that release has offered in a message, each with the threshold in it."""

    seen: tuple[int, int] | None = None
    """How often the table was written, and the number of instances."""
    looked_at: datetime | None = None

    def __attrs_post_init__(self) -> None:
        """Give every instance its agent."""
        for identifier, item in self.pool.table.of(records.INSTANCE).items():
            self.known.add((identifier, records.text(item, "offeredFor") or ""))
        self._look()

    def begin(self, steps: Iterator[float], dies_at: float = math.inf) -> Process:
        """Let another program run."""
        process = Process(steps, self.pool.account.clock.now(), dies_at)
        self.others.append(process)
        return process

    def at(self, moment: datetime, deed: object) -> None:
        """Let something happen at a moment."""
        self.others.append(Deed(moment, deed))

    def catch_up(self) -> None:
        """Let everybody do what was due until now, each in its time."""
        clock = self.pool.account.clock
        until = clock.now()
        self._look()
        acted = False
        while (actor := self._next(until)) is not None:
            assert actor.due is not None
            clock.moment = actor.due
            actor.act()
            self._look()
            acted = True
        clock.moment = until
        if acted:
            self._look()

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.pool.account.clock.moment += timedelta(seconds=seconds)
        self.catch_up()

    def until(self, process: Process, calls: float = math.inf) -> None:
        """Let time pass until a program has made so many calls or has ended."""
        clock = self.pool.account.clock
        while process.due is not None and process.made < calls:
            clock.moment = max(clock.moment, process.due)
            self.catch_up()

    def pace_of(self, instance: Instance) -> Pace:  # noqa: ARG002 - which machine it is matters to others
        """Return the pace of a machine that is seen for the first time."""
        return self.newcomers.pop(0) if self.newcomers else self.pace

    def _next(self, until: datetime) -> _Actor | None:
        due = [each for each in (*self.agents.values(), *self.others) if each.due is not None and each.due <= until]
        return min(due, key=lambda each: each.due or until, default=None)

    def _look(self) -> None:
        """Let all agents look, unless they have just looked and nothing was written since."""
        table, now = self.pool.table, self.pool.account.clock.now()
        seen = table.writes, len(self.pool.account.state.instances)
        recent = self.looked_at is not None and now - self.looked_at < _OFTEN
        if recent and self.seen == seen:
            return
        self.seen, self.looked_at = seen, now
        for identifier, instance in self.pool.account.state.instances.items():
            if identifier not in self.agents and TEMPLATE_TAG in instance.tags:
                self.agents[identifier] = Agent(self.pool, identifier, self.pace_of(instance))
        for identifier, item in self.pool.table.of(records.INSTANCE).items():
            if run := records.text(item, "runId"):
                self.last_run[identifier] = run
        items = self.pool.table.items
        for agent in self.agents.values():
            agent.look(items.get(("TYPE#INSTANCE", f"ID#{agent.id}"), {}))
