"""The stage of a whole day: hundreds of machines, of which only those that live are looked at, every few seconds."""

from __future__ import annotations

import itertools
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import define, evolve, field

from refresh.pool.ownership import VERSION_TAG
from refresh.ports import RunnerRegistration
from tests.fakes.desired import TEMPLATE
from tests.simulation.agents import Agent
from tests.simulation.original_refresh import PROGRAM
from tests.simulation.paces import Fault
from tests.simulation.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.fakes.memory.ec2 import Instance
    from tests.simulation.day_plan import DayPlan
    from tests.simulation.paces import Pace

BEAT = timedelta(seconds=5)
"""How old the last look of all agents may be when a process reads what they write."""
_TICK = timedelta(seconds=15)
"""How often all agents look at the time, whether anybody reads or not."""
_FORGET = timedelta(minutes=10)


@define
class Ticker:
    """Lets time pass in small steps while nothing else happens."""

    due: datetime | None
    often: timedelta
    tick: Callable[[], object]

    def act(self) -> None:
        """Tick."""
        assert self.due is not None
        self.due += self.often
        self.tick()


@define
class DayStage(Stage):
    """A pool with the agents of its instances, each of which has a pace that the plan draws."""

    plan: DayPlan = field(kw_only=True)
    usage: Callable[[Instance], str] = field(kw_only=True)
    """Returns the usage class of a machine as it is launched."""
    often: timedelta = _TICK
    all_looked_at: datetime = field(init=False)
    reached: datetime = field(init=False)
    """Until when everybody has done what was due, and when the last process has written."""
    machines: dict[str, Instance] = field(factory=dict)
    """All that were ever launched."""
    noticed: dict[str, object] = field(factory=dict)
    """By machine, its record when its agent looked last."""
    registered: dict[str, int] = field(factory=dict)
    """By machine, the number of its runner on GitHub."""
    numbers: Iterator[int] = field(factory=lambda: itertools.count(1))

    def start(self) -> None:
        """Let time pass in small steps from now on."""
        self.all_looked_at = self.reached = now = self.pool.account.clock.now()
        self.others += [Ticker(now, self.often, self._look_all), Ticker(now, _FORGET, self._forget)]

    def before_read(self) -> None:
        """Let the agents write what they have not written yet."""
        if self.pool.account.clock.now() - self.all_looked_at > BEAT:
            self._look_all()

    def catch_up(self) -> None:
        """Let agents notice what was written at the moment when it was, then go on."""
        clock = self.pool.account.clock
        until, clock.moment = clock.moment, self.reached
        self._look()
        clock.moment = until
        super().catch_up()
        self.reached = until

    def pace_of(self, instance: Instance) -> Pace:
        """Return what the plan has drawn; with the original's program it reports only where the original reads."""
        instance.lifecycle = self.usage(instance)
        pace = self.plan.pace_of(len(self.machines), instance)
        template = self.pool.account.state.templates[TEMPLATE]
        data = template.versions.get(int(instance.tags[VERSION_TAG]), {})
        healthy = pace.fault in {None, Fault.TAKEN_BACK}
        return evolve(pace, fault=Fault.OLD) if healthy and data.get("UserData") == PROGRAM else pace

    def list_runners(self, busy: set[str]) -> None:
        """Bring GitHub's list of runners up to date; those on these machines have a job."""
        listed = self.pool.account.state.runners
        for identifier, agent in self.agents.items():
            if agent.serves(agent.run):
                number = self.registered.get(identifier) or next(self.numbers)
                self.registered[identifier] = number
                listed[number] = RunnerRegistration(number, f"{identifier}-1", offline=False, busy=identifier in busy)
            elif (number := self.registered.pop(identifier, 0)) in listed:
                del listed[number]

    def _look(self) -> None:
        """Let the agents of new machines and of changed records look."""
        now, table = self.pool.account.clock.now(), self.pool.table
        seen = table.writes, len(self.pool.account.state.instances)
        if self.seen == seen:
            return
        self.seen, self.looked_at = seen, now
        for identifier, instance in self.pool.account.state.instances.items():
            if identifier not in self.agents:
                pace = self.pace_of(instance)
                self.machines[identifier] = instance
                self.agents[identifier] = Agent(self.pool, identifier, pace)
            record = table.items.get(("TYPE#INSTANCE", f"ID#{identifier}"))
            if instance.ended_at is None and record is not self.noticed.get(identifier):
                self.noticed[identifier] = record
                self.agents[identifier].look(record or {})

    def _look_all(self) -> None:
        self.all_looked_at = self.pool.account.clock.now()
        items = self.pool.table.items
        for identifier, agent in self.agents.items():
            if agent.alive:
                record = items.get(("TYPE#INSTANCE", f"ID#{identifier}"))
                self.noticed[identifier] = record
                agent.look(record or {})

    def _forget(self) -> None:
        """Forget what EC2 has forgotten, and what has happened."""
        known, now = self.pool.account.state.instances, self.pool.account.clock.now()
        for identifier in [each for each, instance in known.items() if instance.state(now) is None]:
            del known[identifier], self.agents[identifier]
            self.noticed.pop(identifier, None)
        self.others = [each for each in self.others if each.due is not None]
