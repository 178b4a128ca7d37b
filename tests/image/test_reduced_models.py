"""The models that the image carries: smaller, and the same to refresh."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import botocore
import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.loaders import Loader
from botocore.session import Session

from image import reduced_models
from image.reduced_models import MEMBERS, OPERATIONS, Lacking, reduced
from refresh.reconciler.garbage_collector import observation
from tests.fakes import operations
from tests.fakes.world import CREDENTIALS, IMAGE, PROFILE, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.reconciler.services import Services
    from tests.fakes.world import World

DATA = Path(botocore.__file__).parent / "data"
FULL = Loader.BUILTIN_DATA_PATH
DEEPEST = 5
EVERY = [(service, name) for service, names in sorted(OPERATIONS.items()) for name in sorted(names)]
MODEL = {
    "version": "2.0",
    "metadata": {"protocol": "json"},
    "documentation": "<p>All of it.</p>",
    "operations": {
        "Get": {"name": "Get", "input": {"shape": "Asked"}, "output": {"shape": "Given"}, "documentation": "<p>.</p>"},
        "Put": {"name": "Put", "input": {"shape": "Written"}},
    },
    "shapes": {
        "Asked": {"type": "structure", "members": {"documentation": {"shape": "Text", "documentation": "<p>.</p>"}}},
        "Given": {"type": "structure", "members": {"Many": {"shape": "Many"}, "More": {"shape": "Unread"}}},
        "Many": {"type": "list", "member": {"shape": "Text"}},
        "Text": {"type": "string"},
        "Unread": {"type": "string"},
        "Written": {"type": "string"},
    },
}


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Give a folder with reduced models, made as the image's are."""
    folder = tmp_path_factory.mktemp("models") / "data"
    folder.mkdir()
    for path in DATA.iterdir():
        if path.name in OPERATIONS:
            shutil.copytree(path, folder / path.name)
        elif path.is_file():
            shutil.copy(path, folder / path.name)
    (folder / "lambda" / "2015-03-31").mkdir(parents=True)
    reduced_models.reduce_all(folder)
    return str(folder)


def _client(service: str, data: str, region: str = REGION, **given: Any) -> Any:
    session: Any = Session()
    session.register_component("data_loader", Loader([data], include_default_search_paths=False))
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    return session.create_client(service, region_name=region, **keys, **given)


def test_what_is_kept_is_what_refresh_calls() -> None:
    """The page of IAM lists it, and a run of all tests compares that with every call that was made."""
    assert {f"{service}:{name}" for service, name in EVERY} == set(operations.documented())


def test_operations_keep_the_shapes_that_they_lead_to_and_lose_their_documentation() -> None:
    """A member that is called documentation is none."""
    assert reduced(MODEL, {"Get"}, {"Given": {"Many"}}) == {
        "version": "2.0",
        "metadata": {"protocol": "json"},
        "operations": {"Get": {"name": "Get", "input": {"shape": "Asked"}, "output": {"shape": "Given"}}},
        "shapes": {
            "Asked": {"type": "structure", "members": {"documentation": {"shape": "Text"}}},
            "Given": {"type": "structure", "members": {"Many": {"shape": "Many"}}},
            "Many": {"type": "list", "member": {"shape": "Text"}},
            "Text": {"type": "string"},
        },
    }


def test_the_build_is_refused_with_every_name_that_is_lacking() -> None:
    """A newer botocore may have renamed it."""
    with pytest.raises(Lacking, match=r"^Drop, Pet, Given\.Few, Lost\.Any$"):
        reduced(MODEL, {"Pet", "Get", "Drop"}, {"Given": {"Many", "Few"}, "Lost": {"Any"}})


def test_a_refused_build_says_so_and_leaves_the_data_as_it_was(
    data: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its exit code ends the image's build."""
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    monkeypatch.setitem(OPERATIONS, "sqs", {"GetQueueUrl", "PaintQueue"})
    before = sorted(copy.rglob("*"))
    assert reduced_models.main([str(copy)]) == 1
    assert capfd.readouterr().err == "botocore's models lack what refresh calls or reads: PaintQueue\n"
    assert sorted(copy.rglob("*")) == before
    shutil.rmtree(copy / "sqs")
    assert reduced_models.main([str(copy)]) == 1
    assert "sqs as a whole" in capfd.readouterr().err


def test_a_build_after_which_a_service_is_elsewhere_is_refused(
    data: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is reduced must not change whom the credentials are sent to."""
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    answers = iter([{("sqs", "eu-west-1"): "https://here"}, {("sqs", "eu-west-1"): "https://there"}])
    monkeypatch.setattr(reduced_models, "endpoints", lambda: next(answers))
    assert reduced_models.main([str(copy)]) == 1
    assert "looked for elsewhere" in capfd.readouterr().err


def test_models_are_reduced_to_less_than_a_megabyte(
    data: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Of nineteen; what is reduced already stays as it is."""
    assert sum(path.stat().st_size for path in Path(data).rglob("*.*")) < 1_000_000
    assert {path.name for path in Path(data).iterdir() if path.is_dir()} == set(OPERATIONS)
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    assert reduced_models.main([str(copy)]) == 0
    told = capfd.readouterr().out.split()
    assert told[2] == told[-1]


@pytest.mark.parametrize("service", sorted(OPERATIONS))
def test_a_client_has_these_operations_and_no_others(data: str, service: str) -> None:
    """In every partition at the same address as with all of the data."""
    for region in reduced_models.REGIONS:
        client = _client(service, data, region)
        assert set(client.meta.service_model.operation_names) == OPERATIONS[service]
        assert client.meta.endpoint_url == _client(service, FULL, region).meta.endpoint_url


PLAIN: Mapping[str, Any] = {
    "boolean": True,
    "integer": 3600,
    "long": 3600,
    "double": 0.5,
    "timestamp": "2026-01-31T09:05:00Z",
    "blob": b"blob",
    "string": "a text of twenty letters",
}


def _arguments(shape: Any, depth: int = 0) -> Any:
    """Make up a value of a shape, with every member down to some depth; of DynamoDB's values only a string."""
    match shape.type_name:
        case "structure":
            members = {"S": shape.members["S"]} if shape.name == "AttributeValue" else shape.members
            kept = members.items() if depth < DEEPEST else ()
            return {name: _arguments(member, depth + 1) for name, member in kept}
        case "list":
            return [_arguments(shape.member, depth + 1)]
        case "map":
            return {"key": _arguments(shape.value, depth + 1)}
        case _:
            return shape.enum[0] if getattr(shape, "enum", None) else PLAIN[shape.type_name]


def _request(client: Any, operation: str, arguments: Mapping[str, Any]) -> tuple[str, str, Any, dict[str, str]]:
    """Give what would be sent, without sending it."""
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 500, HTTPHeaders(), None)

    client.meta.events.register("before-send", answer)
    client.meta.events.register("needs-retry", lambda **_: None)
    with pytest.raises(Exception, match=r"."):  # the answer has no body to read
        getattr(client, xform_name(operation))(**arguments)
    headers = {name: str(value) for name, value in sent[0].headers.items()}
    varying = ("X-Amz-Date", "Authorization", "amz-sdk-invocation-id", "User-Agent", "X-Amz-User-Agent")
    kept = {name: value for name, value in headers.items() if name not in varying}
    return sent[0].method, sent[0].url, sent[0].body, kept


@pytest.mark.parametrize(("service", "operation"), EVERY, ids=[f"{service}-{name}" for service, name in EVERY])
def test_every_request_is_the_same(data: str, service: str, operation: str) -> None:
    """Method, address, headers and body, with every argument there is."""
    full, small = (_client(service, each) for each in (FULL, data))
    arguments = _arguments(full.meta.service_model.operation_model(operation).input_shape or _Nothing())
    # The token that makes a repeated call the same call would be made up anew for each.
    arguments |= {name: "token" for name in arguments if name == "ClientToken"}
    assert _request(small, operation, arguments) == _request(full, operation, arguments)


class _Nothing:
    """The input of an operation that takes none."""

    type_name = "structure"
    members: Mapping[str, Any] = {}


READS: Mapping[str, tuple[str, str, Mapping[str, Any]]] = {
    "images": ("ec2", "describe_images", {"ImageIds": [IMAGE]}),
    "versions": (
        "ec2",
        "describe_launch_template_versions",
        {"LaunchTemplateName": "octo-widgets-ci-launch-template"},
    ),
    "templates": ("ec2", "describe_launch_templates", {}),
    "groups": ("ec2", "describe_security_groups", {}),
    "subnets": ("ec2", "describe_subnets", {}),
    "profile": ("iam", "get_instance_profile", {"InstanceProfileName": PROFILE}),
    "queue": ("sqs", "get_queue_url", {"QueueName": "octo-widgets-large-ci-pool"}),
    "table": ("dynamodb", "describe_table", {"TableName": "octo-widgets-ci-table"}),
    "time to live": ("dynamodb", "describe_time_to_live", {"TableName": "octo-widgets-ci-table"}),
    "item": (
        "dynamodb",
        "get_item",
        {
            "TableName": "octo-widgets-ci-table",
            "Key": {"PK": {"S": "TYPE#METADATA"}, "SK": {"S": "ID#resource_class_config"}},
        },
    ),
    "account": ("sts", "get_caller_identity", {}),
    "an error": ("ec2", "describe_launch_template_versions", {"LaunchTemplateName": "nobody-s"}),
    "another error": ("dynamodb", "describe_table", {"TableName": "nobody-s"}),
}


def _answered(client: Any, method: str, arguments: Mapping[str, Any]) -> Any:
    operations.mark(client)
    try:
        answer = dict(getattr(client, method)(**arguments))
    except client.exceptions.ClientError as error:
        answer = dict(error.response)
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


@pytest.mark.parametrize("read", READS)
def test_every_answer_is_read_the_same(refreshed: World, data: str, read: str) -> None:
    """Also one that is an error."""
    service, method, arguments = READS[read]
    found = [
        _answered(_client(service, each, endpoint_url=refreshed.aws.url), method, arguments) for each in (FULL, data)
    ]
    assert found[0] == found[1]
    assert found[0]


def test_of_an_instance_all_is_read_that_is_judged(refreshed: World, services: Services, data: str) -> None:
    """And nothing else, which is where the time goes."""
    refreshed.launch(services, 2)
    full, small = (operations.mark(_client("ec2", each, endpoint_url=refreshed.aws.url)) for each in (FULL, data))
    condition: Any = {"Name": "instance-state-name", "Values": ["running"]}
    found = observation.described(small, condition)
    assert found == observation.described(full, condition)
    assert len(found) == 2
    (reservation,) = small.describe_instances()["Reservations"]
    assert {name for each in reservation["Instances"] for name in each} == MEMBERS["ec2"]["Instance"]
