"""The quick start works: its commands with the AWS CLI and git, its workflow with the entrypoint."""

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
    """Let moto return the outputs of a stack made by a change set, which it does not by itself."""
    if operation == "cloudformation:DescribeStacks":
        for stack in get_backend("cloudformation")[ACCOUNT_ID][REGION].stacks.values():
            if stack.status == "CREATE_COMPLETE":
                stack.template_dict = stack.parse_template(str(stack.template))
                stack.output_map = stack._create_output_map()


def _share_image(world: World, parameter: str) -> None:
    """Let moto know the image that AWS's own parameter names; by itself it knows only the parameter."""
    image = world.parameter_store().get_parameter(Name=parameter)["Parameter"]["Value"]
    ec2 = get_backend("ec2")[ACCOUNT_ID][REGION]
    ec2.amis[image] = Ami(ec2, image, name=image)


def test_quick_start_leads_to_a_run_that_creates_everything_and_one_that_changes_nothing(
    world: World, shell: Any
) -> None:
    roles, network, secret, start, limit = pages.blocks(PAGE, "shell")
    world.aws.before_call = _with_outputs
    # moto has no identity provider in stacks; the page says what to write if it exists already.
    printed = shell(roles.replace("CreateOidcProvider=yes", "CreateOidcProvider=no"))
    made = dict(line.split("\t") for line in printed.splitlines() if "\t" in line)
    *subnets, group = shell(network).split()
    shell(secret)
    shell(start)
    called = shell('cat "$GH_LOG"').splitlines()
    assert [line.split()[0] for line in called] == ["api", "secret", "workflow", "run", "run"]
    given = yaml.safe_load(pages.blocks(PAGE, "yaml")[0])["jobs"]["refresh"]["steps"][0]["with"]
    filled_in = {
        "role-to-assume": made["RefreshRoleArn"],
        "iam-instance-profile": made["InstanceProfileName"],
        "security-group-ids": group,
        "subnet-ids": " ".join(subnets),
        "github-token": world.inputs["github-token"],
    }
    assert set(filled_in) <= set(given)
    world.inputs = {**given, **filled_in}
    _share_image(world, given["ami"].removeprefix("resolve:ssm:"))
    job = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", **world.github.offered}
    for changes in (r"[1-9]\d*", "0"):
        code, log = world.run(job)
        assert code == 0, log
        assert re.search(rf"refresh.finished +changes: {changes}  planned: 0  failed: none$", log, re.MULTILINE), log
    # moto cannot update the roles of a stack, so only the id is looked up.
    (lookup,) = re.findall(r"aws ec2 .*--output text", limit, re.DOTALL)
    assert shell(lookup).startswith("lt-")


def test_workflows_of_the_quick_start_and_the_readme_are_the_same_except_for_inputs() -> None:
    (readme, *_) = pages.blocks(pages.page("README.md"), "yaml")
    shown, here = yaml.safe_load(readme), yaml.safe_load(pages.blocks(PAGE, "yaml")[0])
    for each in (shown, here):
        each["jobs"]["refresh"]["steps"][0].pop("with")
    assert here == shown
