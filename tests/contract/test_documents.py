"""The actions and the pages agree with the code."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import botocore.session
import pytest
import yaml

from refresh import inputs
from refresh.agent import user_data
from refresh.agent.calls import CALLS
from refresh.inputs import scripts, table
from tests import pages
from tests.fakes import operations

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize(
    ("path", "action"),
    [
        ("action.yml", table.REFRESH),
        ("composite/action.yml", table.REFRESH),
        ("provision/action.yml", table.PROVISION),
        ("release/action.yml", table.RELEASE),
    ],
)
def test_action_files_declare_the_inputs_of_the_table(path: str, action: str) -> None:
    declared = yaml.safe_load((ROOT / path).read_text())["inputs"]
    assert tuple(declared) == tuple(each.name for each in table.of(action))
    for each in table.of(action):
        shown = declared[each.name]
        assert shown["description"] == each.description.replace("{default}", each.default_text)
        assert shown["required"] is each.required
        assert shown.get("default", "") in {"", each.default_text}
        assert each.replaced_by in shown.get("deprecationMessage", "")
        # GitHub evaluates it even there, knows no context, and refuses the whole action.
        assert "${{" not in shown["description"]
    for output in yaml.safe_load((ROOT / path).read_text())["outputs"].values():
        assert "${{" not in output["description"]


@pytest.mark.shows("A29")
def test_workflow_of_the_quick_start_is_safe_to_schedule() -> None:
    """One run at a time, few permissions, a time-out, off the full hour, and valid inputs."""
    workflow = yaml.safe_load(pages.blocks(pages.page("docs/quick-start.md"), "yaml")[0])
    (job,) = workflow["jobs"].values()
    assert workflow["concurrency"] == {"group": "refresh", "cancel-in-progress": False}
    assert (workflow["permissions"], job["permissions"]) == ({}, {"actions": "read", "id-token": "write"})
    assert job["timeout-minutes"] <= 10
    # YAML 1.1 reads the key `on` as true.
    minutes = workflow[True]["schedule"][0]["cron"].split()[0]
    assert not minutes.startswith(("0", "*"))
    assert {*inputs.REQUIRED} <= {*job["steps"][-1]["with"]} <= {*inputs.REQUIRED, *inputs.OPTIONAL}


def test_workflow_of_the_readme_is_short_and_gives_the_reusable_workflow_what_it_needs() -> None:
    """Its inputs, the permissions of all its jobs, and none of them by default."""
    (block,) = pages.blocks(README, "yaml")
    assert len(block.splitlines()) <= 20
    shown = yaml.safe_load(block)
    (job,) = shown["jobs"].values()
    path = job["uses"].removeprefix("org/refresh-action/").removesuffix("@v1")
    workflow = yaml.safe_load((ROOT / path).read_text())
    declared = workflow[True]["workflow_call"]["inputs"]
    assert {name for name, each in declared.items() if each.get("required")} <= {*job["with"]} <= {*declared}
    needed = [each["permissions"] for each in workflow["jobs"].values()]
    assert job["permissions"] == {name: level for each in needed for name, level in each.items()}
    assert shown["permissions"] == {}


def test_figures_of_what_it_costs_in_the_readme_are_those_of_the_pages_it_links() -> None:
    section = README.partition("\n## What it costs\n")[2].partition("\n## ")[0]
    linked = "".join(map(pages.page, re.findall(r"\]\((docs/[^)#]+)", section)))
    pattern = r"\$[\d.]*\d|\d+ cents|\d+,\d{3}|\d+ builds"
    figures = re.findall(pattern, section)
    assert len(figures) > 4
    assert {*figures} <= {*re.findall(pattern, linked)}


def test_home_of_the_site_shows_the_diagram_of_the_readme() -> None:
    (shown,) = pages.blocks(README, "mermaid")
    assert pages.blocks(pages.page("docs/index.md"), "mermaid") == [shown]


def test_the_calls_in_the_code_are_those_that_it_declares() -> None:
    """Every attribute in the code that has the name of an operation counts as its call."""
    session = botocore.session.get_session()
    services = {operation.partition(":")[0] for operation in operations.DECLARED}
    known = {botocore.xform_name(each) for name in services for each in session.get_service_model(name).operation_names}
    nodes = (node for path in (ROOT / "refresh").rglob("*.py") for node in ast.walk(ast.parse(path.read_text())))
    called = {node.attr for node in nodes if isinstance(node, ast.Attribute)} & known
    declared = {botocore.xform_name(operation.partition(":")[2]) for operation in operations.DECLARED}
    assert called == declared - {"assume_role_with_web_identity"}  # botocore calls it


@pytest.mark.shows("A20")
def test_policy_of_instances_allows_exactly_the_calls_of_the_agent() -> None:
    folder = ROOT / "refresh" / "agent"
    items = re.findall(r"\bdynamodb\(\"(\w+)\"", (folder / "table.py").read_text())
    others = re.findall(r"\b_query\(\"(\w+)\", \"(\w+)\"", (folder / "aws.py").read_text())
    called = {f"dynamodb:{each}" for each in items} | {":".join(each) for each in others}
    policy = json.loads(pages.blocks(pages.page("docs/instance.md"), "json")[0])
    # STS needs no policy to tell a caller who it is.
    assert {statement["Action"] for statement in policy["Statement"]} == called - {"sts:GetCallerIdentity"}
    assert called == {*CALLS}


def test_paths_on_the_page_of_the_architecture_exist() -> None:
    """A path is relative to the repository, a bare file name to any folder of the program."""
    named = re.findall(r"`([\w.*-]+(?:/[\w./*-]*|\.[a-z]+))`", pages.page("docs/architecture.md"))
    assert len(named) > 70
    missing = [each for each in named if not any(ROOT.glob(each)) and not any(ROOT.glob(f"refresh/**/{each}"))]
    assert missing == []


def test_page_of_the_instance_has_the_sizes_of_scripts() -> None:
    section = pages.page("docs/instance.md").partition("\n## Your script\n")[2].partition("\n## ")[0]
    sizes = {int(each.replace(",", "")) for each in re.findall(r"([0-9,]+)\s+bytes", section)}
    assert {scripts.SIZE_LIMIT, user_data.LONGEST_SCRIPT} <= sizes
