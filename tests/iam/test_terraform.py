"""The Terraform module makes just what docs/iam documents."""

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
from tests.iam import applied, partitions, policies

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
        """Run a command; give what it printed, and fail with it where the command fails."""
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
        self,
        aws: AwsServer,
        repository: names.Repository,
        regions: Mapping[str, str] | None = None,
        **variables: object,
    ) -> None:
        """Use the module as people do, against a stand-in for AWS; for several regions once in each, by their names."""
        provider = {
            "region": REGION,
            "access_key": "testing",
            "secret_key": "testing",
            "skip_credentials_validation": True,
            "skip_metadata_api_check": True,
            "endpoints": [{"iam": aws.url, "sts": aws.url}],
        }
        pool: dict[str, object] = {
            "source": os.path.relpath(MODULE, self.folder.resolve()),  # an absolute path would be copied
            "owner": repository.owner,
            "repository": repository.name,
            "owner_id": int(policies.OWNER_ID),
            "repository_id": int(policies.REPOSITORY_ID),
            **variables,
        }
        root: dict[str, object] = {
            "provider": {"aws": provider},
            "module": {"pool": pool},
            "output": {"pool": {"value": "${module.pool}"}},
        }
        if regions:
            root = {
                "provider": {
                    "aws": [{**provider, "region": region, "alias": name} for name, region in regions.items()]
                },
                "module": {name: {**pool, "providers": {"aws": f"aws.{name}"}} for name in regions},
            }
        (self.folder / "main.tf.json").write_text(json.dumps(root))
        self("init", "-input=false", "-no-color")


@pytest.fixture
def terraform(tmp_path: Path) -> Terraform:
    """Give Terraform; skip where it or the provider is not on this machine, unless every suite is asked for."""
    program = shutil.which("terraform")
    if program is None:
        suites.leave_out("the Terraform module's tests need terraform")
    mirrors = [Path(each).expanduser() for each in MIRRORS if each]
    mirror = next((each for each in mirrors if (each / PROVIDER).is_dir()), None)
    if mirror is None:
        suites.leave_out(f"the Terraform module's tests need {PROVIDER} in a mirror, which TF_PLUGIN_MIRROR can name")
    return Terraform(program, mirror, tmp_path)


def test_the_module_is_formatted(terraform: Terraform) -> None:
    """As Terraform itself formats it."""
    terraform("fmt", "-check", "-diff", "-recursive", str(MODULE))


def test_the_module_makes_the_documented_roles(terraform: Terraform, aws: AwsServer) -> None:
    """With everything that can be asked for; the instance profile has the runners' role."""
    terraform.use(
        aws, REPOSITORY, ami_parameter="/ci/image", plan_only_job="environment:plan", max_session_duration=7200
    )
    terraform("apply", "-auto-approve", "-input=false", "-no-color")
    outputs = json.loads(terraform("output", "-json", "pool"))
    roles = applied.roles(aws)
    assert {name: role.policy for name, role in roles.items()} == {
        name: policies.filled(name) for name in ("refresh", "plan-only", "instance-profile")
    }
    applied.require_trust(roles, "environment:plan", 7200)
    name, members = applied.profile(aws)
    assert members == [roles["instance-profile"].name] == [policies.RUNNER_ROLE]
    assert outputs == {
        "refresh_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{roles['refresh'].name}",
        "plan_only_role_arn": f"arn:aws:iam::{ACCOUNT_ID}:role/{roles['plan-only'].name}",
        "instance_profile_name": name,
        "image_parameter_policy_arn": outputs["image_parameter_policy_arn"],
    }
    assert applied.managed(aws, outputs["image_parameter_policy_arn"]) == policies.filled("image-parameter")
    (provider,) = policies.client(aws, "iam").list_open_id_connect_providers()["OpenIDConnectProviderList"]
    assert roles["refresh"].trust["Statement"][0]["Principal"] == {"Federated": provider["Arn"]}


def test_the_module_makes_no_more_than_it_is_asked_for(terraform: Terraform, aws: AwsServer) -> None:
    """No provider, no second role, no parameter; with queues named as refresh maps them."""
    repository = names.Repository("octo", f"widgets.{'js' * 30}")
    terraform.use(
        aws,
        repository,
        create_oidc_provider=False,
        job="ref:refs/heads/trunk",
        oidc_issuer="token.actions.octo.ghe.com",
    )
    terraform("validate", "-no-color")
    terraform("plan", "-out=plan", "-input=false", "-no-color")
    (module,) = json.loads(terraform("show", "-json", "plan"))["planned_values"]["root_module"]["child_modules"]
    made: dict[str, Any] = {
        each["address"].removeprefix("module.pool."): each["values"] for each in module["resources"]
    }
    assert set(made) == {
        "aws_iam_instance_profile.instance",
        "aws_iam_role.instance",
        "aws_iam_role.refresh",
        "aws_iam_role_policy.instance",
        "aws_iam_role_policy.refresh",
    }
    document = policies.filled("refresh", repository, runner_role=made["aws_iam_role.instance"]["name"])
    kept = [each for each in document["Statement"] if each["Sid"] != "ImageParameter"]
    assert json.loads(made["aws_iam_role_policy.refresh"]["policy"])["Statement"] == kept
    trusted = json.loads(made["aws_iam_role.refresh"]["assume_role_policy"])
    assert trusted == policies.trust(repository, "ref:refs/heads/trunk", "token.actions.octo.ghe.com")


def test_the_module_asks_for_the_audience_of_the_action_in_other_partitions(
    terraform: Terraform, aws: AwsServer
) -> None:
    """And lets EC2 take the runners' role by the name that it has there; no other partition has a rule of its own."""
    assert "dns_suffix" not in (MODULE / "main.tf").read_text()
    others = {name: partitions.REGIONS[name] for name in ("aws-cn", "aws-eusc")}
    terraform.use(aws, REPOSITORY, regions=others)
    terraform("plan", "-out=plan", "-input=false", "-no-color")
    planned = json.loads(terraform("show", "-json", "plan"))["planned_values"]["root_module"]["child_modules"]
    made = {each["address"]: each["values"] for module in planned for each in module["resources"]}
    for partition in others:
        module = f"module.{partition}"
        assert made[f"{module}.aws_iam_openid_connect_provider.github[0]"]["client_id_list"] == [
            partitions.audience(partition)
        ]
        for role, policy in (("refresh", "trust-policy"), ("instance", "instance-trust-policy")):
            # A provider that is older than a partition takes it for the first one.
            trusted = made[f"{module}.aws_iam_role.{role}"]["assume_role_policy"].replace(
                "arn:aws:", f"arn:{partition}:"
            )
            assert json.loads(trusted) == partitions.filled(policy, partition), partition
