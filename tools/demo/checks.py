"""Checks that what an act's title says is true."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from refresh import inputs
from refresh.pool import lifecycle, names, records

if TYPE_CHECKING:
    from tools.demo.stage import Stage

LAUNCHES = ("ec2:CreateFleet", "ec2:RunInstances")


class ActFailed(Exception):
    """An act did not do what its title says."""


def require(met: bool, problem: str) -> None:  # noqa: FBT001 - it is the statement itself
    """Fail the act unless something holds."""
    if not met:
        raise ActFailed(problem)


def equal(found: object, expected: object, what: str) -> None:
    """Fail the act unless both are the same."""
    require(found == expected, f"{what}: {expected} expected, {found} found")


def complete(stage: Stage) -> None:
    """Expect all parts of a pool."""
    # All METADATA items and SETTINGS.
    equal(len(stage.world.items(stage.clients)), len(names.METADATA_IDENTIFIERS) + 1, "items of the table")
    classes = inputs.load(stage.world.environ()).desired.resource_classes
    equal(len(stage.world.queues(stage.clients)), len(classes), "queues")
    image(stage, stage.world.inputs["ami"])


def nothing_written(stage: Stage) -> None:
    """Expect that the last run only read."""
    equal(stage.world.aws.writes, [], "writes to AWS")


def image(stage: Stage, expected: str) -> None:
    """Expect an image in the default version of the template."""
    found = stage.world.default_version(stage.clients)["LaunchTemplateData"]["ImageId"]
    equal(found, expected, "the image that the template launches")


def launches(stage: Stage, expected: int) -> None:
    """Expect so many launches of the last run."""
    counted = stage.world.aws.counted()
    equal(sum(counted[each] for each in LAUNCHES), expected, "launches")


def state(stage: Stage, machine: str, expected: str) -> None:
    """Expect that EC2 runs a machine, and a state in its record."""
    equal(stage.world.states(stage.clients).get(machine), "running", f"{machine} in EC2")
    known = stage.world.records(stage.clients)
    require(machine in known, f"{machine} has no record")
    equal(known[machine].state, expected, f"the record of {machine}")


def cut_off(stage: Stage, machines: list[str]) -> None:
    """Expect machines that are marked as terminated, and that EC2 still runs."""
    for each in machines:
        state(stage, each, lifecycle.TERMINATED)
    equal([each for each in stage.ended if each in machines], [], "machines ended")


def gone(stage: Stage, machines: list[str]) -> None:
    """Expect that EC2 has ended each machine once, and that only its history is left."""
    counted, states = Counter(stage.ended), stage.world.states(stage.clients)
    for each in machines:
        equal(counted[each], 1, f"requests to end {each}")
        equal(states[each], "terminated", f"{each} in EC2")
        left = [kind for kind in stage.world.left(stage.clients, each) if kind != "AGENT"]
        equal(left, [records.HISTORY], f"items of {each}")


def nothing_leaked(stage: Stage) -> None:
    """Expect that EC2 runs no machine without a record, and that nothing was ended twice."""
    living = {each for each, state in stage.world.states(stage.clients).items() if state != "terminated"}
    equal(living, {*stage.world.records(stage.clients)}, "machines that run")
    equal([each for each, number in Counter(stage.ended).items() if number > 1], [], "machines ended twice")
