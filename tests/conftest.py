"""What every tier shares: the emulators, a pool's surroundings, and the plugins."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from refresh.output.job_summary import markdown
from tests import suites
from tests.fakes import dynamodb_local
from tests.fakes.provisioning import ProvisionWorld
from tests.fakes.world import forget_clients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.ports import Clients
    from tests.fakes.aws_server import AwsServer
    from tests.fakes.github_server import GitHubServer


# An example that a busy machine takes long for has not failed.
settings.register_profile("any-load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any-load")

pytest_plugins = ["tests.simulation.figures", "tests.composite.jobs", "tests.iam.recorded", "tests.canaries.watched"]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is left to `make test-all` and what is run without coverage, before pytest selects by markers."""
    for item in items:
        if item.nodeid.startswith(tuple(suites.LEFT_TO_TEST_ALL)):
            item.add_marker("ci")
        if item.nodeid.startswith(suites.WITHOUT_COVERAGE):
            item.add_marker("no_cover")


@pytest.fixture(scope="session")
def _aws_server() -> Iterator[AwsServer]:
    from tests.fakes.aws_server import AwsServer  # noqa: PLC0415 - unit tests must not load moto

    with AwsServer() as server:
        yield server


@pytest.fixture(scope="session")
def dynamodb_local_url() -> Iterator[str]:
    """Give the address of DynamoDB Local."""
    if absent := dynamodb_local.lacking():
        suites.leave_out(absent)
    dynamodb_local.fetch()
    with dynamodb_local.DynamoDBLocal() as server:
        yield server.url


@pytest.fixture
def aws(_aws_server: AwsServer) -> AwsServer:
    """Give an empty AWS account on a local server."""
    _aws_server.forget_everything()
    _aws_server.before_call = lambda _: None
    _aws_server.enforcement = None
    return _aws_server


@pytest.fixture
def no_stacks() -> Iterator[None]:
    """Delete CloudFormation's stacks afterwards, which `forget_everything` leaves."""
    from moto.backends import get_backend  # noqa: PLC0415 - unit tests must not load moto

    yield
    for account in get_backend("cloudformation").values():
        for region in account.values():
            region.reset()


@pytest.fixture
def github() -> Iterator[GitHubServer]:
    """Give a stand-in for GitHub on a local server."""
    from tests.fakes.github_server import GitHubServer  # noqa: PLC0415 - unit tests open no sockets

    with GitHubServer() as server:
        yield server


@pytest.fixture
def world(aws: AwsServer, github: GitHubServer) -> ProvisionWorld:
    """Give one pool's surroundings: both servers and the environment of its workflow step."""
    return ProvisionWorld(aws, github)


@pytest.fixture
def servers(aws: AwsServer, github: GitHubServer, dynamodb_local_url: str) -> ProvisionWorld:
    """Give the same with the table on DynamoDB Local: moto's conditional writes are neither atomic nor fast."""
    world = ProvisionWorld(aws, github, dynamodb_url=dynamodb_local_url)
    world.delete_table()
    return world


@pytest.fixture
def clients(world: ProvisionWorld) -> Clients:
    """Give the clients of the pool's account."""
    return world.clients()


@pytest.fixture
def expiring() -> Iterator[None]:
    """Connect anew afterwards, as the clients' credentials are refused in the test."""
    yield
    forget_clients()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Record the seconds of sleeps between tries instead of sleeping."""
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def refreshed(world: ProvisionWorld) -> ProvisionWorld:
    """Give a pool that a first run has brought to the desired state; its calls are forgotten."""
    report = world.refresh()
    assert report.exit_code == 0, markdown(report)
    world.forget_calls()
    return world
