"""Reduces botocore's models of AWS to what the program calls and reads; run once, when an image is built.

python tools/image/reduced_models.py [DATA]   DATA is botocore's data folder; by default that of this interpreter.

Botocore spends most of a client's creation on reading these files, and most of a large pool's CPU time on parsing every
member of every instance. Measured: creating three clients takes 105 ms with complete models and 15 ms with reduced
ones; 5,000 living instances take 1.9 s and 1.1 s of CPU time. It imports only botocore, so that the same sources and
the same botocore always give the same files.
https://docs.aws.amazon.com/boto3/latest/guide/loaders.html describes botocore's data path and its files.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

# generated: operations (make generated)
OPERATIONS = {
    "cloudwatch": {"PutMetricData"},
    "dynamodb": {
        "BatchGetItem",
        "CreateTable",
        "DescribeTable",
        "DescribeTimeToLive",
        "GetItem",
        "ListTagsOfResource",
        "PutItem",
        "Query",
        "TagResource",
        "TransactWriteItems",
        "UpdateItem",
        "UpdateTimeToLive",
    },
    "ec2": {
        "CreateFleet",
        "CreateLaunchTemplate",
        "CreateLaunchTemplateVersion",
        "CreateTags",
        "DeleteLaunchTemplateVersions",
        "DescribeImages",
        "DescribeInstances",
        "DescribeLaunchTemplateVersions",
        "DescribeLaunchTemplates",
        "DescribeSecurityGroupVpcAssociations",
        "DescribeSecurityGroups",
        "DescribeSubnets",
        "ModifyLaunchTemplate",
        "TerminateInstances",
    },
    "iam": {"GetInstanceProfile"},
    "sqs": {
        "CreateQueue",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListQueueTags",
        "SendMessageBatch",
        "SetQueueAttributes",
        "TagQueue",
    },
    "ssm": {"GetParameters"},
    "sts": {"AssumeRoleWithWebIdentity", "GetCallerIdentity"},
}
# end of operations
"""The operations that the program declares (refresh/pool/permissions.py)."""
BY_BOTOCORE = {"sts": {"AssumeRole"}}
"""What botocore itself calls, for the credentials of a profile whose role is taken by another profile."""
KEPT = {service: names | BY_BOTOCORE.get(service, set()) for service, names in OPERATIONS.items()}
MEMBERS = {
    "ec2": {
        "Reservation": {"Instances"},
        "Instance": {"InstanceId", "InstanceLifecycle", "InstanceType", "LaunchTime", "State", "Tags"},
    },
}
"""The members that refresh reads of the structures that AWS sends by the thousand; others keep every member."""
REGIONS = (
    "eu-west-1",
    "cn-north-1",
    "us-gov-west-1",
    "eusc-de-east-1",
    "us-iso-east-1",
    "us-isob-east-1",
    "eu-isoe-west-1",
    "us-isof-south-1",
)
"""One region of each partition, in which no endpoint may change."""
VARIANTS: tuple[Mapping[str, Any], ...] = (
    {"account_id_endpoint_mode": "preferred"},
    {"account_id_endpoint_mode": "disabled"},
    {"use_fips_endpoint": True},
    {"use_dualstack_endpoint": True},
)
"""Settings that select an endpoint of a service; the account id is known, as it is with a role."""
_TEXTS = ("documentation", "documentationUrl")
_FILES = ("service-2.json", "endpoint-rule-set-1.json")


class Lacking(Exception):
    """The models lack something that refresh calls or reads."""


class Changed(Exception):
    """Botocore behaves differently with the reduced models."""


def reduced(model: Mapping[str, Any], operations: Collection[str], members: Mapping[str, set[str]]) -> dict[str, Any]:
    """Keep these operations of a service's model, the members that are read, and the shapes that both use.

    Raises `Lacking` with every name that the model lacks.
    """
    lacking = [name for name in sorted(operations) if name not in model["operations"]]
    lacking += [
        f"{shape}.{member}"
        for shape, names in members.items()
        for member in sorted(names - set(model["shapes"].get(shape, {}).get("members", ())))
    ]
    if lacking:
        raise Lacking(", ".join(lacking))
    shapes = dict(model["shapes"])
    for name, kept in members.items():
        all_members = shapes[name]["members"].items()
        shapes[name] = {**shapes[name], "members": {member: each for member, each in all_members if member in kept}}
    wanted = {name: model["operations"][name] for name in sorted(operations)}
    plain: dict[str, Any] = _undocumented(
        {**model, "operations": wanted, "shapes": {name: shapes[name] for name in sorted(_reached(wanted, shapes))}}
    )
    return plain


def _reached(operations: Mapping[str, Any], shapes: Mapping[str, Any]) -> set[str]:
    """Return the names of all shapes that operations use in requests, answers and errors."""
    found: set[str] = set()
    due = set(_named(operations))
    while due:
        found |= due
        due = {name for shape in due for name in _named(shapes[shape])} - found
    return found


def _named(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        for each in node.values():
            yield from _named(each)
    elif isinstance(node, list):
        for each in node:
            yield from _named(each)


def _undocumented(node: Any) -> Any:
    if isinstance(node, dict):
        kept = {name: each for name, each in node.items() if name not in _TEXTS or not isinstance(each, str)}
        return {name: _undocumented(each) for name, each in kept.items()}
    return [_undocumented(each) for each in node] if isinstance(node, list) else node


def reduce_all(data: Path) -> None:
    """Reduce botocore's data folder in place, and check it with botocore.

    Raises `Lacking` before anything is changed, and `Changed` if the result must not be used.
    """
    models = {service: _newest(data / service) for service in KEPT}
    small = {
        service: reduced(_read(folder, "service-2.json"), KEPT[service], MEMBERS.get(service, {}))
        for service, folder in models.items()
    }
    rules = {service: _read(folder, "endpoint-rule-set-1.json") for service, folder in models.items()}
    before = endpoints(data)
    for folder in data.iterdir():
        if folder.is_dir():
            shutil.rmtree(folder)
    for service, folder in models.items():
        folder.mkdir(parents=True)
        for name, content in zip(_FILES, (small[service], rules[service]), strict=True):
            _write(folder / name, content)
    listed = json.loads((data / "endpoints.json").read_text(encoding="utf-8"))
    prefixes = {model["metadata"]["endpointPrefix"] for model in small.values()}  # CloudWatch's is not its name
    for partition in listed["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in prefixes}
    _write(data / "endpoints.json", listed)
    if operations(data) != KEPT:
        raise Changed("botocore does not have exactly the operations that were kept")
    if endpoints(data) != before:
        raise Changed("botocore uses another endpoint for a service than before")


def _newest(folder: Path) -> Path:
    versions = sorted(each for each in folder.iterdir() if each.is_dir()) if folder.is_dir() else []
    if not versions:
        raise Lacking(f"{folder.name} as a whole")
    return versions[-1]


def _read(folder: Path, name: str) -> Any:
    path = folder / f"{name}.gz"
    return json.loads(gzip.decompress(path.read_bytes()) if path.exists() else (folder / name).read_bytes())


def _write(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")


def endpoints(data: Path) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Return the endpoint of each service, region and variant, by botocore's list of endpoints and by its rules."""
    session = _session(data)
    return {
        (service, region, str(variant)): _endpoint(session, service, region, variant)
        for service in KEPT
        for region in REGIONS
        for variant in VARIANTS
    }


def _endpoint(session: Any, service: str, region: str, variant: Mapping[str, Any]) -> tuple[str, str]:
    from botocore import xform_name  # noqa: PLC0415 - `reduced` needs no botocore
    from botocore.config import Config  # noqa: PLC0415 - as above
    from botocore.exceptions import EndpointVariantError  # noqa: PLC0415 - as above

    try:
        client = session.create_client(
            service, region_name=region, config=Config(parameter_validation=False, **variant)
        )
    except EndpointVariantError:
        return ("", "")
    request = client.generate_presigned_url(xform_name(max(KEPT[service])), Params={})
    return (client.meta.endpoint_url, request.partition("?")[0])


def operations(data: Path) -> dict[str, set[str]]:
    """Return the operations that botocore has with this data."""
    session = _session(data)
    return {name: set(session.get_service_model(name).operation_names) for name in session.get_available_services()}


def _session(data: Path) -> Any:
    from botocore.loaders import Loader  # noqa: PLC0415 - as above
    from botocore.session import Session  # noqa: PLC0415 - as above

    loader = Loader([str(data)], include_default_search_paths=False)
    # A list of endpoints outside botocore's own folder would override the rules.
    loader.BUILTIN_DATA_PATH = str(data)
    session: Any = Session()
    session.register_component("data_loader", loader)
    session.set_credentials("none", "none", account_id="123456789012")
    return session


def main(arguments: list[str]) -> int:
    """Reduce the data folder; return 1 if the models lack something or an endpoint would change."""
    import botocore  # noqa: PLC0415 - as above

    data = Path(arguments[0]) if arguments else Path(botocore.__file__).parent / "data"
    size = sum(each.stat().st_size for each in data.rglob("*.*"))
    try:
        reduce_all(data)
    except Lacking as lacking:
        print(f"botocore's models lack what refresh calls or reads: {lacking}", file=sys.stderr)
        return 1
    except Changed as changed:
        print(f"the reduced models cannot be used: {changed}", file=sys.stderr)
        return 1
    left = sum(each.stat().st_size for each in data.rglob("*.*"))
    print(f"botocore's models: {size:,} bytes reduced to {left:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
