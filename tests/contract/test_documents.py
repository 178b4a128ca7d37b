"""The actions, the README, the pages and the code say the same."""

from __future__ import annotations

import ast
import functools
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import botocore.session
import pytest
import yaml

from refresh import inputs
from refresh.agent import user_data
from refresh.inputs import table
from tests import pages
from tests.fakes import operations

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.mark.parametrize("path", ["action.yml", "composite/action.yml"])
def test_action_files_declare_the_inputs_of_the_table(path: str) -> None:
    declared = yaml.safe_load((ROOT / path).read_text())["inputs"]
    assert tuple(declared) == inputs.ALL
    for each in table.of(table.REFRESH):
        shown = declared[each.name]
        assert shown["description"] == each.description.replace("{default}", each.default_text)
        assert shown["required"] is each.required
        assert shown.get("default", "") in {"", each.default_text}
        assert each.replaced_by in shown.get("deprecationMessage", "")


@pytest.mark.shows("A29")
def test_the_readmes_workflow_has_what_a_scheduled_refresh_needs() -> None:
    """One run at a time, few permissions, a time-out, off the full hour, and only inputs that exist."""
    workflow = yaml.safe_load(pages.blocks(README, "yaml")[0])
    (job,) = workflow["jobs"].values()
    assert workflow["concurrency"] == {"group": "refresh", "cancel-in-progress": False}
    assert (workflow["permissions"], job["permissions"]) == ({}, {"id-token": "write"})
    assert job["timeout-minutes"] <= 10
    # YAML 1.1 reads the key `on` as true.
    minutes = workflow[True]["schedule"][0]["cron"].split()[0]
    assert not minutes.startswith(("0", "*"))
    step = job["steps"][-1]
    assert set(step["with"]) >= set(inputs.REQUIRED)
    assert set(step["with"]) <= {*inputs.REQUIRED, *inputs.OPTIONAL}


def test_the_calls_in_the_code_are_those_that_it_declares() -> None:
    called = {
        f"{service}:{operation}"
        for path in (ROOT / "refresh").rglob("*.py")
        for service, method in re.findall(
            r"(?<![a-z])(dynamodb|ec2|iam|sqs|sts)(?:\(\))?\.([a-z_]+)\b", path.read_text()
        )
        if (operation := _operations(service).get(method))
    }
    # These two are called by other names.
    assert set(operations.DECLARED) == called | {"ssm:GetParameters", "sts:AssumeRoleWithWebIdentity"}


@functools.cache
def _operations(service: str) -> dict[str, str]:
    """Give a service's operations by the name of their method."""
    operations = botocore.session.get_session().get_service_model(service).operation_names
    return {botocore.xform_name(operation): operation for operation in operations}


@pytest.mark.shows("A20")
def test_the_instance_s_policy_allows_what_the_agent_calls_and_no_more() -> None:
    """Every call of the agent goes through one function, with the CLI's words for the operation."""
    shell = "".join(path.read_text() for path in sorted((ROOT / "refresh" / "agent").glob("*.sh")))
    called = {
        f"{service}:{''.join(map(str.capitalize, operation.split('-')))}"
        for service, operation in re.findall(r"call_aws ([a-z0-9]+) ([a-z-]+)", shell)
    }
    page = (ROOT / "docs" / "instance.md").read_text()
    policy = json.loads(pages.blocks(page, "json")[0])
    assert {statement["Action"] for statement in policy["Statement"]} == called


def test_everything_that_the_map_of_the_code_names_is_there() -> None:
    """A path as it stands, a mere name of a file at the top or somewhere in the program."""
    page = (ROOT / "docs" / "architecture.md").read_text()
    named = [each for each in re.findall(r"`([^`\n]+)`", page) if re.fullmatch(r"[\w./*-]+(?:/|\.[a-z]+)", each)]
    assert len(named) > 70
    assert [
        each for each in named if not any(ROOT.glob(each)) and ("/" in each or not any(ROOT.glob(f"refresh/**/{each}")))
    ] == []


def test_the_agent_s_page_promises_the_room_that_there_is() -> None:
    """With every other value at its longest."""
    page = (ROOT / "docs" / "instance.md").read_text()
    told = int(re.findall(r"about ([0-9,]+) bytes of\s+script", page)[0].replace(",", ""))
    longest = user_data.Settings.at_their_longest("ap-southeast-99", "o" * 39 + "r" * 100 + "-ci-table", "")
    room = (user_data.SIZE_LIMIT - len(user_data.render(longest))) // 4 * 3
    assert told <= room < told + 200


def test_what_docs_access_says_that_a_run_says_is_said() -> None:
    """Each message of its tables stands in the code, or is AWS's or GitHub's own and stands in a test."""
    page = (ROOT / "docs" / "access.md").read_text()
    quoted = [cell for line in page.splitlines() for cell in re.findall(r"^\| `([^`]+)`(?: `[^`]+`)* ", line)]
    assert len(quoted) > 14
    said = " ".join(_texts(ROOT / "refresh")) + " ".join(_texts(ROOT / "tests"))
    for message in quoted:
        # Operations, actions and addresses are put in by the run.
        for piece in re.split(r"\.\.\.|: |/|\b[a-z0-9]+:[A-Z]\w+|GitHub (?:GET|POST)|[0-9]{3}", message):
            assert piece.strip() in said, f"{message!r}: nothing says {piece!r}"


def _texts(folder: Path) -> Iterator[str]:
    """Give every text of the code below a folder, those over several lines in one piece, and the names of classes."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.Constant) and isinstance(node.value, bytes):
                yield node.value.decode("utf-8", "replace")
            elif isinstance(node, ast.ClassDef):
                yield node.name
