"""Reduces botocore's models of AWS to what refresh calls and reads; run once, when an image is built.

python tools/image/reduced_models.py [DATA]   DATA is botocore's data folder; by default that of this interpreter.

Most of a client's creation is botocore reading these files, and most of a large pool's cost is botocore putting every
member of every instance into objects. Measured: three clients take 105 ms with the models of these services as they
come and 15 ms with reduced ones; 5,000 living instances take 1.9 s of CPU time and 1.1 s.
https://docs.aws.amazon.com/boto3/latest/guide/loaders.html has botocore's data path and its files.
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
        "UpdateTimeToLive",
    },
    "ec2": {
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
    "sqs": {"CreateQueue", "GetQueueAttributes", "GetQueueUrl", "ListQueueTags", "SetQueueAttributes", "TagQueue"},
    "ssm": {"GetParameters"},
    "sts": {"AssumeRoleWithWebIdentity", "GetCallerIdentity"},
}
# end of operations
"""What refresh calls; the tests compare it with what they recorded."""
BY_BOTOCORE = {"sts": {"AssumeRole"}}
"""What botocore calls for credentials, for a profile that takes its role from another."""
KEPT = {service: names | BY_BOTOCORE.get(service, set()) for service, names in OPERATIONS.items()}
MEMBERS = {
    "ec2": {
        "Reservation": {"Instances"},
        "Instance": {"InstanceId", "LaunchTime", "State", "Tags"},
    },
}
"""What refresh reads of structures of which AWS sends thousands; of all others every member is kept."""
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
"""One of each partition, in which the endpoints have to stay what they are."""
VARIANTS: tuple[Mapping[str, Any], ...] = (
    {"account_id_endpoint_mode": "preferred"},
    {"account_id_endpoint_mode": "disabled"},
    {"use_fips_endpoint": True},
    {"use_dualstack_endpoint": True},
)
"""Settings that choose between the endpoints of a service; an account id is known in each, as it is with a role."""
_TEXTS = ("documentation", "documentationUrl")
_FILES = ("service-2.json", "endpoint-rule-set-1.json")


class Lacking(Exception):
    """The models do not have what refresh calls or reads."""


class Changed(Exception):
    """By the reduced models botocore would do something else than by the whole ones."""


def reduced(model: Mapping[str, Any], operations: Collection[str], members: Mapping[str, set[str]]) -> dict[str, Any]:
    """Keep these operations of a service's model, the members that are read, and the shapes that both lead to.

    Raises `Lacking` with every name that the model does not have.
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
    """Give the names of all shapes to which operations lead: requests, answers and errors."""
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
    """Reduce botocore's data folder in place, and look at it with botocore.

    Raises `Lacking` before anything is changed, and `Changed` where the outcome must not be used.
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
    for partition in listed["partitions"]:
        partition["services"] = {name: each for name, each in partition["services"].items() if name in KEPT}
    _write(data / "endpoints.json", listed)
    if operations(data) != KEPT:
        raise Changed("there are other operations than those that are kept")
    if endpoints(data) != before:
        raise Changed("a service is looked for elsewhere than before")


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
    """Give where botocore finds each service in each partition by this data: by its list of endpoints, by its rules."""
    session = _session(data)
    return {
        (service, region, str(variant)): _endpoint(session, service, region, variant)
        for service in KEPT
        for region in REGIONS
        for variant in VARIANTS
    }


def _endpoint(session: Any, service: str, region: str, variant: Mapping[str, Any]) -> tuple[str, str]:
    from botocore import xform_name  # noqa: PLC0415 - the data may be reduced where botocore cannot be loaded
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
    """Give the operations that botocore has by this data."""
    session = _session(data)
    return {name: set(session.get_service_model(name).operation_names) for name in session.get_available_services()}


def _session(data: Path) -> Any:
    from botocore.loaders import Loader  # noqa: PLC0415 - as above
    from botocore.session import Session  # noqa: PLC0415 - as above

    loader = Loader([str(data)], include_default_search_paths=False)
    # A list of endpoints that is not in botocore's own folder overrides the rules, which would not be looked at then.
    loader.BUILTIN_DATA_PATH = str(data)
    session: Any = Session()
    session.register_component("data_loader", loader)
    session.set_credentials("none", "none", account_id="123456789012")
    return session


def main(arguments: list[str]) -> int:
    """Reduce the data folder; fails where anything is lacking, or where a service would be looked for elsewhere."""
    import botocore  # noqa: PLC0415 - as above

    data = Path(arguments[0]) if arguments else Path(botocore.__file__).parent / "data"
    size = sum(each.stat().st_size for each in data.rglob("*.*"))
    try:
        reduce_all(data)
    except Lacking as lacking:
        print(f"botocore's models lack what refresh calls or reads: {lacking}", file=sys.stderr)
        return 1
    except Changed as changed:
        print(f"with the reduced models {changed}", file=sys.stderr)
        return 1
    left = sum(each.stat().st_size for each in data.rglob("*.*"))
    print(f"botocore's models: {size:,} bytes reduced to {left:,}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
