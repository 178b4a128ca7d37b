"""What a release has left to do, found with other eyes than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh.pool import records
from refresh.pool.ownership import PROTECTION_TAG, TEMPLATE_TAG
from tests.fakes.memory.ec2 import ALIVE
from tests.simulation.invariants import STRANGER

if TYPE_CHECKING:
    from refresh.desired import DesiredRelease
    from tests.simulation.pool import Pool
    from tests.simulation.stage import Stage


def wanted(stage: Stage, desired: DesiredRelease, item: Any) -> bool:
    """Whether a machine of the label is to go back to the pool, if it lives."""
    run = stage.pool.table.of(records.RUN).get(records.text(item, "runId") or "", {})
    asked: bool = records.mapping(run, "value").get("reuse", {}).get("BOOL", True)
    return records.text(item, "state") == "running" and (asked if desired.reuse is None else desired.reuse)


def undone(stage: Stage, desired: DesiredRelease) -> list[str]:
    """List what is left to do."""
    recorded = stage.pool.table.of(records.INSTANCE)
    left = [f"{each}: {_problem(stage, desired, each, item)}" for each, item in recorded.items()]
    if any(desired.has(_label(item)) for item in recorded.values()):
        # Next to recorded machines, EC2 need not be asked: refresh finds the others.
        return [each for each in left if not each.endswith(": ")]
    for identifier in stage.pool.alive:
        tags = stage.pool.account.state.instances[identifier].tags
        of_label = desired.has(tags.get("InitialRunId", ""))
        if identifier not in recorded and of_label and TEMPLATE_TAG in tags and endable(stage.pool, identifier):
            left.append(f"{identifier}: launched for the label and not recorded")
    return [each for each in left if not each.endswith(": ")]


def endable(pool: Pool, identifier: str) -> bool:
    """Whether the machine may be ended, if it lives: it is the pool's, and its owner does not protect it."""
    instance = pool.account.state.instances.get(identifier)
    return instance is None or (STRANGER not in instance.tags and instance.tags.get(PROTECTION_TAG) != "true")


def _label(item: Any) -> str:
    return records.text(item, "runId") or records.text(item, "lastRunId") or ""


def _problem(stage: Stage, desired: DesiredRelease, identifier: str, item: Any) -> str:
    """Say what is left to do for a recorded machine; "" if nothing is."""
    pool = stage.pool
    state, threshold = records.text(item, "state"), records.text(item, "threshold") or ""
    alive, expired = identifier in pool.alive, threshold < pool.in_time(0)
    if state not in records.LIVING_STATES or not endable(pool, identifier):
        return ""
    if run := records.text(item, "runId"):
        return f"it is {state} for {run}" if desired.has(run) and (alive or not expired) else ""
    if not desired.has(records.text(item, "lastRunId") or "") or not desired.has(stage.last_run.get(identifier, "")):
        return ""
    if expired:
        retired = threshold < (records.text(item, "releasedAt") or "")
        return "it has no time and still lives" if alive and retired else ""
    settings = pool.table.of(records.SETTINGS)["doors"]["value"]["M"]
    if not settings["originalModes"]["BOOL"] or records.text(item, "resourceClass") not in settings["classes"]["M"]:
        return ""
    if (identifier, threshold) not in stage.sent:
        return "no message offers it"
    return "" if records.text(item, "offeredFor") == threshold else "its record does not say that it was offered"
