"""The policies of docs/iam: filled in for a pool and a partition, judged as IAM does, and enforced by moto's IAM."""

from __future__ import annotations

import fnmatch
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import botocore

from refresh.clients import role
from refresh.pool import names
from tests.fakes import canaries, operations
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tests.fakes.aws_server import AwsServer

Document = dict[str, Any]
FOLDER = ROOT / "docs" / "iam"
OWNER_ID = "1234"
REPOSITORY_ID = "5678"
ISSUER = "token.actions.githubusercontent.com"
JOB = "ref:refs/heads/main"
RUNNER_ROLE = "runner-pool-octo-widgets-instance"
_KNOWN = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]
PARTITIONS = {each["id"]: next(name for name in each["regions"] if not name.endswith("-global")) for each in _KNOWN}
"""Every partition that botocore knows, with a region of it."""


def document(name: str) -> Document:
    """Read a policy as it is published."""
    parsed: Document = json.loads((FOLDER / f"{name}.json").read_text())
    return parsed


def filled(
    name: str, repository: names.Repository = REPOSITORY, runner_role: str = RUNNER_ROLE, partition: str = "aws"
) -> Document:
    """Replace the placeholders of a policy as the README of docs/iam says."""
    text = (FOLDER / f"{name}.json").read_text()
    owner, repo = repository.owner, repository.name
    for placeholder, value in {
        "REGION": REGION,
        "ACCOUNT": ACCOUNT_ID,
        "RUNNER-ROLE": runner_role,
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


def trust(repository: names.Repository = REPOSITORY, job: str = JOB, issuer: str = ISSUER) -> Document:
    """Return the trust policy of a job's role for any job and any GitHub."""
    text = json.dumps(filled("trust-policy", repository))
    parsed: Document = json.loads(text.replace(JOB, job).replace(ISSUER, issuer))
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


def allowed(policy: Document, action: str, arn: str, context: Mapping[str, str] | None = None) -> bool:
    """Judge a request as IAM does, for what our policies use: names, `*`, and conditions on single texts."""
    return any(
        action in _listed(statement["Action"])
        and any(re.fullmatch(fnmatch.translate(pattern), arn) for pattern in _listed(statement["Resource"]))
        and all(
            # `ForAllValues` holds for a key that is absent.
            context[key] in _listed(values) if context and key in context else operator.startswith("ForAllValues:")
            for operator, keys in statement.get("Condition", {}).items()
            for key, values in keys.items()
        )
        for statement in policy["Statement"]
    )


def enforceable(policy: Document, without: Collection[str] = ()) -> Document:
    """Return a policy, less some actions, as moto's IAM can enforce it.

    moto knows neither resources nor conditions, and checks TransactWriteItems by its own name, where IAM checks the
    actions of its items: that name is allowed if all of these are. A policy without actions is none to moto.
    """
    kept = {*actions(policy), "sts:GetCallerIdentity"} - set(without)
    if kept >= set(operations.DECLARED["dynamodb:TransactWriteItems"]):
        kept.add("dynamodb:TransactWriteItems")
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
