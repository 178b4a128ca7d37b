"""The action's image and the servers it talks to, in containers; needs a Docker engine, `.ci/engine` starts one."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from tests import reader, suites
from tests.container.hosted import Step
from tests.container.stage import RemoteStage
from tests.fakes.github_server import GitHubServer
from tests.fakes.literals import lay
from tests.fakes.world import ROOT, World
from tests.instance import machine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.fakes.aws_server import AwsServer
    from tests.reader import Reader


IMAGE = "refresh-action-under-test"
COMPOSE_FILE = ROOT / "tests" / "container" / "compose.yml"
THE_IMAGES_OWN = ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED")
"""What the image sets by itself."""
INSIDE = {
    "AWS_ENDPOINT_URL": "http://aws:5000",
    "AWS_ENDPOINT_URL_DYNAMODB": "http://aws:5000",
    "GITHUB_API_URL": "http://github:8080",
    "REFRESH_ALLOW_HTTP": "true",
}
"""Where the servers are on their own network."""


def _lacking() -> str:
    """Say what is missing to run containers; empty where nothing is."""
    if not shutil.which("docker"):
        return "the container suite needs Docker, and there is no docker command"
    asked = subprocess.run(["docker", "version"], check=False, capture_output=True, text=True)  # noqa: S607 - the user's
    if asked.returncode:
        return f"the container suite needs a Docker engine, and none answers ({asked.stderr.strip().splitlines()[-1]})"
    if not _compose():
        return "the container suite needs docker compose, and neither `docker compose` nor docker-compose is there"
    return ""


def _compose() -> str:
    """Find Compose: version 2 is a plug-in, version 1 a command."""
    plugin = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True)  # noqa: S607 - the user's
    return "docker compose" if plugin.returncode == 0 else "docker-compose" if shutil.which("docker-compose") else ""


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where there is no engine, unless every suite is asked for."""
    if absent := _lacking():
        suites.leave_out(absent)


@pytest.fixture(scope="session")
def docker_compose_command(engine: None) -> str:  # noqa: ARG001 - there must be an engine first
    """Say how Compose is called here."""
    return _compose()


@pytest.fixture(scope="session")
def docker_compose_file() -> str:
    """Say which containers there are."""
    return str(COMPOSE_FILE)


@pytest.fixture(scope="session")
def docker_setup() -> str:
    """Start them in words that both versions of Compose know."""
    return "up --build --detach"


@pytest.fixture(scope="session")
def image(docker_compose_command: str) -> str:
    """Build the action's image."""
    command = [*docker_compose_command.split(), "-f", str(COMPOSE_FILE), "--profile", "action", "build", "action"]
    built = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - Compose
    assert built.returncode == 0, built.stdout + built.stderr
    return IMAGE


@pytest.fixture(scope="session")
def _stage(docker_services: Any, docker_compose_project_name: str) -> RemoteStage:
    ports = {port: docker_services.port_for("servers", port) for port in (5000, 9000)}
    aws, control = (f"http://127.0.0.1:{each}" for each in ports.values())
    stage = RemoteStage(aws, control, f"{docker_compose_project_name}_default")
    docker_services.wait_until_responsive(timeout=60, pause=0.1, check=lambda: _answers(stage))
    return stage


def _answers(stage: RemoteStage) -> bool:
    try:
        return stage.calls == []
    except OSError:
        return False


@pytest.fixture
def checkout(engine: None, release: Path, tmp_path: Path) -> Callable[[], Path]:  # noqa: ARG001 - must be there
    """Give a way to check a release of the actions out for `act`, and the image in which it runs jobs."""
    if not shutil.which("act"):
        suites.leave_out("workflows are run by act, and there is no act command")
    machine.build()

    def check_out() -> Path:
        folder = tmp_path / f"checkout{len(list(tmp_path.glob('checkout*')))}"
        return shutil.copytree(release, folder, ignore=shutil.ignore_patterns("__pycache__"))

    return check_out


@pytest.fixture
def shell(aws: AwsServer, tmp_path_factory: pytest.TempPathFactory, no_stacks: None) -> Reader:  # noqa: ARG001 - the pages make one
    """Return a function that runs shell as a reader of the pages does."""
    return reader.sit_down(aws.url, tmp_path_factory.mktemp("reader"))


@pytest.fixture
def stage(_stage: RemoteStage) -> Iterator[RemoteStage]:
    """Return an empty account in a container, which searches every request for secrets."""
    _stage.release()
    _stage.reset()
    yield _stage
    _stage.release()


@pytest.fixture
def contained(stage: RemoteStage) -> Iterator[World]:
    """Give one pool's surroundings as the host sees them; its GitHub is the one in the container."""
    with GitHubServer() as unused:
        aws: Any = stage
        yield World(aws, unused)


@pytest.fixture
def step(image: str, stage: RemoteStage, contained: World, tmp_path: Path) -> Callable[..., Step]:
    """Give a way to start steps with the pool's inputs, each in folders of its own."""
    started: list[Step] = []

    def start(environ: dict[str, str] | None = None, files: dict[str, str] | None = None, **changed: str) -> Step:
        each = Step(tmp_path / f"step{len(started)}", image, stage.network)
        started.append(each)
        lay(files or {}, each.folder)
        given = {name: value for name, value in contained.environ(**changed).items() if name not in THE_IMAGES_OWN}
        return each.start({**given, **INSIDE, **(environ or {})})

    return start
