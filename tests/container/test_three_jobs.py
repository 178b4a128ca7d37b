"""The quick start's three jobs, run by a client that is not ours: green, and cancelled in the middle of each job."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.pool import lifecycle, names, records, settings, signals
from tests import quick_start
from tests.container import three_jobs, workflow
from tests.container.acted import Acted
from tests.fakes import canaries
from tests.fakes.agents import NEVER
from tests.fakes.github_server import job
from tests.fakes.releasing import RUN
from tests.fakes.world import in_minutes
from tests.instance import machine
from tests.instance.cloud import Cloud
from tests.instance.driver import RELEASE_SECONDS, Driver, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.agents import Agents
    from tests.fakes.provisioning import ProvisionWorld
    from tests.reader import Reader

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(900)]

ENDED = {"shutting-down", "terminated"}
SECOND = "78"
"""The run after `RUN`."""
STARTS_SECONDS = 300
"""More than a busy machine takes to start a job."""


@pytest.fixture
def acted(checkout: Callable[[], Path], world: ProvisionWorld) -> Callable[..., Acted]:
    """Give a way to start the jobs with a release of the actions; the argument names steps that the build gets."""

    def start(*steps: str, jobs: Mapping[str, Any] | None = None, run: str = RUN) -> Acted:
        done = [("provision", "ubuntu-slim"), ("build", run)]
        world.github.jobs[run] = [job(n, name, label, status="completed") for n, (name, label) in enumerate(done)]
        world.github.jobs[run].append(job(2, "release", "ubuntu-slim", status="in_progress"))
        environ = {"AWS_ENDPOINT_URL": world.aws.url, **world.github.offered}
        made = three_jobs.adapted(jobs or three_jobs.of_the_quick_start(), environ, steps)
        return Acted(checkout(), machine.IMAGE, world).start(made, run=run)

    return start


@pytest.fixture
def agents(refreshed: ProvisionWorld, clients: Clients) -> Iterator[Agents]:
    """Give the agents of the pool's machines; each launched machine registers unless a test says otherwise."""
    with refreshed.agents(clients) as agents:
        yield agents


def require_nothing_left(world: ProvisionWorld, clients: Clients) -> None:
    """After one refresh every machine is ended, or idle in the pool and nobody's."""
    assert world.refresh().exit_code == 0
    records, states = world.records(clients), world.states(clients)
    assert {(each.state, each.run_id) for each in records.values()} <= {(lifecycle.IDLE, "")}
    assert {each for each, state in states.items() if state not in ENDED} == set(records)


def hold(world: ProvisionWorld, operation: str) -> Iterator[None]:
    """Keep the answer to an operation back: yields once it has had its effect, and is answered afterwards."""
    held, answered = threading.Event(), threading.Event()

    def wait(called: str) -> None:
        if called == operation:
            held.set()
            answered.wait(STARTS_SECONDS)

    world.aws.after_call = wait
    eventually(held.is_set, STARTS_SECONDS, lambda: f"{operation} was not called")
    yield
    world.aws.after_call = lambda _: None
    answered.set()


def test_the_jobs_differ_from_the_quick_start_only_in_their_surroundings() -> None:
    """Where the actions come from, the surroundings, and what the build does."""
    shown = three_jobs.of_the_quick_start()
    assert list(shown) == ["provision", "build", "release"]
    made = three_jobs.adapted(shown, {"AWS_ENDPOINT_URL": "x"}, ("true",))["jobs"]
    for name, given in shown.items():
        assert {key for key in given if given[key] != made[name][key]} == {"steps"}
        used = [{**each, "uses": "here"} if "uses" in each else each for each in made[name]["steps"]]
        kept = [{**each, "uses": "here"} if "uses" in each else each for each in given["steps"]]
        assert used == ([{"uses": "here"}, *kept] if name != "build" else [*kept, {"run": "true"}])
    assert yaml.safe_load(yaml.safe_dump(made)) == made
    assert workflow.CHECKOUT in made["release"]["steps"]


def test_a_reader_of_the_quick_start_gets_a_green_build_and_a_second_one_on_the_same_machine(
    acted: Callable[..., Acted], shell: Reader, world: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    """From the stack to the builds, with the workflows that the page's commands have filled in and the real agent."""
    quick_start.follow(world, shell)
    jobs = quick_start.workflow(shell, "build")["jobs"]
    with Cloud(world, clients, tmp_path / "machines", contained=True) as cloud:
        code, log = quick_start.refresh(world, shell)
        assert code == 0, log
        for number, name in enumerate((RUN, SECOND), start=1):
            run = acted(jobs=jobs, run=name)
            assert run.finish() == 0, run.printed
            assert run.jobs() == dict.fromkeys(("provision", "build", "release"), "succeeded"), run.printed
            ((identifier, launched),) = cloud.machines.items()
            registered = [each for each in launched.calls if f"--labels {name}" in each]
            assert [f"--name {identifier}-{number}" in each for each in registered] == [True], launched.calls
            for secret in (canaries.PAT, canaries.REGISTRATION, canaries.REQUEST, canaries.ID_TOKEN):
                assert secret not in run.printed
            assert launched.read("dnf") == "install -y git libicu\n"
            known = settings.from_item(world.item(clients, records.SETTINGS, names.SETTINGS_IDENTIFIER))
            assert known, "refresh has recorded the settings"
            agent = Driver(world, clients, identifier, known.runner_role_id)
            left = (signals.LEFT, name)
            eventually(partial(_reports, agent, left), RELEASE_SECONDS)
    assert [(each.state, each.last_run_id) for each in world.records(clients).values()] == [(lifecycle.IDLE, SECOND)]


def _reports(agent: Driver, signalled: tuple[str, str]) -> bool:
    """Whether this is the last signal of an agent."""
    return agent.signalled_to_us == signalled


@pytest.mark.usefixtures("agents")
def test_cancelled_while_ec2_has_launched_and_not_answered(
    acted: Callable[..., Acted], world: ProvisionWorld, clients: Clients
) -> None:
    """Nothing is recorded; the release job finds the machine by its tags."""
    run = acted()
    for _ in hold(world, "ec2:CreateFleet"):
        run.cancel("provision")
        assert world.records(clients) == {}
        assert set(world.states(clients).values()) == {"running"}
    assert run.finish() != 0
    assert run.jobs() == {"provision": "failed", "release": "succeeded"}, run.printed
    assert set(world.states(clients).values()) <= ENDED
    require_nothing_left(world, clients)


def test_cancelled_while_the_machine_boots(
    acted: Callable[..., Acted], agents: Agents, world: ProvisionWorld, clients: Clients
) -> None:
    """The release job ends it; the build has not started."""
    agents.fate = lambda _: NEVER
    run = acted()
    eventually(lambda: world.records(clients), STARTS_SECONDS, lambda: run.over() and run.finish() and run.printed)
    run.cancel("provision")
    assert run.finish() != 0
    assert run.jobs() == {"provision": "failed", "release": "succeeded"}, run.printed
    assert "stopped as asked, before all machines were ready" in run.printed
    require_nothing_left(world, clients)
    assert set(world.states(clients).values()) <= ENDED


@pytest.mark.usefixtures("agents")
def test_cancelled_while_it_builds(acted: Callable[..., Acted], world: ProvisionWorld, clients: Clients) -> None:
    """The release job gives the machine back."""
    run = acted("sleep 600")
    eventually(lambda: run.works(three_jobs.BUILD), STARTS_SECONDS)
    assert [*world.having(clients).values()] == [lifecycle.RUNNING]
    run.cancel(three_jobs.BUILD)
    assert run.finish() != 0
    assert run.jobs() == {"provision": "succeeded", "build": "failed", "release": "succeeded"}, run.printed
    require_nothing_left(world, clients)
    assert [each.last_run_id for each in world.records(clients).values()] == [RUN]


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("operation", ["dynamodb:TransactWriteItems", "dynamodb:Query"])
def test_cancelled_while_it_releases(
    operation: str, acted: Callable[..., Acted], world: ProvisionWorld, clients: Clients
) -> None:
    """After its write the machine is the pool's; before it, it ends once its time is over, since no job is left."""
    run = acted("sleep 600")
    eventually(lambda: run.works(three_jobs.BUILD), STARTS_SECONDS)
    run.cancel(three_jobs.BUILD)
    for _ in hold(world, operation):
        run.cancel("release")
    assert run.finish() != 0
    assert run.jobs() == {"provision": "succeeded", "build": "failed", "release": "failed"}, run.printed
    (record,) = world.records(clients).values()
    if operation == "dynamodb:Query":
        assert (record.state, record.run_id) == (lifecycle.RUNNING, RUN)
        Driver(world, clients, record.id).set("threshold", in_minutes(-2))
    require_nothing_left(world, clients)
