"""Bad input as the action meets it: told as annotations, exit code 2, and not one call to AWS or GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import canaries
from tests.fakes.literals import TEN_BAD_INPUTS

if TYPE_CHECKING:
    from tests.fakes.world import World

NUMBERS = {"idle_time_sec": "1_000", "max_runtime": "30", "metadata_hop_limit": "0", "timeout": "1h30m"}
CASES = {
    "nothing at all": (
        {},
        dict.fromkeys(("ami", "iam_instance_profile", "security_group_ids", "subnet_ids", "github_token"), ""),
        5,
        "::error title=ami::is required; set it in the step's `with:`",
    ),
    "ten at once": ({}, TEN_BAD_INPUTS, 10, "::error title=max-runtime::a duration of 1m to 5d expected; got '30'"),
    "invisible": ({}, {"ami": "ami-\u200b01234567"}, 1, "::error title=ami::holds the invisible character U+200B"),
    "no text": ({}, {"subnet_ids": "subnet-\udc80"}, 1, "::error title=subnet-ids::is not UTF-8"),
    "ids of another kind": (
        {},
        {"security_group_ids": "subnet-01234567"},
        1,
        "::error title=security-group-ids::a subnet id where a security group id is expected",
    ),
    "no repository": ({"GITHUB_REPOSITORY": "o/$(id)"}, {}, 1, "::error title=GITHUB_REPOSITORY::owner/name expected"),
    "a zone": ({}, {"aws_region": "eu-west-1a"}, 1, "::error title=aws-region::an availability zone, not a region"),
    "numbers": ({}, NUMBERS, 4, "::error title=idle-time-sec::whole seconds expected; got '1_000'"),
    "deep json": (
        {},
        {"resource_class_config": "[" * 50_000},
        1,
        "::error title=resource-class-config::too deeply nested; got '[[[[[[[[[[",
    ),
    "a command": (
        {},
        {"mode": "x%0A::set-output name=a::b\n::error::c"},
        1,
        r"::error title=mode::apply or plan expected; got 'x%250A::set-output name=a::b\n::error::c'",
    ),
    "a script with the token": (
        {},
        {"pre_runner_script": f"curl -H 'Authorization: {canaries.PAT}'"},
        1,
        "::error title=pre-runner-script::holds the github-token",
    ),
    "no bash": (
        {},
        {"pre_runner_script": "if true"},
        1,
        "::error title=pre-runner-script::is not valid bash: line 2: ",
    ),
    "half a pair": ({"AWS_SECRET_ACCESS_KEY": ""}, {}, 1, "::error title=AWS_SECRET_ACCESS_KEY::is missing beside its"),
    "plain http": ({"GITHUB_API_URL": "http://ghe.example.com"}, {}, 1, "::error title=GITHUB_API_URL::an https:// "),
}


@pytest.mark.parametrize(("variables", "given", "number", "annotation"), CASES.values(), ids=CASES)
def test_bad_input_is_told_in_annotations_and_nothing_is_called(
    world: World, variables: dict[str, str], given: dict[str, str], number: int, annotation: str
) -> None:
    """Whichever input it is; every problem has an annotation of its own, and GitHub understands no other command."""
    code, printed = world.run({"GITHUB_ACTIONS": "true", "NO_COLOR": "1", **variables}, **given)
    assert code == 2, printed
    assert world.aws.calls == []
    assert world.github.calls == []
    commands = [line for line in printed.splitlines() if line.startswith("::")]
    assert len(commands) == number, printed
    assert all(command.startswith("::error title=") for command in commands)
    assert any(command.startswith(annotation) for command in commands), printed
    assert "Traceback" not in printed
