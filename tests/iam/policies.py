"""The policies of docs/iam: filled in for a pool and a partition, judged as IAM does, and enforced by moto's IAM."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore

from refresh.clients import role
from refresh.pool import names
from tests.fakes import canaries, operations
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.world import ROOT
from tools.generated.roles import REFRESH

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from tests.fakes.aws_server import AwsServer
    from tools.generated.roles import Call

Document = dict[str, Any]
Context = Mapping[str, str | list[str]]
"""The condition keys of a request."""
FOLDER = ROOT / "docs" / "iam"
OWNER_ID = "1234"
REPOSITORY_ID = "5678"
ISSUER = "token.actions.githubusercontent.com"
JOB = "ref:refs/heads/main"
RUNNER_ROLE = "runner-pool-octo-widgets-instance"
OF_THE_ORIGINAL = "ReportToTheOriginal"
"""The statement that instances can do without then."""
TEMPLATE_ID = "lt-0123456789abcdef0"
_KNOWN = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]
PARTITIONS = {each["id"]: next(name for name in each["regions"] if not name.endswith("-global")) for each in _KNOWN}
"""Every partition that botocore knows, with a region of it."""


def document(name: str) -> Document:
    """Read a policy as it is published."""
    parsed: Document = json.loads((FOLDER / f"{name}.json").read_text())
    return parsed


def filled(
    name: str,
    repository: names.Repository = REPOSITORY,
    runner_role: str = RUNNER_ROLE,
    partition: str = "aws",
    template: str = TEMPLATE_ID,
) -> Document:
    """Replace the placeholders of a policy as the README of docs/iam says."""
    text = (FOLDER / f"{name}.json").read_text()
    owner, repo = repository.owner, repository.name
    for placeholder, value in {
        "REGION": REGION,
        "ACCOUNT": ACCOUNT_ID,
        "RUNNER-ROLE": runner_role,
        "LAUNCH-TEMPLATE": template,
        "AMI-PARAMETER": "ci/image",
        "OWNER-REPO-*-ci-pool*": queue_pattern(repository),
        "OWNER-REPO-ci-table": f"{owner}-{repo}-ci-table",
        "OWNER@OWNER_ID/REPO@REPO_ID": f"{owner}@{OWNER_ID}/{repo}@{REPOSITORY_ID}",
        "OWNER/REPO": str(repository),
        "arn:aws:": f"arn:{partition}:",
        "amazonaws.com": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
    }.items():
        text = text.replace(placeholder, value)
    parsed: Document = json.loads(text)
    return parsed


def together(*documents: Document) -> Document:
    """Return what a role with these policies may do, as one."""
    return {**documents[0], "Statement": [each for document in documents for each in document["Statement"]]}


def without_the_original(repository: names.Repository = REPOSITORY) -> Document:
    """Return the instances' policy as it can be once `original-modes` is false."""
    policy = filled("instance-profile", repository)
    return {**policy, "Statement": [each for each in policy["Statement"] if each["Sid"] != OF_THE_ORIGINAL]}


def trust(repository: names.Repository = REPOSITORY, job: str = JOB, issuer: str = ISSUER) -> Document:
    """Return the trust policy of a job's role for any job and any GitHub."""
    text = json.dumps(filled("trust-policy", repository))
    parsed: Document = json.loads(text.replace(JOB, job).replace(ISSUER, issuer))
    return parsed


def doors_trust(repository: names.Repository = REPOSITORY, job: str = "*", issuer: str = ISSUER) -> Document:
    """Return the trust policy of the roles of provision and release, for any jobs and any GitHub."""
    text = json.dumps(filled("doors-trust-policy", repository))
    parsed: Document = json.loads(text.replace(':*"', f':{job}"').replace(ISSUER, issuer))
    return parsed


def audience(partition: str) -> str:
    """Return the audience for which the action asks GitHub in a partition."""
    return role.audience(f"arn:{partition}:iam::{ACCOUNT_ID}:role/refresh")


def queue_pattern(repository: names.Repository) -> str:
    """Write the pattern of a repository's queues by the rules of docs/iam."""
    stem = f"{repository.owner}-{repository.name}".replace(".", "_")
    return f"{stem}-*-ci-pool*" if len(stem) <= 54 else f"{stem[:55]}*-ci-pool*"


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def actions(policy: Document) -> list[str]:
    """List all actions of a policy."""
    return [action for statement in policy["Statement"] for action in _listed(statement["Action"])]


def allowed(policy: Document, action: str, arn: str, context: Context | None = None) -> bool:
    """Judge a request as IAM does, for what our policies use."""
    return any(
        action in _listed(statement["Action"])
        and any(_pattern(each, {}).fullmatch(arn) for each in _listed(statement["Resource"]))
        and all(
            _holds(operator, _listed(wanted), key, context or {})
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
        for statement in policy["Statement"]
    )


def asked(operation: str, body: bytes) -> list[tuple[str, list[str]]]:
    """List what IAM asks of a request to DynamoDB: the action with the partition keys of its items, for each of both.

    moto does not judge keys. IAM checks a transaction item by item. A scan names no key.
    """
    request = json.loads(body)
    if operation == "dynamodb:TransactWriteItems":
        actions = [(name, each) for action in request["TransactItems"] for name, each in action.items()]
        return [(f"dynamodb:{name}Item", _keys([each.get("Item") or each["Key"]])) for name, each in actions]
    if operation == "dynamodb:BatchGetItem":
        return [(operation, _keys(each["Keys"])) for each in request["RequestItems"].values()]
    if operation == "dynamodb:BatchWriteItem":
        writes = [write for each in request["RequestItems"].values() for write in each]
        return [(operation, _keys(each.get("Item") or each["Key"] for write in writes for each in write.values()))]
    if operation == "dynamodb:Query":
        # The one value that is compared with the partition key.
        keys = [each["S"] for each in request["ExpressionAttributeValues"].values() if each["S"].startswith("TYPE#")]
        return [(operation, keys)]
    named = request.get("Key") or request.get("Item")
    return [(operation, _keys([named] if named else []))]


def _keys(items: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({each["PK"]["S"] for each in items})


def _holds(operator: str, wanted: list[str], key: str, context: Context) -> bool:
    given = context.get(key)
    if operator == "Null":
        return [str(given is None).lower()] == wanted
    if given is None:
        return operator.startswith("ForAllValues:")
    kind = operator.removeprefix("ForAllValues:")
    assert kind in {"StringEquals", "Bool", "StringLike", "ArnLike"}
    patterns = [_pattern(each, context, wild=kind.endswith("Like")) for each in wanted]
    return all(any(each.fullmatch(value) for each in patterns) for value in _listed(given))


def _pattern(wanted: str, context: Context, *, wild: bool = True) -> re.Pattern[str]:
    """Return what a value of a policy matches.

    A variable is the request's own, to the letter; one that the request lacks matches nothing.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
    """
    parts = re.split(r"(\$\{[^}]*\}|[*?])", wanted)
    return re.compile("".join(_part(each, context, wild=wild) for each in parts), re.DOTALL)


def _part(part: str, context: Context, *, wild: bool) -> str:
    if part.startswith("${"):
        value = context.get(part[2:-1])
        return re.escape(value) if isinstance(value, str) else "(?!)"
    return {"*": ".*", "?": "."}[part] if wild and part in {"*", "?"} else re.escape(part)


def enforceable(policy: Document, without: Collection[str] = (), calls: Mapping[str, Call] = REFRESH) -> Document:
    """Return a policy, less some actions, as moto's IAM can enforce it.

    moto knows neither resources nor conditions, and checks every operation by its own name and by that with which its
    service signs, where IAM may check other actions, as for TransactWriteItems: that name is allowed if all of these
    are. A policy without actions is none to moto.
    """
    kept = {*actions(policy)} - set(without)
    kept |= {action.replace("cloudwatch:", "monitoring:") for action in kept}
    for operation, call in calls.items():
        needed = {action for action, _ in call.actions()}
        if operation not in needed and needed <= kept:
            kept.add(operation)
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": sorted(kept), "Resource": "*"}],
    }


def client(aws: AwsServer, service: str) -> Any:
    """Make a client of the test's own, which may do anything while moto does not enforce IAM."""
    connect: Any = boto3.client  # its stubs are those of a few services, named in their code
    keys = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
    return operations.mark(connect(service, endpoint_url=aws.url, region_name=REGION, **keys))


def credentials(aws: AwsServer, policy: Document) -> dict[str, str]:
    """Make a user with just this policy and return the environment of its key."""
    iam = client(aws, "iam")
    iam.create_user(UserName="refresh")
    iam.put_user_policy(UserName="refresh", PolicyName="refresh", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="refresh")["AccessKey"]
    secret = canaries.plant("AWS secret key", key["SecretAccessKey"])
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": ""}


def missing(text: str, wanted: Iterable[str]) -> list[str]:
    """List the actions that a text does not name."""
    return [action for action in wanted if not re.search(rf"{re.escape(action)}(?![A-Za-z])", text)]
