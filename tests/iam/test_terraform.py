"""The Terraform module makes the roles and policies of docs/iam."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.pool import names
from tests import pages, quick_start, reader
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.iam import applied, policies
from tests.iam.terraform import MODULE, Terraform, find

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.fakes.aws_server import AwsServer
    from tests.reader import Reader

pytestmark = pytest.mark.timeout(300)

PAGE = pages.page("docs/terraform/README.md")


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    """Find Terraform and the provider."""
    return find(tmp_path)


def _follow(shell: Reader, terraform: Terraform, variables: Mapping[str, object]) -> dict[str, Any]:
    """Write and run what the page shows, with these variables as well; returns the module's outputs."""
    folder = shell.folder / "terraform"
    folder.mkdir()
    (folder / "main.tf").write_text(pages.blocks(PAGE, "hcl")[0])
    # Terraform merges it into the module above.
    (folder / "override.tf.json").write_text(json.dumps({"module": {"runner_pool": variables}}))
    (folder / "outputs.tf.json").write_text(json.dumps({"output": {"pool": {"value": "${module.runner_pool}"}}}))
    given = {**terraform.environ(), "TF_CLI_ARGS_apply": "-auto-approve"}
    shell("\n".join(f"export {name}={shlex.quote(value)}" for name, value in given.items()))
    (commands,) = pages.blocks(PAGE, "shell")
    outputs: dict[str, Any] = json.loads(shell(f"cd terraform\n{{\n{commands}\n}} >&2\nterraform output -json pool"))
    return outputs


def test_the_page_writes_the_workflows_of_a_pool_and_its_module_makes_every_role_of_docs_iam(
    terraform: Terraform, aws: AwsServer, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The page's own root module and commands, with what can be asked for besides."""
    shell = reader.sit_down(aws.url, tmp_path_factory.mktemp("reader"))
    variables = {
        "ami_parameter": "/ci/image",
        "original_modes": True,
        "plan_only_job": "environment:plan",
        "doors_job": "environment:ci",
        "launch_template_id": policies.TEMPLATE_ID,
        "max_session_duration": 7200,
        "launches": True,
        "alarm_topic": applied.TOPIC,
        "dashboard": True,
    }
    outputs = _follow(shell, terraform, variables)
    made = applied.require_roles(
        aws,
        plan_only_job="environment:plan",
        doors_job="environment:ci",
        longest_session=7200,
        image_parameter=outputs.pop("image_parameter_policy_arn"),
    )
    applied.require_alarms(aws)
    dashboard = policies.client(aws, "cloudwatch").get_dashboard(DashboardName=outputs.pop("dashboard_name"))
    applied.require_dashboard(dashboard["DashboardBody"])
    assert made["instance-profile"] == policies.RUNNER_ROLE
    written = {name: shell(f"cat .github/workflows/{name}.yml") for name in ("refresh", "build")}
    refresh, *doors = (step for text in written.values() for step in quick_start.inputs(yaml.safe_load(text)))
    assert [each["role-to-assume"] for each in (refresh, *doors)] == [
        outputs[f"{name}_role_arn"] for name in ("refresh", "provision", "release")
    ]
    assert refresh["iam-instance-profile"] == made["profile"]
    ec2 = policies.client(aws, "ec2")
    (group,) = ec2.describe_security_groups(GroupIds=[refresh["security-group-ids"]])["SecurityGroups"]
    assert group["IpPermissions"] == []
    assert group["IpPermissionsEgress"][0]["IpProtocol"] == "-1"
    subnets = ec2.describe_subnets(SubnetIds=refresh["subnet-ids"].split(","))["Subnets"]
    assert {each["VpcId"] for each in subnets} == {group["VpcId"]}
    assert outputs == {
        "refresh_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['refresh']}",
        "plan_only_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['plan-only']}",
        "provision_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['provision']}",
        "release_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['release']}",
        "instance_profile_name": made["profile"],
        "security_group_id": group["GroupId"],
        "refresh_workflow": written["refresh"],
        "build_workflow": written["build"],
    }
    (provider,) = policies.client(aws, "iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert policies.trust()["Statement"][0]["Principal"] == {"Federated": provider["Arn"]}


def test_the_module_makes_no_role_or_statement_that_was_not_asked_for(terraform: Terraform, aws: AwsServer) -> None:
    repository = names.Repository("octo", f"widgets.{'js' * 30}")
    job, issuer = "ref:refs/heads/trunk", "token.actions.octo.ghe.com"
    none = {
        "original_modes": False,
        "create_oidc_provider": False,
        "create_provision_role": False,
        "create_release_role": False,
    }
    terraform.use(aws, repository, {"pool": REGION}, job=job, oidc_issuer=issuer, **none)
    terraform("validate", "-no-color")
    made = {address.removeprefix("module.pool.aws_iam_"): values for address, values in terraform.planned().items()}
    assert set(made) == {
        "instance_profile.instance",
        "role.instance",
        "role.refresh",
        "role_policy.instance",
        "role_policy.refresh",
    }
    document = policies.filled("refresh", repository, runner_role=made["role.instance"]["name"])
    kept = [each for each in document["Statement"] if each["Sid"] != "ImageParameter"]
    assert json.loads(made["role_policy.refresh"]["policy"])["Statement"] == kept
    assert json.loads(made["role.refresh"]["assume_role_policy"]) == policies.trust(repository, job, issuer)
    assert json.loads(made["role_policy.instance"]["policy"]) == policies.without_the_original(repository)


def test_metrics_can_be_sent_without_alarms(terraform: Terraform, aws: AwsServer) -> None:
    terraform.use(aws, REPOSITORY, {"pool": REGION}, metrics=True)
    made = terraform.planned()
    policy = made["module.pool.aws_iam_role_policy.refresh_metrics[0]"]["policy"]
    assert json.loads(policy) == policies.filled("refresh-metrics")
    assert not any("metric_alarm" in address or "launches" in address for address in made)


def test_alarms_have_to_be_in_the_region_of_the_pool(terraform: Terraform, aws: AwsServer) -> None:
    terraform.use(aws, REPOSITORY, {"pool": REGION}, region="us-east-1", alarm_topic=applied.TOPIC)
    with pytest.raises(AssertionError, match="use a provider of the pool's region"):
        terraform.planned()


def test_the_module_trusts_the_action_in_other_partitions(terraform: Terraform, aws: AwsServer) -> None:
    assert "dns_suffix" not in (MODULE / "main.tf").read_text()
    others = {name: policies.PARTITIONS[name] for name in ("aws-cn", "aws-eusc")}
    terraform.use(aws, REPOSITORY, others)
    made = terraform.planned()
    for partition in others:
        resources = f"module.{partition}.aws_iam"
        provider = made[f"{resources}_openid_connect_provider.github[0]"]
        assert provider["client_id_list"] == [policies.audience(partition)]
        for role, policy in (
            ("refresh", "trust-policy"),
            ("release[0]", "doors-trust-policy"),
            ("instance", "instance-trust-policy"),
        ):
            # A provider that is older than a partition takes it for the first one.
            trusted = made[f"{resources}_role.{role}"]["assume_role_policy"].replace("arn:aws:", f"arn:{partition}:")
            assert json.loads(trusted) == policies.filled(policy, partition=partition), partition
