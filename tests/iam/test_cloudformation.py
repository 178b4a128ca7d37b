"""The CloudFormation template makes the roles and policies of docs/iam."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from cfnlint.decode import cfn_yaml

from refresh.pool import names
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.world import ROOT
from tests.iam import applied, policies

if TYPE_CHECKING:
    from tests.fakes.aws_server import AwsServer

TEMPLATE = ROOT / "docs" / "cloudformation" / "refresh.yaml"
DATA_RESIDENCY = "token.actions.octo.ghe.com"
LONG = names.Repository("octo", f"widgets.{'js' * 30}")
IDS = {"OwnerId": policies.OWNER_ID, "RepositoryId": policies.REPOSITORY_ID}

pytestmark = pytest.mark.usefixtures("no_stacks")


def _create(aws: AwsServer, repository: names.Repository, **parameters: str) -> dict[str, str]:
    """Create the stack and return its outputs."""
    given = {"Owner": repository.owner, "Repository": repository.name, **IDS, **parameters}
    given["CreateOidcProvider"] = "no"  # moto knows none in stacks
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


def test_the_stack_has_every_role_of_docs_iam(aws: AwsServer) -> None:
    ec2 = policies.client(aws, "ec2")
    (vpc,) = ec2.describe_vpcs()["Vpcs"]
    outputs = _create(
        aws,
        REPOSITORY,
        AmiParameter="ci/image",
        PlanOnlyJob="environment:plan",
        DoorsJob="environment:ci",
        LaunchTemplateId=policies.TEMPLATE_ID,
        MaxSessionDuration="7200",
        Launches="yes",
        Metrics="yes",
        VpcId=vpc["VpcId"],
        SubnetIds="subnet-0123456789abcdef0,subnet-0fedcba9876543210",
    )
    (group,) = ec2.describe_security_groups(GroupIds=[outputs["SecurityGroupId"]])["SecurityGroups"]
    assert (group["VpcId"], group["IpPermissions"]) == (vpc["VpcId"], [])
    assert group["IpPermissionsEgress"][0]["IpProtocol"] == "-1"
    made = applied.require_roles(
        aws,
        plan_only_job="environment:plan",
        doors_job="environment:ci",
        longest_session=7200,
        image_parameter=outputs.pop("ImageParameterPolicyArn"),
    )
    assert outputs == {
        "RefreshRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['refresh']}",
        "PlanOnlyRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['plan-only']}",
        "ProvisionRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['provision']}",
        "ReleaseRoleArn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['release']}",
        "InstanceProfileName": made["profile"],
        "SecurityGroupId": group["GroupId"],
        "SubnetIds": "subnet-0123456789abcdef0,subnet-0fedcba9876543210",
    }


@pytest.mark.parametrize("repository", [REPOSITORY, LONG], ids=["plain", "mapped"])
def test_the_stack_has_no_role_or_statement_that_was_not_asked_for(
    aws: AwsServer, repository: names.Repository
) -> None:
    prefix = policies.queue_pattern(repository).removesuffix("*-ci-pool*")
    given = {"CreateReleaseRole": "no", "CreateProvisionRole": "no", "OriginalModes": "no"}
    given |= {} if repository == REPOSITORY else {"QueuePrefix": prefix}
    outputs = _create(aws, repository, Job="ref:refs/heads/trunk", OidcIssuer=DATA_RESIDENCY, **given)
    roles = applied.roles(aws)
    assert set(roles) == {"refresh", "instance-profile"}
    assert set(outputs) == {"RefreshRoleArn", "InstanceProfileName"}
    assert applied.alarms(aws) == []
    document = policies.filled("refresh", repository, runner_role=roles["instance-profile"][0]["RoleName"])
    role, policy = roles["refresh"]
    assert policy["Statement"] == [each for each in document["Statement"] if each["Sid"] != "ImageParameter"]
    assert role["AssumeRolePolicyDocument"] == policies.trust(repository, "ref:refs/heads/trunk", DATA_RESIDENCY)
    assert roles["instance-profile"][1] == policies.without_the_original(repository)


def test_a_region_without_a_default_vpc_is_refused_with_the_remedy() -> None:
    """The AWS CLI prints None for a look-up that finds nothing."""
    parameter = cfn_yaml.loads(TEMPLATE.read_text())["Parameters"]["VpcId"]
    taken = [each for each in ("None", "", "vpc-0123456789abcdef0") if re.fullmatch(parameter["AllowedPattern"], each)]
    assert taken == ["", "vpc-0123456789abcdef0"]
    assert "aws ec2 create-default-vpc" in parameter["ConstraintDescription"]


def test_with_a_topic_the_stack_has_alarms_on_the_metrics_that_a_run_sends(aws: AwsServer) -> None:
    template = cfn_yaml.loads(TEMPLATE.read_text())
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":  # moto knows none in stacks
            assert resource["Condition"] == "WithAlarms"
            resolved = json.dumps(_resolved(resource["Properties"], "aws"))
            properties = json.loads(resolved.replace('{"Ref": "AlarmTopic"}', json.dumps(applied.TOPIC)))
            policies.client(aws, "cloudwatch").put_metric_alarm(AlarmName=name, **properties)
    applied.require_alarms(aws)
    conditions = template["Conditions"]
    assert conditions["WithAlarms"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "AlarmTopic"}, ""]}]}
    assert {"Condition": "WithAlarms"} in conditions["WithMetrics"]["Fn::Or"]


def test_the_dashboard_shows_what_a_run_sends_and_is_the_one_of_terraform() -> None:
    template = cfn_yaml.loads(TEMPLATE.read_text())
    (made,) = [each for each in template["Resources"].values() if each["Type"] == "AWS::CloudWatch::Dashboard"]
    body = _resolved(made["Properties"]["DashboardBody"], "aws")
    applied.require_dashboard(body)
    terraform = (ROOT / "docs" / "terraform" / "dashboard.json").read_text()
    assert body.strip() == terraform.strip().replace("REGION", REGION).replace("OWNER/REPO", str(REPOSITORY))
    assert made["Condition"] == "WithDashboard"
    assert template["Conditions"]["WithDashboard"] == {"Fn::Equals": [{"Ref": "Dashboard"}, "yes"]}
    assert template["Parameters"]["Dashboard"]["Default"] == "no"
    assert {"Condition": "WithDashboard"} in template["Conditions"]["WithMetrics"]["Fn::Or"]


def test_metrics_can_be_sent_without_alarms(aws: AwsServer) -> None:
    _create(aws, REPOSITORY, Metrics="yes")
    assert applied.roles(aws)["refresh-metrics"][1] == policies.filled("refresh-metrics")
    assert "refresh-launches" not in applied.roles(aws)
    assert applied.alarms(aws) == []


def test_provision_may_use_every_template_and_all_jobs_may_take_its_role_unless_narrowed(aws: AwsServer) -> None:
    _create(aws, REPOSITORY, AmiParameter="ci/image")
    roles = applied.roles(aws)
    document = policies.filled("provision", runner_role=roles["instance-profile"][0]["RoleName"], template="*")
    role, policy = roles["provision"]
    assert (role["AssumeRolePolicyDocument"], policy) == (policies.doors_trust(), document)


def _resolved(node: Any, partition: str) -> Any:
    """Resolve what roles and the identity provider use, as CloudFormation does in a partition; moto knows only one."""
    match node:
        case {"Fn::If": ["InChina", there, elsewhere]}:
            return there if partition == "aws-cn" else elsewhere
        case {"Fn::Sub": str(text)}:
            return _resolved({"Fn::Sub": [text, {}]}, partition)
        case {"Fn::Sub": [text, values]}:
            given = {"Owner": REPOSITORY.owner, "Repository": REPOSITORY.name, **IDS, "OidcIssuer": policies.ISSUER}
            given |= {"Job": policies.JOB, "PlanOnlyJob": policies.JOB, "DoorsJob": "*", "AWS::AccountId": ACCOUNT_ID}
            given["AWS::Region"] = REGION
            for name, value in {**given, **_resolved(values, partition), "AWS::Partition": partition}.items():
                text = text.replace(f"${{{name}}}", value)
            return text.replace("${!", "${")
        case dict():
            return {name: _resolved(each, partition) for name, each in node.items()}
        case list():
            return [_resolved(each, partition) for each in node]
    return node


@pytest.mark.parametrize("partition", policies.PARTITIONS)
def test_policies_and_stack_trust_the_action_in_every_partition(partition: str) -> None:
    trust = policies.filled("trust-policy", partition=partition)
    (statement,) = trust["Statement"]
    assert statement["Condition"]["StringEquals"][f"{policies.ISSUER}:aud"] == policies.audience(partition)
    template = cfn_yaml.loads(TEMPLATE.read_text())
    assert template["Conditions"]["InChina"] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]}
    made = {name: _resolved(each["Properties"], partition) for name, each in template["Resources"].items()}
    assert made["OidcProvider"]["ClientIdList"] == [policies.audience(partition)]
    for name in ("RefreshRole", "PlanOnlyRole"):
        assert json.loads(made[name]["AssumeRolePolicyDocument"]) == trust
    for name in ("ProvisionRole", "ReleaseRole"):
        trusted = json.loads(made[name]["AssumeRolePolicyDocument"])
        assert trusted == policies.filled("doors-trust-policy", partition=partition)
    instance = policies.filled("instance-trust-policy", partition=partition)
    assert made["InstanceRole"]["AssumeRolePolicyDocument"] == instance
    assert "AWS::URLSuffix" not in TEMPLATE.read_text()
