"""The agent is killed at each step of a life, and the life goes on: systemd or a loop starts the agent again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from refresh.pool import records
from tests import suites
from tests.instance.driver import eventually
from tests.instance.metadata import ANSWERS, SILENT
from tests.instance.troubles import held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(400)
_SECONDS = 90
"""More than a busy machine takes for a step."""
_NEVER = "1000"


def _while_it_identifies(instance: Instance) -> Iterator[None]:
    instance.surroundings.metadata.mode = SILENT
    instance.boot()
    eventually(lambda: instance.surroundings.requests, _SECONDS, lambda: instance.machine.log)
    yield
    instance.surroundings.metadata.mode = ANSWERS


def _while_the_script_runs(instance: Instance) -> Iterator[None]:
    instance.boot(pre_runner_script='echo began >>"$RECORD/ran"; until [[ -e $RECORD/go ]]; do sleep 0.1; done')
    eventually(lambda: instance.machine.read("ran"), _SECONDS, lambda: instance.machine.log)
    yield
    instance.machine.record.joinpath("go").touch()
    instance.serve()
    assert instance.machine.read("ran") == "began\n"


def _after_the_script(instance: Instance) -> Iterator[None]:
    """Its signal is not written yet."""
    with held(instance.world.aws, "UD_OK") as arrived:
        instance.boot(pre_runner_script='echo began >>"$RECORD/ran"')
        eventually(arrived, _SECONDS, lambda: instance.machine.log)
        yield
    instance.serve()
    assert instance.machine.read("ran") == "began\n"


def _while_it_downloads(instance: Instance) -> Iterator[None]:
    instance.surroundings.archives.clear()
    instance.boot()
    eventually(lambda: instance.surroundings.downloads, _SECONDS, lambda: instance.machine.log)
    yield
    instance.surroundings.archives.set()


def _while_it_registers(instance: Instance) -> Iterator[None]:
    slow = instance.machine.record / "slow"
    slow.write_text(_NEVER)
    instance.boot()
    eventually(lambda: "--labels 42" in instance.machine.read("calls"), _SECONDS, lambda: instance.machine.log)
    yield
    slow.unlink()


def _before_it_says_that_it_is_registered(instance: Instance) -> Iterator[None]:
    with held(instance.world.aws, "UD_REG_OK") as arrived:
        instance.boot()
        eventually(arrived, _SECONDS, lambda: instance.machine.log)
        yield


def _while_a_job_runs(instance: Instance) -> Iterator[None]:
    record = instance.machine.record
    (record / "job.sh").write_text("echo began; until [[ -e $RECORD/go ]]; do sleep 0.1; done; echo ended")
    instance.boot()
    eventually(lambda: instance.machine.read("job") == "began\n", _SECONDS, lambda: instance.machine.log)
    yield
    # The agent that was started again has looked at the record by then.
    seen = len(instance.world.aws.arrivals)
    eventually(lambda: _reads(instance, seen) > 2, _SECONDS, lambda: instance.machine.log)
    (record / "go").touch()
    eventually(lambda: instance.machine.read("job") == "began\nended\n", _SECONDS, lambda: instance.machine.log)
    assert sum("--labels 42" in call for call in instance.machine.calls) == 1
    assert sum(call.startswith("run.sh as") for call in instance.machine.calls) == 1


def _while_the_runner_stops(instance: Instance) -> Iterator[None]:
    (instance.machine.record / "stubborn").touch()
    instance.boot()
    instance.serve()
    instance.driver.release("42")
    state = instance.machine.folder / "opt/refresh-agent/state.json"
    eventually(lambda: json.loads(state.read_text())["phase"] == "leaving", _SECONDS, lambda: instance.machine.log)
    yield
    (instance.machine.record / "stubborn").unlink()


def _while_it_removes_the_registration(instance: Instance) -> Iterator[None]:
    instance.boot()
    instance.serve()
    slow = instance.machine.record / "slow"
    slow.write_text(_NEVER)
    instance.driver.release("42")
    eventually(lambda: _removals(instance), _SECONDS, lambda: instance.machine.log)
    yield
    slow.unlink()


def _before_it_says_that_the_runner_is_gone(instance: Instance) -> Iterator[None]:
    instance.boot()
    instance.serve()
    with held(instance.world.aws, "UD_REMOVE_REG_REMOVE_RUN_OK") as arrived:
        instance.driver.release("42")
        eventually(arrived, _SECONDS, lambda: instance.machine.log)
        yield


STEPS = {
    step.__name__.strip("_"): step
    for step in (
        _while_it_identifies,
        _while_the_script_runs,
        _after_the_script,
        _while_it_downloads,
        _while_it_registers,
        _before_it_says_that_it_is_registered,
        _while_a_job_runs,
        _while_the_runner_stops,
        _while_it_removes_the_registration,
        _before_it_says_that_the_runner_is_gone,
    )
}


def _reads(instance: Instance, since: int) -> int:
    arrivals = instance.world.aws.arrivals[since:]
    return sum(each.operation == "dynamodb:GetItem" and not each.ours for each in arrivals)


def _removals(instance: Instance) -> list[str]:
    return [call for call in instance.machine.calls if call.startswith("config.sh") and call.endswith(" remove")]


@pytest.fixture(autouse=True)
def _in_a_container(*, contained: bool) -> None:
    if not contained:
        suites.leave_out("processes are killed by name, which needs a container of their own")


@pytest.mark.parametrize("step", STEPS)
def test_a_killed_agent_goes_on_where_it_was(instance: Instance, step: str) -> None:
    """By SIGKILL to everything that `pkill python3` would find. The threshold still ends the machine."""
    _live_through(instance, STEPS[step], lambda: instance.machine.kill("python3"))


@pytest.mark.parametrize("step", ["while_a_job_runs", "while_it_registers"])
def test_a_terminated_agent_goes_on_where_it_was(instance: Instance, step: str) -> None:
    """By the SIGTERM of `pkill python3`, and with the `sleep` between two starts."""

    def kill() -> list[int]:
        found = instance.machine.kill("python3", "TERM")
        eventually(lambda: not _alive(instance, found), _SECONDS)
        instance.machine.kill("sleep")
        return found

    _live_through(instance, STEPS[step], kill)


def test_an_agent_that_is_killed_again_and_again_goes_on(instance: Instance) -> None:
    """As by a job that kills every Python."""

    def kill() -> list[int]:
        found: list[int] = []

        def next_one() -> bool:
            killed = set(instance.machine.kill("python3")) - set(found)
            found.extend(killed)
            return bool(killed)

        for _ in range(6):
            eventually(next_one, _SECONDS)
        return found

    _live_through(instance, _while_a_job_runs, kill)


def _live_through(
    instance: Instance, step: Callable[[Instance], Iterator[None]], kill: Callable[[], list[int]]
) -> None:
    going = step(instance)
    next(going)
    killed = kill()
    assert killed
    eventually(lambda: not _alive(instance, killed), _SECONDS)
    for _ in going:
        raise AssertionError("a step has one moment")
    if records.text(instance.driver.item(records.INSTANCE), "runId") == "42":
        instance.serve()
        instance.driver.release("42")
    instance.awaits("UD_REMOVE_REG_REMOVE_RUN_OK", "42", _SECONDS)
    assert instance.driver.signalled_to_us == ("UD_REMOVE_REG_REMOVE_RUN_OK", "42")
    instance.require_next_run()
    instance.require_end()


def _alive(instance: Instance, pids: list[int]) -> list[int]:
    return [each.pid for each in instance.machine.processes() if each.pid in pids and each.state != "Z"]
