"""docs/quick-start.md, done to the letter: its commands by the AWS CLI and git, its workflow by the entrypoint."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml
from moto.backends import get_backend
from moto.ec2.models.amis import Ami

from tests import pages
from tests.fakes.desired import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from tests.fakes.world import World

PAGE = pages.page("docs/quick-start.md")


def _with_outputs(operation: str) -> None:
    """Have moto tell the outputs of a stack that a change set made; by itself it has none of it."""
    if operation == "cloudformation:DescribeStacks":
        for stack in get_backend("cloudformation")[ACCOUNT_ID][REGION].stacks.values():
            if stack.status == "CREATE_COMPLETE":
                stack.template_dict = stack.parse_template(str(stack.template))
                stack.output_map = stack._create_output_map()


def _share_image(world: World, parameter: str) -> None:
    """Have moto know the image that AWS's own parameter names; by itself it knows the parameter alone."""
    image = world.parameter_store().get_parameter(Name=parameter)["Parameter"]["Value"]
    ec2 = get_backend("ec2")[ACCOUNT_ID][REGION]
    ec2.amis[image] = Ami(ec2, image, name=image)


def _job(world: World) -> dict[str, str]:
    """Give what GitHub gives a job that may ask for OIDC tokens."""
    return {
        "AWS_ACCESS_KEY_ID": "",
        "AWS_SECRET_ACCESS_KEY": "",
        **world.github.offered,
    }


def test_every_step_of_the_quick_start_does_what_it_says(world: World, shell: Any) -> None:
    """From nothing to a run that creates everything, and another one that changes nothing."""
    roles, network, secret, start = pages.blocks(PAGE, "shell")
    world.aws.before_call = _with_outputs
    # moto knows no identity provider in stacks; the page says what to write where it is there already.
    told = shell(roles.replace("CreateOidcProvider=yes", "CreateOidcProvider=no"))
    made = dict(line.split("\t") for line in told.splitlines() if "\t" in line)
    *subnets, group = shell(network).split()
    shell(secret)
    shell(start)
    asked = shell('cat "$GH_LOG"').splitlines()
    assert [line.split()[0] for line in asked] == ["api", "secret", "workflow", "run", "run"]
    given = yaml.safe_load(pages.blocks(PAGE, "yaml")[0])["jobs"]["refresh"]["steps"][0]["with"]
    printed = {
        "role-to-assume": made["RefreshRoleArn"],
        "iam-instance-profile": made["InstanceProfileName"],
        "security-group-ids": group,
        "subnet-ids": " ".join(subnets),
        "github-token": world.inputs["github-token"],
    }
    assert set(printed) <= set(given)
    world.inputs = {**given, **printed}
    _share_image(world, given["ami"].removeprefix("resolve:ssm:"))
    for changes in ("18", "0"):
        code, log = world.run(_job(world))
        assert code == 0, log
        assert re.search(rf"refresh.finished +changes: {changes}  planned: 0  failed: none$", log, re.MULTILINE), log


def test_the_quick_start_s_workflow_is_the_readme_s_but_for_what_it_names() -> None:
    """Who has read one knows the other."""
    (readme, *_) = pages.blocks(pages.page("README.md"), "yaml")
    shown, here = yaml.safe_load(readme), yaml.safe_load(pages.blocks(PAGE, "yaml")[0])
    for each in (shown, here):
        each["jobs"]["refresh"]["steps"][0].pop("with")
    assert here == shown
