"""A build that fails and is run again alone, without the job that provides its machine: refresh provides it again."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh.pool import lifecycle, signals
from tests.container import three_jobs, workflow
from tests.container.acted import PUSH, Acted
from tests.fakes.github_server import job, workflow_run
from tests.fakes.releasing import RUN
from tests.instance import machine
from tests.instance.cloud import Cloud
from tests.instance.driver import RELEASE_SECONDS, Driver
from tests.instance.phases import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.provisioning import ProvisionWorld

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]


def again(jobs: dict[str, Any]) -> dict[str, Any]:
    """Give the jobs of "Re-run failed jobs": what a job put out that succeeded stays, and it does not run."""
    stored = {
        "runs-on": "ubuntu-slim",
        "outputs": jobs["provision"]["outputs"],
        "steps": [{"id": "provision", "run": f'echo \'labels=["{RUN}"]\' >>"$GITHUB_OUTPUT"'}],
    }
    return {**jobs, "provision": stored}


@pytest.fixture
def acted(checkout: Callable[[], Path], world: ProvisionWorld) -> Callable[..., dict[str, str]]:
    """Give a way to run an attempt: its jobs, and what the build does; returns how each has ended."""

    def run(attempt: int, jobs: dict[str, Any], build: str) -> dict[str, str]:
        made = three_jobs.adapted(jobs, {"AWS_ENDPOINT_URL": world.aws.url, **world.github.offered}, (build,))
        acted = Acted(checkout(), machine.IMAGE, world).start(made, PUSH, attempt)
        acted.finish()
        return acted.jobs()

    return run


@pytest.fixture
def rescue(world: ProvisionWorld, capfd: pytest.CaptureFixture[str]) -> Iterator[Callable[[str], str]]:
    """Give a way to refresh once; what it took is printed at the end."""
    lines: list[str] = []

    def refresh(name: str) -> str:
        world.forget_calls()
        began = time.monotonic()
        code, printed = world.run({}, rescue_stranded_jobs="true")
        seconds = time.monotonic() - began
        assert code == 0, printed
        made = calls(world.aws.arrivals)
        listed = ", ".join(f"{number} {each}" for each, number in made.items())
        asked = f"{sum(made.values())} calls to AWS ({listed}), {len(world.github.calls)} to GitHub"
        lines.append(f"{name}: {seconds:.1f} s, {asked}")
        return printed

    yield refresh
    with capfd.disabled():
        print("", *lines, sep="\n")  # noqa: T201 - the figures that the test is for


def releasable(world: ProvisionWorld) -> None:
    """Have GitHub show the jobs of an attempt as its release sees them."""
    world.github.jobs[RUN] = [
        job(1, "provision", "ubuntu-slim", status="completed"),
        job(2, "build", RUN, status="completed"),
        job(3, "release", "ubuntu-slim", status="in_progress"),
    ]


def run_again(world: ProvisionWorld) -> None:
    """Have GitHub show the second attempt: the build has waited for two minutes, and release waits for the build."""
    since = (datetime.now(UTC) - timedelta(minutes=2)).strftime("%Y-%m-%dT%H:%M:%SZ")
    world.github.workflow_runs[RUN] = workflow_run(int(RUN), "in_progress", attempt=2)
    world.github.jobs[RUN] = [
        job(1, "provision", "ubuntu-slim", status="completed"),
        {**job(4, "build", RUN), "created_at": since},
    ]


def test_the_jobs_of_the_second_attempt_are_those_of_the_quick_start() -> None:
    """But for provision, which leaves what it put out."""
    jobs = three_jobs.of_the_quick_start()
    made = again(jobs)
    assert list(made) == list(jobs)
    assert {name for name in jobs if made[name] != jobs[name]} == {"provision"}
    assert made["provision"]["outputs"] == jobs["provision"]["outputs"]
    assert workflow.CHECKOUT not in made["provision"]["steps"]


def test_a_build_that_is_run_again_alone_gets_a_machine_within_one_refresh(
    acted: Callable[..., dict[str, str]],
    rescue: Callable[[str], str],
    world: ProvisionWorld,
    clients: Clients,
    tmp_path: Path,
) -> None:
    """The real agent; the machine of the first attempt has gone back and is claimed again."""
    with Cloud(world, clients, tmp_path / "machines", contained=True) as cloud:
        assert world.refresh().exit_code == 0
        releasable(world)
        first = acted(1, three_jobs.of_the_quick_start(), "exit 1")
        assert first == {"provision": "succeeded", "build": "failed", "release": "succeeded"}
        ((identifier, launched),) = cloud.machines.items()
        Driver(world, clients, identifier).await_signal(signals.LEFT, RUN, RELEASE_SECONDS, lambda: launched.log)
        run_again(world)
        printed = rescue("rescue by a claim, the real agent")
        assert world.having(clients) == {identifier: lifecycle.RUNNING}, printed
        assert any(f"--labels {RUN}" in each and f"{identifier}-2" in each for each in launched.calls), launched.calls
        releasable(world)
        second = acted(2, again(three_jobs.of_the_quick_start()), "true")
        assert second == dict.fromkeys(("provision", "build", "release"), "succeeded")
    (record,) = world.records(clients).values()
    assert (record.state, record.run_id, record.last_run_id) == (lifecycle.IDLE, "", RUN)


def test_a_job_whose_machine_has_ended_gets_another_one_within_one_refresh(
    rescue: Callable[[str], str], refreshed: ProvisionWorld, clients: Clients
) -> None:
    """The agents are simulated; a second refresh, and one after the release, provide nothing."""
    with refreshed.agents(clients):
        code, printed = refreshed.provision()
        assert code == 0, printed
        releasable(refreshed)
        code, printed = refreshed.release(reuse="false")
        assert code == 0, printed
        run_again(refreshed)
        printed = rescue("rescue by a launch, simulated agents")
        assert list(refreshed.having(clients).values()) == [lifecycle.RUNNING], printed
        (provided,) = refreshed.having(clients)
        rescue("nothing is left to rescue")
        assert list(refreshed.having(clients)) == [provided]
        releasable(refreshed)
        code, printed = refreshed.release()
        assert code == 0, printed
        refreshed.github.workflow_runs[RUN] = workflow_run(int(RUN), attempt=2)
        rescue("the run is over")
    assert refreshed.having(clients) == {}
    assert refreshed.records(clients)[provided].state == lifecycle.IDLE
