"""A reader who follows docs/quick-start.md up to the pushed workflows, with a stand-in for AWS."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import yaml
from moto.backends import get_backend
from moto.ec2.models.amis import Ami

from tests import pages
from tests.fakes.desired import ACCOUNT_ID, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.world import World
    from tests.reader import Reader

PAGE = pages.page("docs/quick-start.md")
SHELL = pages.blocks(PAGE, "shell")
_PLACEHOLDER = re.compile(r"\w+(Arn|Ids?|Name)\b")
_ISSUER = "https://token.actions.githubusercontent.com"


def follow(world: World, shell: Reader) -> None:
    """Run the commands of the page: the stack, the secret, and the workflows, which are pushed."""
    # moto has no identity provider in stacks, so the account has it already.
    get_backend("iam")[ACCOUNT_ID]["aws"].create_open_id_connect_provider(_ISSUER, [], [], [])
    world.aws.before_call = _with_outputs
    for block in SHELL[:3]:
        shell(block)
    world.aws.before_call = lambda _: None
    pushed = shell("git ls-tree --name-only -r origin/main").split()
    assert pushed == [".github/workflows/build.yml", ".github/workflows/refresh.yml"]


def workflow(shell: Reader, name: str) -> dict[Any, Any]:
    """Read one of the workflows as the reader has pushed it, with all values filled in."""
    found: dict[Any, Any] = yaml.safe_load(shell(f"git show origin/main:.github/workflows/{name}.yml"))
    given = inputs(found)
    assert not [value for each in given for value in each.values() if _PLACEHOLDER.fullmatch(value)], given
    return found


def inputs(workflow: Mapping[Any, Any]) -> list[dict[str, str]]:
    """Give the inputs of all actions of a workflow, in its order, as the text that GitHub makes of them."""
    given = [step["with"] for job in workflow["jobs"].values() for step in job["steps"] if "with" in step]
    return [{name: each if isinstance(each, str) else json.dumps(each) for name, each in one.items()} for one in given]


def refresh(world: World, shell: Reader) -> tuple[int, str]:
    """Run refresh as its workflow does, with the role of the stack; returns the exit code and what was printed."""
    (given,) = inputs(workflow(shell, "refresh"))
    world.inputs = {**given, "github-token": world.inputs["github-token"]}
    _share_image(world, given["ami"].removeprefix("resolve:ssm:"))
    return world.run({"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", **world.github.offered})


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
