"""Terraform as the tests run it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from tests import suites
from tests.fakes import operations
from tests.fakes.world import ROOT
from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.pool import names
    from tests.fakes.aws_server import AwsServer

MODULE = ROOT / "docs" / "terraform"
_PROVIDER = Path("registry.terraform.io/hashicorp/aws")
_MIRRORS = (
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
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TF_", "AWS_"))}
        ran = subprocess.run(  # noqa: S603 - found on PATH, our own arguments
            [self.program, *arguments],
            cwd=self.folder,
            env={**kept, **self.environ()},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=200,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout
        return ran.stdout

    def environ(self) -> dict[str, str]:
        """Give the variables with which Terraform uses the mirror and asks nothing of the network."""
        configuration = self.folder / "terraform.rc"
        configuration.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{self.mirror}"\n  }}\n}}\n'
        )
        return {
            "TF_CLI_CONFIG_FILE": str(configuration),
            "TF_IN_AUTOMATION": "1",
            "TF_APPEND_USER_AGENT": "/".join(operations.MARK),
            "CHECKPOINT_DISABLE": "1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

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


def find(folder: Path) -> Terraform:
    """Find Terraform and the provider; skip without them, unless every suite is asked for."""
    program = shutil.which("terraform")
    if program is None:
        suites.leave_out("the Terraform module's tests need terraform")
    mirrors = [Path(each).expanduser() for each in _MIRRORS if each]
    mirror = next((each for each in mirrors if (each / _PROVIDER).is_dir()), None)
    if mirror is None:
        suites.leave_out(f"the Terraform module's tests need {_PROVIDER} in a mirror, which TF_PLUGIN_MIRROR can name")
    return Terraform(program, mirror, folder)
