"""What a tool has made of docs/iam in an account, read back from IAM."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from attrs import frozen

from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.aws_server import AwsServer


@frozen
class Role:
    """A role's documents, parsed, and the longest session in seconds."""

    name: str
    trust: policies.Document
    policy: policies.Document
    longest_session: int


def roles(aws: AwsServer) -> dict[str, Role]:
    """Read all roles, by the name of their one policy."""
    iam = policies.client(aws, "iam")
    found = {}
    for each in iam.list_roles()["Roles"]:
        name = each["RoleName"]
        (policy,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy)["PolicyDocument"]
        if isinstance(document, str):
            # moto writes what CloudFormation gives it as Python, with a None where AWS::NoValue leaves nothing.
            document = ast.literal_eval(document)
            document["Statement"] = [statement for statement in document["Statement"] if statement]
        found[policy] = Role(name, each["AssumeRolePolicyDocument"], document, int(each["MaxSessionDuration"]))
    return found


def managed(aws: AwsServer, arn: str) -> policies.Document:
    """Read the policy that stands by itself, to be attached to a role that is made elsewhere."""
    version = policies.client(aws, "iam").get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    document: policies.Document = version["Document"]
    return document


def require_trust(found: Mapping[str, Role], plan_only_job: str, longest_session: int) -> None:
    """Compare who may take the three roles, and for how long, with what docs/iam says."""
    assert found["refresh"].trust == policies.trust()
    assert found["plan-only"].trust == policies.trust(job=plan_only_job)
    assert found["instance-profile"].trust == policies.filled("instance-trust-policy")
    assert {found[name].longest_session for name in ("refresh", "plan-only")} == {longest_session}


def profile(aws: AwsServer) -> tuple[str, list[str]]:
    """Read the one instance profile: its name and its roles'."""
    (found,) = policies.client(aws, "iam").list_instance_profiles()["InstanceProfiles"]
    return found["InstanceProfileName"], [role["RoleName"] for role in found["Roles"]]
