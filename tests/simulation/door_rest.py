"""What a release has left to do, found with other eyes than its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from refresh.pool import records
from refresh.pool.ownership import PROTECTION_TAG, TEMPLATE_TAG
from tests.simulation.invariants import STRANGER

if TYPE_CHECKING:
    from refresh.desired import DesiredRelease
    from tests.simulation.pool import Pool
    from tests.simulation.stage import Stage


def asked_for(desired: DesiredRelease, label: str) -> bool:
    """Whether a label is to be released."""
    run_id, _, name = label.partition("-")
    return run_id == desired.run_id and desired.name in {name, "*"}


def wanted(stage: Stage, desired: DesiredRelease, item: Any) -> bool:
    """Whether a machine of the label is to go back to the pool, if it lives."""
    run = stage.pool.table.of(records.RUN).get(records.text(item, "runId") or "", {})
    asked: bool = records.mapping(run, "value").get("reuse", {}).get("BOOL", True)
    return records.text(item, "state") == "running" and (asked if desired.reuse is None else desired.reuse)


def undone(stage: Stage, desired: DesiredRelease) -> list[str]:
    """List what is left to do."""
    recorded = stage.pool.table.of(records.INSTANCE)
    left = [f"{each}: {_problem(stage, desired, each, item)}" for each, item in recorded.items()]
    if any(asked_for(desired, _label(item)) for item in recorded.values()):
        # Next to recorded machines, EC2 need not be asked: refresh finds the others.
        return [each for each in left if not each.endswith(": ")]
    for identifier in stage.pool.alive:
        tags = stage.pool.account.state.instances[identifier].tags
        of_label = asked_for(desired, tags.get("InitialRunId", ""))
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
        return f"it is {state} for {run}" if asked_for(desired, run) and (alive or not expired) else ""
    last = records.text(item, "lastRunId") or ""
    if not asked_for(desired, last) or not asked_for(desired, stage.last_run.get(identifier, last)):
        return ""
    if expired:
        retired = threshold < (records.text(item, "releasedAt") or "")
        return "it has no time and still lives" if alive and retired else ""
    return _unoffered(stage, identifier, item)


def _unoffered(stage: Stage, identifier: str, item: Any) -> str:
    settings = stage.pool.table.of(records.SETTINGS)["doors"]["value"]["M"]
    threshold = records.text(item, "threshold") or ""
    if not settings["originalModes"]["BOOL"] or records.text(item, "resourceClass") not in settings["classes"]["M"]:
        return ""
    if records.text(item, "offeredFor") != threshold:
        return "its record does not say that it was offered"
    # A world may begin with the message of a release before it.
    sent = (identifier, threshold) in stage.sent or (identifier, threshold) in stage.known
    return "" if sent else "no message offers it"
