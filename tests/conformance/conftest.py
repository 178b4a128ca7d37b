"""The same tests on every stand-in for AWS, and on AWS itself where REFRESH_REAL_AWS=1 asks for it.

A test says by name where a stand-in is wrong; if it ever becomes right, that test fails and the note goes.
"""

from __future__ import annotations

import os
import time
import uuid
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from attrs import evolve, frozen
from botocore.config import Config

from refresh import errors
from refresh.clients import botocore_events
from tests.fakes import operations
from tests.fakes.memory.account import Account, Watch
from tests.fakes.memory.dynamodb import DynamoDB
from tests.fakes.memory.ec2 import Ec2
from tests.fakes.memory.sqs import Sqs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.fakes.aws_server import AwsServer
    from tests.fakes.memory.account import Phase
    from tests.fakes.memory.market import Market

REGION = "eu-west-1"
IMAGE = "ami-0123456789abcdef0"
REAL = os.environ.get("REFRESH_REAL_AWS") == "1"


@frozen
class Backend:
    """One stand-in: its narrow clients, and a way to let time pass."""

    name: str
    dynamodb: Any = None
    ec2: Any = None
    sqs: Any = None
    wait: Callable[[float], None] = time.sleep
    launch: Callable[..., str] | None = None
    """Launches one instance, with termination protection if asked for."""
    market: Market | None = None
    """What the launches of fleets meet; None where no test can set it."""
    lose_answers: Callable[[bool], None] | None = None
    """Whether calls have their effect and no answer."""

    def subnets(self) -> list[str]:
        """Give two subnets of different zones."""
        if self.name == "memory":
            return ["subnet-1", "subnet-2"]
        return [each["SubnetId"] for each in self.ec2.describe_subnets()["Subnets"]][:2]


UNKNOWN_SUBNET = "subnet-0fffffffffffffff0"


def _memory() -> Backend:
    account = Account()
    account.state.vpcs[UNKNOWN_SUBNET] = ""

    def wait(seconds: float) -> None:
        account.clock.moment += timedelta(seconds=seconds)

    def launch(*, protected: bool = False, zone: str = "a") -> str:
        (instance,) = Ec2(account).launch(protected=protected, zone=zone)
        return instance.id

    def lose_answers(lost: bool) -> None:  # noqa: FBT001 - it is all that there is
        account.seam = _Lost() if lost else Watch()

    market = account.state.market
    return Backend("memory", DynamoDB(account), Ec2(account), Sqs(account), wait, launch, market, lose_answers)


class _Lost(Watch):
    """The connection breaks before each answer."""

    def at(self, _: int, operation: str, phase: Phase) -> None:
        """Break it."""
        if phase == "after":
            raise errors.Unavailable(operation, "ConnectionClosedError")


def _moto(server: AwsServer) -> Backend:
    def breaks(_: str) -> None:
        raise ConnectionError

    def lose_answers(lost: bool) -> None:  # noqa: FBT001 - it is all that there is
        server.after_call = breaks if lost else lambda _: None

    backend = _remote("moto", server.url, "dynamodb", "ec2", "sqs")
    return evolve(backend, market=server.market, lose_answers=lose_answers)


def _remote(name: str, url: str | None, *clients: str) -> Backend:
    credentials = {} if url is None else {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    config = Config(retries={"total_max_attempts": 1})
    made: dict[str, Any] = {}
    for service in clients:
        client = boto3.client(service, endpoint_url=url, region_name=REGION, config=config, **credentials)  # type: ignore[call-overload] # the name is a variable
        botocore_events.translate_errors(client)
        operations.mark(client)
        made[service] = client

    def launch(*, protected: bool = False, zone: str = "a") -> str:
        found = made["ec2"].run_instances(
            ImageId=IMAGE,
            MinCount=1,
            MaxCount=1,
            DisableApiTermination=protected,
            Placement={"AvailabilityZone": f"{REGION}{zone}"},
        )
        return str(found["Instances"][0]["InstanceId"])

    # Emulators do not take their time; AWS does.
    wait = time.sleep if url is None else lambda _: None
    return Backend(name, **made, wait=wait, launch=launch if "ec2" in made else None)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    """Give the stand-in that the test is parametrized with."""
    name = request.param
    for marker in request.node.iter_markers("wrong_on"):
        if name in marker.kwargs:
            request.applymarker(pytest.mark.xfail(strict=True, reason=f"{name}: {marker.kwargs[name]}"))
    match name:
        case "memory":
            return _memory()
        case "moto":
            return _moto(request.getfixturevalue("aws"))
        case "DynamoDB Local":
            return _remote(name, request.getfixturevalue("dynamodb_local_url"), "dynamodb")
        case _:
            return _remote("AWS", None, "dynamodb", "ec2", "sqs")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test on every stand-in that has the service."""
    if "backend" in metafunc.fixturenames:
        names: list[Any] = ["memory", "moto", *(["AWS"] if REAL else [])]
        if metafunc.module.__name__.endswith("test_dynamodb"):
            names.append(pytest.param("DynamoDB Local", marks=pytest.mark.ci))
        metafunc.parametrize("backend", names, indirect=True)


@pytest.fixture
def unique() -> str:
    """Give a name that no other test uses."""
    return f"refresh-conformance-{uuid.uuid4().hex[:12]}"
