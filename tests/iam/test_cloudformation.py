"""The CloudFormation template makes just what docs/iam documents."""

from __future__ import annotations

import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from refresh.pool import names
from tests.fakes.desired import ACCOUNT_ID, REPOSITORY
from tests.fakes.world import ROOT
from tests.iam import applied, policies

if TYPE_CHECKING:
    from tests.fakes.aws_server import AwsServer

TEMPLATE = ROOT / "docs" / "cloudformation" / "refresh.yaml"
DATA_RESIDENCY = "token.actions.octo.ghe.com"
LONG = names.Repository("octo", f"widgets.{'js' * 30}")


pytestmark = pytest.mark.usefixtures("no_stacks")


def _create(aws: AwsServer, repository: names.Repository, **parameters: str) -> dict[str, str]:
    """Create the stack; give its outputs."""
    given = {
        "Owner": repository.owner,
        "Repository": repository.name,
        "OwnerId": policies.OWNER_ID,
        "RepositoryId": policies.REPOSITORY_ID,
        "CreateOidcProvider": "no",  # moto knows none in stacks
        **parameters,
    }
    cloudformation = policies.client(aws, "cloudformation")
    cloudformation.create_stack(
        StackName="pool",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()],
        Capabilities=["CAPABILITY_IAM"],
    )
    (stack,) = cloudformation.describe_stacks()["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}


def test_the_template_is_clean() -> None:
    """By AWS's own linter, every region and resource type included."""
    linter = Path(sysconfig.get_path("scripts")) / "cfn-lint"
    ran = subprocess.run([linter, TEMPLATE], capture_output=True, text=True, check=False)  # noqa: S603 - our own file
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_template_makes_the_documented_roles(aws: AwsServer) -> None:
    """With everything that can be asked for; the instance profile has the runners' role."""
    outputs = _create(
        aws, REPOSITORY, AmiParameter="ci/image", PlanOnlyJob="environment:plan", MaxSessionDuration="7200"
    )
    roles = applied.roles(aws)
    runner = roles["instance-profile"].name
    assert {name: role.policy for name, role in roles.items()} == {
        name: policies.filled(name, runner_role=runner) for name in ("refresh", "plan-only", "instance-profile")
    }
    applied.require_trust(roles, "environment:plan", 7200)
    name, members = applied.profile(aws)
    assert members == [runner]
    assert outputs == {
        "RefreshRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{roles['refresh'].name}",
        "PlanOnlyRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{roles['plan-only'].name}",
        "InstanceProfileName": name,
        "ImageParameterPolicyArn": outputs["ImageParameterPolicyArn"],
    }
    assert applied.managed(aws, outputs["ImageParameterPolicyArn"]) == policies.filled("image-parameter")


@pytest.mark.parametrize("repository", [REPOSITORY, LONG], ids=["plain", "mapped"])
def test_the_template_makes_no_more_than_it_is_asked_for(aws: AwsServer, repository: names.Repository) -> None:
    """No second role and no parameter; with queues named as refresh maps them, and the issuer of a GHE.com."""
    prefix = policies.queue_pattern(repository).removesuffix("*-ci-pool*")
    given = {} if repository == REPOSITORY else {"QueuePrefix": prefix}
    outputs = _create(aws, repository, Job="ref:refs/heads/trunk", OidcIssuer=DATA_RESIDENCY, **given)
    roles = applied.roles(aws)
    assert set(roles) == {"refresh", "instance-profile"}
    assert not {"PlanOnlyRoleArn", "ImageParameterPolicyArn"} & set(outputs)
    document = policies.filled("refresh", repository, runner_role=roles["instance-profile"].name)
    kept = [each for each in document["Statement"] if each["Sid"] != "ImageParameter"]
    assert roles["refresh"].policy["Statement"] == kept
    assert roles["refresh"].trust == policies.trust(repository, "ref:refs/heads/trunk", DATA_RESIDENCY)
