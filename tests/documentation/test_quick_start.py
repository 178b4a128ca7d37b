"""The quick start works: its commands with the AWS CLI and git, its refresh workflow with the entrypoint.

tests/container/test_three_jobs.py goes on from there to the green builds.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
import yaml

from tests import pages, quick_start
from tests.iam import policies

if TYPE_CHECKING:
    from tests.fakes.aws_server import AwsServer
    from tests.fakes.world import World
    from tests.reader import Reader


def test_quick_start_leads_to_a_run_that_creates_everything_and_one_that_changes_nothing(
    world: World, shell: Reader
) -> None:
    quick_start.follow(world, shell)
    given = [each for name in ("refresh", "build") for each in quick_start.inputs(quick_start.workflow(shell, name))]
    roles = {each["Arn"]: each["Description"] for each in policies.client(world.aws, "iam").list_roles()["Roles"]}
    assert [roles[each["role-to-assume"]].split()[0] for each in given] == ["Keeps", "Claims", "Gives"]
    *_, start, first, second, limit = quick_start.SHELL
    for each in (start, first, second):
        shell(each)
    called = [" ".join(line.split()[:3]) for line in shell.called() if not line.startswith("api ")]
    runs = [f"workflow run {name}.yml" for name in ("refresh", "build", "build")]
    watched = [words for run in runs for words in (run, "run list --workflow", "run watch --exit-status")]
    assert called == ["secret set RUNNER_ADMIN_TOKEN", *watched]
    for changes in (r"[1-9]\d*", "0"):
        code, log = quick_start.refresh(world, shell)
        assert code == 0, log
        assert re.search(rf"refresh.finished +changes: {changes}  planned: 0  failed: none$", log, re.MULTILINE), log
    # moto cannot update the roles of a stack, so only the id is looked up.
    (lookup,) = re.findall(r'LaunchTemplateId=("\$\(.*\)")', limit, re.DOTALL)
    assert shell(f"echo {lookup}").startswith("lt-")


def test_the_stack_makes_the_identity_provider_unless_the_account_has_it(shell: Reader, aws: AwsServer) -> None:
    """An account can have only one; that of another service does not count."""
    (lookup,) = re.findall(r'CreateOidcProvider=("\$\(.*?\)") \\\n', quick_start.SHELL[0], re.DOTALL)
    iam = policies.client(aws, "iam")
    for host, answer in (("oidc.example.com", "yes"), ("token.actions.githubusercontent.com", "no")):
        iam.create_open_id_connect_provider(Url=f"https://{host}", ClientIDList=[], ThumbprintList=[])
        assert shell(f"echo {lookup}").strip() == answer


@pytest.mark.parametrize(("number", "name"), [(0, "refresh"), (1, "build")])
def test_the_workflows_that_are_filled_in_are_those_on_the_page(number: int, name: str) -> None:
    assert pages.page(f"docs/examples/{name}.yml") == pages.blocks(quick_start.PAGE, "yaml")[number]


def test_the_role_of_refresh_may_read_the_parameter_of_the_image() -> None:
    (parameter,) = re.findall(r"AmiParameter=(\S+)", quick_start.SHELL[0])
    given = yaml.safe_load(pages.page("docs/examples/refresh.yml"))["jobs"]["refresh"]["steps"][0]["with"]
    assert given["ami"] == f"resolve:ssm:/{parameter}"
