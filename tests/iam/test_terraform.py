"""The Terraform module makes the roles and policies of docs/iam."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from attrs import frozen

from refresh.pool import names
from tests import suites
from tests.fakes import operations
from tests.fakes.desired import ACCOUNT_ID, REGION, REPOSITORY
from tests.fakes.world import ROOT
from tests.iam import applied, policies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.aws_server import AwsServer

pytestmark = pytest.mark.timeout(300)

MODULE = ROOT / "docs" / "terraform"
PROVIDER = Path("registry.terraform.io/hashicorp/aws")
MIRRORS = (
    os.environ.get("TF_PLUGIN_MIRROR", ""),
    "/opt/tf-plugins",
    "/usr/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "~/.terraform.d/plugins",
)
"""Where a filesystem mirror of providers may be."""


@frozen
class Terraform:
    """Terraform in a folder of its own, with providers from a mirror and nothing from the network."""

    program: str
    mirror: Path
    folder: Path

    def __call__(self, *arguments: str) -> str:
        """Run a command and return what it printed."""
        configuration = self.folder / "terraform.rc"
        configuration.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{self.mirror}"\n  }}\n}}\n'
        )
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        quiet = {
            "TF_CLI_CONFIG_FILE": str(configuration),
            "TF_IN_AUTOMATION": "1",
            "TF_APPEND_USER_AGENT": "/".join(operations.MARK),
            "CHECKPOINT_DISABLE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }
        ran = subprocess.run(  # noqa: S603 - found on PATH, our own arguments
            [self.program, *arguments],
            cwd=self.folder,
            env={**kept, **quiet},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def use(
        self, aws: AwsServer, repository: names.Repository, regions: Mapping[str, str], **variables: object
    ) -> None:
        """Use the module, against a stand-in for AWS, once in each region by its name."""
        provider = {
            "access_key": "testing",
            "secret_key": "testing",
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "endpoints": [dict.fromkeys(("cloudwatch", "iam", "sts"), aws.url)],
        }
        pool = {
            "source": os.path.relpath(MODULE, self.folder.resolve()),  # an absolute path would be copied
            "owner": repository.owner,
            "repository": repository.name,
            "owner_id": int(policies.OWNER_ID),
            "repository_id": int(policies.REPOSITORY_ID),
            **variables,
        }
        root = {
            "provider": {"aws": [{**provider, "region": region, "alias": name} for name, region in regions.items()]},
            "module": {name: {**pool, "providers": {"aws": f"aws.{name}"}} for name in regions},
            "output": {name: {"value": f"${{module.{name}}}"} for name in regions},
        }
        (self.folder / "main.tf.json").write_text(json.dumps(root))
        self("init", "-input=false", "-no-color")

    def planned(self) -> dict[str, Any]:
        """Plan, and return the values of every resource by its address."""
        self("plan", "-out=plan", "-input=false", "-no-color")
        modules = json.loads(self("show", "-json", "plan"))["planned_values"]["root_module"]["child_modules"]
        return {each["address"]: each["values"] for module in modules for each in module["resources"]}


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    """Find Terraform and the provider; skip without them, unless every suite is asked for."""
    program = shutil.which("terraform")
    if program is None:
        suites.leave_out("the Terraform module's tests need terraform")
    mirrors = [Path(each).expanduser() for each in MIRRORS if each]
    mirror = next((each for each in mirrors if (each / PROVIDER).is_dir()), None)
    if mirror is None:
        suites.leave_out(f"the Terraform module's tests need {PROVIDER} in a mirror, which TF_PLUGIN_MIRROR can name")
    return Terraform(program, mirror, tmp_path)


def test_the_module_makes_every_role_of_docs_iam(terraform: Terraform, aws: AwsServer) -> None:
    variables = {
        "ami_parameter": "/ci/image",
        "plan_only_job": "environment:plan",
        "doors_job": "environment:ci",
        "launch_template_id": policies.TEMPLATE_ID,
        "max_session_duration": 7200,
        "launches": True,
        "alarm_topic": applied.TOPIC,
        "dashboard": True,
    }
    terraform.use(aws, REPOSITORY, {"pool": REGION}, **variables)
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    outputs = json.loads(terraform("output", "-json", "pool"))
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
    assert outputs == {
        "refresh_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['refresh']}",
        "plan_only_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['plan-only']}",
        "provision_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['provision']}",
        "release_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{made['release']}",
        "instance_profile_name": made["profile"],
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
