"""The policies of docs/iam as data: what they allow, filled in for a pool, and as moto's IAM can enforce them."""

from __future__ import annotations

import fnmatch
import json
import re
from typing import TYPE_CHECKING, Any

import boto3

from refresh.pool import names
from tests.fakes import canaries, operations
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tests.fakes.aws_server import AwsServer

FOLDER = ROOT / "docs" / "iam"
OWNER_ID = "1234"
REPOSITORY_ID = "5678"
ISSUER = "token.actions.githubusercontent.com"
RUNNER_ROLE = "runner-pool-octo-widgets-instance"
TABLE = operations.DECLARED
"""Each operation with the IAM actions that it needs."""
READING = {operation for operation in TABLE if operations.reads(operation)}

Document = dict[str, Any]


def document(name: str) -> Document:
    """Read a policy as it is published."""
    parsed: Document = json.loads((FOLDER / f"{name}.json").read_text())
    return parsed


def filled(name: str, repository: names.Repository = REPOSITORY, runner_role: str = RUNNER_ROLE) -> Document:
    """Give a policy with its placeholders replaced, as the README of docs/iam tells people to do."""
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
    }.items():
        text = text.replace(placeholder, value)
    parsed: Document = json.loads(text)
    return parsed


def trust(
    repository: names.Repository = REPOSITORY, job: str = "ref:refs/heads/main", issuer: str = ISSUER
) -> Document:
    """Give the trust policy of a job's role for any job and any GitHub."""
    text = json.dumps(filled("trust-policy", repository))
    parsed: Document = json.loads(text.replace("ref:refs/heads/main", job).replace(ISSUER, issuer))
    return parsed


def queue_pattern(repository: names.Repository) -> str:
    """Write the pattern of a repository's queues by the rules of docs/iam."""
    stem = f"{repository.owner}-{repository.name}".replace(".", "_")
    return f"{stem}-*-ci-pool*" if len(stem) <= 54 else f"{stem[:55]}*-ci-pool*"


def listed(value: str | list[str]) -> list[str]:
    """Give what IAM lets one write as a text or as a list."""
    return [value] if isinstance(value, str) else value


def actions(policy: Document) -> list[str]:
    """List all actions of a policy."""
    return [action for statement in policy["Statement"] for action in listed(statement["Action"])]


def allowed(policy: Document, action: str, arn: str, context: Mapping[str, str] | None = None) -> bool:
    """Judge a request as IAM does, for what our policies use: names, `*`, and conditions on single texts."""
    return any(
        action in listed(statement["Action"])
        and any(_matches(pattern, arn) for pattern in listed(statement["Resource"]))
        and _holds(statement.get("Condition", {}), context or {})
        for statement in policy["Statement"]
    )


def _matches(pattern: str, arn: str) -> bool:
    return re.fullmatch(fnmatch.translate(pattern.replace("[", "[[]")), arn) is not None


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Mapping[str, str]) -> bool:
    """Compare; `ForAllValues` holds where a key is absent, as in IAM."""
    for operator, keys in condition.items():
        for key, values in keys.items():
            absent = operator.startswith("ForAllValues:")
            if not (context[key] in listed(values) if key in context else absent):
                return False
    return True


def enforceable(policy: Document, without: Collection[str] = ()) -> Document:
    """Give a policy as moto's IAM can enforce it, less some actions.

    moto knows neither resources nor conditions, and TransactWriteItems by its own name, where IAM asks for the actions
    of a transaction's items; so that name is allowed where all of them are.
    A policy without any action is none to moto, so one that no run asks for is always there.
    """
    kept = {*actions(policy), "sts:GetCallerIdentity"} - set(without)
    if kept >= set(TABLE["dynamodb:TransactWriteItems"]):
        kept.add("dynamodb:TransactWriteItems")
    return {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": sorted(kept), "Resource": "*"}],
    }


def client(aws: AwsServer, service: str) -> Any:
    """Give a client of the test's own, which may do anything while moto does not enforce IAM."""
    connect: Any = boto3.client  # its stubs are those of a few services, named in their code
    return operations.mark(
        connect(
            service,
            endpoint_url=aws.url,
            region_name=REGION,
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
    )


def credentials(aws: AwsServer, policy: Document) -> dict[str, str]:
    """Make a user with just this policy and give the environment of its key, with which there is no session."""
    iam = client(aws, "iam")
    iam.create_user(UserName="refresh")
    iam.put_user_policy(UserName="refresh", PolicyName="refresh", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="refresh")["AccessKey"]
    secret = canaries.plant("AWS secret key", key["SecretAccessKey"])
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": ""}


def missing(told: str, wanted: Iterable[str]) -> list[str]:
    """List the actions that a text does not name."""
    return [action for action in wanted if not re.search(rf"{re.escape(action)}(?![A-Za-z])", told)]
