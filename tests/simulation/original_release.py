"""The archived action's `release` as another process, from what is known of its calls, faults included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import define, field

from refresh.pool import records
from tests.simulation.original_calls import CALL, OriginalCalls

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulation.pool import Pool

LOOK_SECONDS, LOOKS = 10, 12


@define
class OriginalRelease:
    """One run of it."""

    pool: Pool
    run_id: str
    skew: float = 0
    released: list[str] = field(factory=list)
    """The machines whose record it changed."""
    offered: list[str] = field(factory=list)
    """The machines for which it sent a message."""

    def steps(self) -> Iterator[float]:
        """Give the seconds before each call."""
        calls = OriginalCalls(self.pool, self.skew)
        yield CALL
        classes = records.mapping(calls.get(records.METADATA, "resource_class_config"), "value")
        yield CALL
        idle = records.number(calls.get(records.METADATA, "idle_time_sec"), "value")
        if not classes or not idle:
            return
        yield CALL
        waiting: dict[str, dict[str, Any]] = {}
        for item in calls.of_run(self.run_id):
            if records.text(item, "state") != "running":
                continue
            identifier = records.identifier_of(item)
            yield CALL
            changed = {"state": "idle", "runId": "", "threshold": calls.time(idle)}
            if calls.change(identifier, "running", self.run_id, **changed):
                self.released.append(identifier)
                waiting[identifier] = item
        yield from self._offer(calls, classes, waiting)

    def _offer(self, calls: OriginalCalls, classes: Any, waiting: dict[str, dict[str, Any]]) -> Iterator[float]:
        """Wait for the agents, and send a message for each that has left its run."""
        for _ in range(LOOKS):
            pause = LOOK_SECONDS - CALL * len(waiting)
            for identifier, item in list(waiting.items()):
                yield pause + CALL
                pause = 0
                value = records.mapping(calls.get(records.SIGNAL, identifier), "value")
                signal, run = records.text(value, "state") or "", records.text(value, "runId")
                if run != self.run_id or not signal.startswith("UD_REMOVE"):
                    continue
                if signal == "UD_REMOVE_REG_REMOVE_RUN_OK":
                    del waiting[identifier]
                    yield CALL
                    self._send(calls, classes, identifier, item)
                elif signal.endswith("FAILED"):
                    break
        for identifier in waiting:
            yield CALL
            calls.expire(identifier, "idle", "")

    def _send(self, calls: OriginalCalls, classes: Any, identifier: str, item: dict[str, Any]) -> None:
        """Send the message, with the threshold that the machine had while it ran; without its class it is lost."""
        name = records.text(item, "resourceClass") or ""
        size = records.mapping(classes, name)
        if not size:
            return
        calls.send(
            records.text(size, "queueUrl") or "",
            {
                "id": identifier,
                "resourceClass": name,
                "instanceType": records.text(item, "instanceType"),
                "cpu": records.number(size, "cpu"),
                "mmem": records.number(size, "mmem"),
                "usageClass": records.text(item, "usageClass"),
                "threshold": records.text(item, "threshold"),
            },
        )
        self.offered.append(identifier)
