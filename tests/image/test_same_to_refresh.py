"""With reduced models refresh sends the same requests and reads the same answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore import xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from refresh.pool import ec2_instances
from tests.fakes import operations
from tests.fakes.desired import IMAGE, PROFILE, TABLE, TEMPLATE
from tests.image.models import FULL, client
from tools.image.reduced_models import KEPT, MEMBERS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.ports import Clients
    from tests.fakes.world import World

DEEPEST = 7
EVERY = [(service, name) for service, names in sorted(KEPT.items()) for name in sorted(names)]
PLAIN: Mapping[str, Any] = {
    "boolean": True,
    "integer": 3600,
    "long": 3600,
    "double": 0.5,
    "timestamp": "2026-01-31T09:05:00Z",
    "blob": b"blob",
    "string": "a text of twenty letters",
}
VARYING = ("X-Amz-Date", "Authorization", "amz-sdk-invocation-id", "User-Agent", "X-Amz-User-Agent")


def _arguments(shape: Any, depth: int = 0) -> Any:
    """Make up a value of a shape, with every member down to some depth; of DynamoDB's values only a string."""
    match shape.type_name if shape else "structure":
        case "structure":
            members = dict(shape.members) if shape and depth < DEEPEST else {}
            kept = {"S": members["S"]} if "S" in members and shape.name == "AttributeValue" else members
            return {name: _arguments(member, depth + 1) for name, member in kept.items()}
        case "list":
            return [_arguments(shape.member, depth + 1)]
        case "map":
            return {"key": _arguments(shape.value, depth + 1)}
        case _:
            return shape.enum[0] if getattr(shape, "enum", None) else PLAIN[shape.type_name]


def _request(client: Any, operation: str, arguments: Mapping[str, Any]) -> tuple[str, str, Any, dict[str, str]]:
    """Return what would be sent, without sending it."""
    sent: list[Any] = []

    def answer(request: Any, **_: Any) -> AWSResponse:
        sent.append(request)
        return AWSResponse(request.url, 500, HTTPHeaders(), None)

    client.meta.events.register("before-send", answer)
    client.meta.events.register("needs-retry", lambda **_: None)
    with pytest.raises(Exception, match=r"."):  # the answer has no body to read
        getattr(client, xform_name(operation))(**arguments)
    headers = {name: str(value) for name, value in sent[0].headers.items() if name not in VARYING}
    return sent[0].method, sent[0].url, sent[0].body, headers


@pytest.mark.parametrize(("service", "operation"), EVERY, ids=[f"{service}-{name}" for service, name in EVERY])
def test_every_request_is_the_same(data: str, service: str, operation: str) -> None:
    """Method, address, headers and body, with every argument there is."""
    full, small = (client(service, each) for each in (FULL, data))
    arguments = _arguments(full.meta.service_model.operation_model(operation).input_shape)
    # The token that makes a repeated call the same call would be made up for each.
    arguments |= {name: "token" for name in arguments if name == "ClientToken"}
    assert _request(small, operation, arguments) == _request(full, operation, arguments)


@pytest.mark.parametrize(
    ("service", "method", "arguments"),
    [
        ("ec2", "describe_images", {"ImageIds": [IMAGE]}),
        ("ec2", "describe_launch_template_versions", {"LaunchTemplateName": TEMPLATE}),
        ("ec2", "describe_launch_template_versions", {"LaunchTemplateName": "unknown"}),
        ("ec2", "describe_launch_templates", {}),
        ("ec2", "describe_security_groups", {}),
        ("ec2", "describe_subnets", {}),
        ("iam", "get_instance_profile", {"InstanceProfileName": PROFILE}),
        ("sqs", "get_queue_url", {"QueueName": "octo-widgets-large-ci-pool"}),
        ("dynamodb", "describe_table", {"TableName": TABLE}),
        ("dynamodb", "describe_table", {"TableName": "unknown"}),
        ("dynamodb", "describe_time_to_live", {"TableName": TABLE}),
        ("dynamodb", "get_item", {"TableName": TABLE, "Key": {"PK": {"S": "TYPE#METADATA"}, "SK": {"S": "ID#pool"}}}),
        ("sts", "get_caller_identity", {}),
        (
            "cloudwatch",
            "put_metric_data",
            {"Namespace": "A", "MetricData": [{"MetricName": "B", "Values": [1.0], "Value": 1.0}]},
        ),
    ],
)
def test_every_answer_is_read_the_same(
    refreshed: World, data: str, service: str, method: str, arguments: Mapping[str, Any]
) -> None:
    """Errors as well."""
    found = []
    for each in (FULL, data):
        made = operations.mark(client(service, each, endpoint_url=refreshed.aws.url))
        try:
            answer = dict(getattr(made, method)(**arguments))
        except made.exceptions.ClientError as error:
            answer = dict(error.response)
        found.append({name: value for name, value in answer.items() if name != "ResponseMetadata"})
    assert found[0] == found[1] != {}


def test_an_instance_has_the_members_that_are_judged_and_no_others(
    refreshed: World, clients: Clients, data: str
) -> None:
    """A spot machine has its lifecycle as well."""
    template: Any = {"LaunchTemplateName": refreshed.template}
    spot: Any = {"MarketType": "spot"}
    clients.ec2.run_instances(LaunchTemplate=template, InstanceMarketOptions=spot, MinCount=2, MaxCount=2)
    full, small = (operations.mark(client("ec2", each, endpoint_url=refreshed.aws.url)) for each in (FULL, data))
    condition: Any = {"Name": "instance-state-name", "Values": ["running"]}
    found = ec2_instances.described(small, condition)
    assert found == ec2_instances.described(full, condition)
    assert [each.usage_class for each in found.values()] == ["spot"] * 2
    (reservation,) = small.describe_instances()["Reservations"]
    assert {name for each in reservation["Instances"] for name in each} == MEMBERS["ec2"]["Instance"]
