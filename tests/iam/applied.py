"""The roles that a tool has made of docs/iam in an account, read back from IAM and compared with the policies."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Any

from tests.iam import policies

if TYPE_CHECKING:
    from tests.fakes.aws_server import AwsServer


def roles(aws: AwsServer) -> dict[str, tuple[dict[str, Any], policies.Document]]:
    """Read all roles and their one policy, by its name."""
    iam = policies.client(aws, "iam")
    found = {}
    for role in iam.list_roles()["Roles"]:
        (policy,) = iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]
        document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"]
        if isinstance(document, str):
            # moto writes what CloudFormation gives it as Python, with a None where AWS::NoValue leaves nothing.
            document = ast.literal_eval(document)
            document["Statement"] = [statement for statement in document["Statement"] if statement]
        found[policy] = (role, document)
    return found


def require_roles(
    aws: AwsServer, *, plan_only_job: str, doors_job: str, longest_session: int, image_parameter: str
) -> dict[str, str]:
    """Compare everything that can be asked for with docs/iam; return the names of the roles by their policies."""
    found = roles(aws)
    runner = found["instance-profile"][0]["RoleName"]
    expected = {
        "refresh": policies.trust(),
        "plan-only": policies.trust(job=plan_only_job),
        "release": policies.doors_trust(job=doors_job),
        "provision": policies.doors_trust(job=doors_job),
        "instance-profile": policies.filled("instance-trust-policy"),
    }
    assert {name: role["AssumeRolePolicyDocument"] for name, (role, _) in found.items()} == expected
    assert {name: policy for name, (_, policy) in found.items()} == {
        name: policies.filled(name, runner_role=runner) for name in expected
    }
    assert {found[name][0]["MaxSessionDuration"] for name in expected if name != "instance-profile"} == {
        longest_session
    }
    iam = policies.client(aws, "iam")
    version = iam.get_policy_version(PolicyArn=image_parameter, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == policies.filled("image-parameter")
    (profile,) = iam.list_instance_profiles()["InstanceProfiles"]
    assert [role["RoleName"] for role in profile["Roles"]] == [runner]
    return {"profile": profile["InstanceProfileName"], **{name: role["RoleName"] for name, (role, _) in found.items()}}
