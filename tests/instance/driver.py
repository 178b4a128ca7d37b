"""Plays provision and release on the table, as the contract describes them, and waits as long as they do."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from refresh.pool import records, signals
from tests.fakes import instance_items
from tests.fakes.runner_role import ROLE_ID
from tests.fakes.world import in_minutes

if TYPE_CHECKING:
    from collections.abc import Callable

    from refresh.ports import Clients
    from tests.fakes.world import World

CREATION_SECONDS, CLAIM_SECONDS, RELEASE_SECONDS = 180, 10, 120
"""How long they wait for UD_REG_OK of a new instance, of a claimed one, and for UD_REMOVE_REG_REMOVE_RUN_OK."""
_TURN_SECONDS = 0.2
"""Between two looks: each costs the machine that is waited for a part of the processor."""


def eventually(met: Callable[[], Any], seconds: float, what: Callable[[], object] = lambda: "") -> float:
    """Wait until it holds and give the seconds that it took."""
    began = time.monotonic()
    while not met():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what()}"
        time.sleep(_TURN_SECONDS)
    return time.monotonic() - began


class Driver:
    """One instance's life on the table."""

    def __init__(self, world: World, clients: Clients, instance_id: str, role_id: str = ROLE_ID) -> None:
        self.world = world
        self.clients = clients
        self.instance_id = instance_id
        self.role_id = role_id

    def in_minutes(self, minutes: float) -> str:
        """Write the time in some minutes, on AWS's clock, as the table holds it."""
        return in_minutes(minutes + self.world.aws.sessions.ahead / 60)

    def create(self, run: str = "42", **changed: str) -> None:
        """Record it as provision does when it has launched it."""
        created = {"state": "created", "runId": run, "threshold": self.in_minutes(10), **changed}
        item = instance_items.record(self.instance_id, datetime.now(UTC), **created)
        self.clients.dynamodb.put_item(TableName=self.world.table, Item=item)

    def delete(self) -> None:
        """Delete its record."""
        self.clients.dynamodb.delete_item(
            TableName=self.world.table, Key=records.key(records.INSTANCE, self.instance_id)
        )

    def run(self, run: str) -> None:
        """Record that the run has it."""
        self._move("running", run, run, minutes=30)

    def release(self, run: str) -> None:
        """Give it back."""
        self._move("idle", "", run, minutes=7)

    def claim(self, run: str) -> None:
        """Take it from the pool."""
        self._move("claimed", run, "", minutes=5)

    def expire(self) -> None:
        """Have its threshold pass so long ago that it ends itself."""
        self.set("threshold", self.in_minutes(-2))

    def promote(self) -> None:
        """Have it wait in the pool for its first run, as refresh does once it is ready: for an hour."""
        self._set(state="idle", updatedAt=self.in_minutes(0))
        self.keep()

    def keep(self, minutes: float = 60) -> None:
        """Have it wait from now on for so long, as refresh does: its state and its age stay."""
        threshold = self.in_minutes(minutes)
        self._set(threshold=threshold, freshFor=threshold)

    def set(self, attribute: str, value: str) -> None:
        """Write an attribute of its record by hand."""
        self._set(**{attribute: value})

    def _set(self, **attributes: str) -> None:
        self.clients.dynamodb.update_item(
            TableName=self.world.table,
            Key=records.key(records.INSTANCE, self.instance_id),
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
            ExpressionAttributeNames={f"#{name}": name for name in attributes},
            ExpressionAttributeValues={f":{name}": {"S": value} for name, value in attributes.items()},
        )

    def item(self, entity: str) -> dict[str, Any]:
        """Read one of its items; empty where there is none."""
        return self.world.item(self.clients, entity, self.instance_id)

    @property
    def report(self) -> dict[str, Any]:
        """Its report: the item that it alone may write."""
        return self.item(signals.agent_entity(self.role_id, self.instance_id))

    def reported(self, name: str) -> str:
        """Read what it reports under this name; empty if there is nothing."""
        return records.text(records.mapping(self.report, "value"), name) or ""

    @property
    def signalled(self) -> tuple[str, str]:
        """Its last signal, state and run, as the original action reads it."""
        value = records.mapping(self.item(records.SIGNAL), "value")
        return records.text(value, "state") or "", records.text(value, "runId") or ""

    @property
    def signalled_to_us(self) -> tuple[str, str]:
        """Its last signal, state and run, as our actions read it."""
        return self.reported("state"), self.reported("runId")

    def await_signal(self, state: str, run: str, seconds: float, log: Callable[[], str]) -> float:
        """Wait for a signal as provision and release do, and give the seconds that it took."""
        return eventually(lambda: self.signalled == (state, run), seconds, lambda: f"{self.signalled}\n{log()}")

    def await_beat(self, log: Callable[[], str]) -> None:
        """Wait for the next heartbeat: on a busy machine its agent is slow, and dead to others after 15 seconds."""
        last = self.item(records.HEARTBEAT).get("updatedAt")
        eventually(lambda: self.item(records.HEARTBEAT).get("updatedAt") != last, CREATION_SECONDS, log)

    def ended(self) -> bool:
        """Whether its termination was requested of EC2."""
        return self.world.states(self.clients)[self.instance_id] in ("shutting-down", "terminated")

    def _move(self, state: str, run: str, judged_run: str, minutes: float) -> None:
        self.clients.dynamodb.update_item(
            TableName=self.world.table,
            Key=records.key(records.INSTANCE, self.instance_id),
            UpdateExpression="SET #state = :state, runId = :run, threshold = :threshold",
            ConditionExpression="runId = :judged AND threshold > :now",
            ExpressionAttributeNames={"#state": "state"},
            ExpressionAttributeValues={
                ":state": {"S": state},
                ":run": {"S": run},
                ":judged": {"S": judged_run},
                ":threshold": {"S": self.in_minutes(minutes)},
                ":now": {"S": self.in_minutes(0)},
            },
        )
