"""The image, cancelled as GitHub cancels it and killed at every request."""

from __future__ import annotations

import json
import re
import signal
from typing import TYPE_CHECKING

import pytest

from refresh.pool import names
from tests import suites

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.container.hosted import Step
    from tests.container.stage import RemoteStage
    from tests.fakes.world import World
    from tests.simulation.figures import Tally

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(3000)]

EXPIRED = 3
EVERY = 1 if suites.NIGHTLY else 3 if suites.ALL else 8
"""A run is killed at every n-th request. A night kills at each; the simulation does so in every run."""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_cancelled_collection_reports_in_time_and_the_next_run_finishes_it(
    step: Callable[..., Step], stage: RemoteStage, contained: World, number: signal.Signals
) -> None:
    """As PID 1, while the answer to the terminations does not come at all."""
    assert step().finish() == 0
    expired = _expire(contained)
    stage.hold_at("ec2:TerminateInstances")
    cancelled = step()
    assert stage.wait_until_held(cancelled.over), cancelled.printed
    cancelled.client.send_signal(number)
    code = cancelled.finish()
    stage.release()
    assert code == 1, cancelled.printed
    report = json.loads((cancelled.folder / "workspace" / cancelled.outputs["report-path"]).read_text())
    collector = next(each for each in report["components"] if each["name"] == "garbage collector")
    assert [each["change"]["action"] for each in collector["outcomes"]] == ["mark"] * EXPIRED
    assert "not answered in time" in collector["error"]
    assert "garbage collector" in json.loads(cancelled.outputs["failed-components"])
    assert "failed: garbage collector" in cancelled.written("GITHUB_STEP_SUMMARY")
    assert any(
        re.search("title=[^:]*garbage collector[^:]*::stopped as asked", each) for each in cancelled.annotations
    ), cancelled.annotations
    assert step().finish() == 0
    _require_ended(contained, expired)


def test_a_collection_killed_at_any_request_is_finished_by_the_next_run(
    step: Callable[..., Step], stage: RemoteStage, contained: World, tally: Tally
) -> None:
    """The request has its effect and its answer never comes; no instance is harmed and nothing is left."""
    assert step().finish() == 0
    (at_work,) = contained.launch(contained.clients())
    contained.record(contained.clients(), at_work, state="running", runId="1", threshold="2999-01-01T00:00:00Z")
    _expire(contained)
    for number in range(1, _calls_of(step, stage) + 1, EVERY):
        expired = _expire(contained)
        killed = _killed_at(step, stage, number)
        tally.add("collections killed at a request" if killed else "collections over before it")
        _settle(step, stage, contained)
        _require_ended(contained, expired)
        assert contained.states(contained.clients())[at_work] == "running"
        assert contained.left(contained.clients(), at_work) == ["HEARTBEAT", "INSTANCE", "WS"]


def test_a_first_run_killed_at_any_request_is_finished_by_the_next_one(
    step: Callable[..., Step], stage: RemoteStage, contained: World, tally: Tally
) -> None:
    """From the empty account on."""
    for number in range(1, _calls_of(step, stage) + 1, EVERY):
        stage.reset()
        contained.furnish()
        killed = _killed_at(step, stage, number)
        tally.add("first runs killed at a request" if killed else "first runs over before it")
        _settle(step, stage, contained)


def _calls_of(step: Callable[..., Step], stage: RemoteStage) -> int:
    """Count the requests of a run that nothing disturbs."""
    stage.forget_calls()
    quiet = step()
    assert quiet.finish() == 0, quiet.printed
    return len(stage.calls)


def _killed_at(step: Callable[..., Step], stage: RemoteStage, number: int) -> bool:
    """Kill a run at a request; false where it has fewer."""
    stage.hold(number)
    run = step()
    held = stage.wait_until_held(run.over)
    if held:
        run.kill()
    stage.release()
    assert run.finish() == (128 + signal.SIGKILL if held else 0), run.printed
    return held


def _settle(step: Callable[..., Step], stage: RemoteStage, world: World) -> None:
    """Run twice: the first puts everything right, the second finds nothing to do."""
    mending = step()
    assert mending.finish() == 0, mending.printed
    stage.forget_calls()
    quiet = step()
    assert quiet.finish() == 0, quiet.printed
    assert stage.writes == [], quiet.printed
    clients = world.clients()
    assert world.default_version(clients)["LaunchTemplateData"]["ImageId"] == world.inputs["ami"]
    recorded = world.metadata(clients, names.RESOURCE_CLASS_CONFIG_IDENTIFIER)["M"].values()
    assert {each["M"]["queueUrl"]["S"].rpartition("/")[2] for each in recorded} == set(world.queues(clients))


def _expire(world: World) -> list[str]:
    """Launch expired instances."""
    clients = world.clients()
    launched = world.launch(clients, EXPIRED)
    for each in launched:
        world.record(clients, each)
    return launched


def _require_ended(world: World, expired: list[str]) -> None:
    """They are terminated, and only their history is left."""
    clients = world.clients()
    states = world.states(clients)
    assert {each: states[each] for each in expired} == dict.fromkeys(expired, "terminated")
    assert {each: world.left(clients, each) for each in expired} == {each: ["HISTORY"] for each in expired}
