"""Bad input as GitHub passes it: an annotation for each problem, exit code 2, and no call to AWS or GitHub."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fakes import canaries
from tests.fakes.literals import TEN_BAD_INPUTS

if TYPE_CHECKING:
    from tests.fakes.world import World

MISSING = dict.fromkeys(("ami", "iam_instance_profile", "security_group_ids", "subnet_ids", "github_token"), "")
NUMBERS = {"idle_time_sec": "1_000", "max_runtime": "30", "metadata_hop_limit": "0", "timeout": "1h30m"}
COMMAND = "x%0A::set-output name=a::b\n::error::c"
CASES: dict[str, tuple[dict[str, str], dict[str, str], int, str, str]] = {
    "nothing at all": ({}, MISSING, 5, "ami", "is required"),
    "ten at once": ({}, TEN_BAD_INPUTS, 10, "max-runtime", "'30'"),
    "invisible": ({}, {"ami": "ami-\u200b01234567"}, 1, "ami", "U+200B"),
    "no text": ({}, {"subnet_ids": "subnet-\udc80"}, 1, "subnet-ids", "UTF-8"),
    "no repository": ({"GITHUB_REPOSITORY": "o/$(id)"}, {}, 1, "GITHUB_REPOSITORY", "'o/$(id)'"),
    "numbers": ({}, NUMBERS, 4, "idle-time-sec", "'1_000'"),
    "deep json": ({}, {"resource_class_config": "[" * 50_000}, 1, "resource-class-config", "nested"),
    "a command": ({}, {"mode": COMMAND}, 1, "mode", r"'x%250A::set-output name=a::b\n::error::c'"),
    "a secret": ({}, {"pre_runner_script": f"echo {canaries.PAT}"}, 1, "pre-runner-script", "github-token"),
    "no bash": ({}, {"pre_runner_script": "if true"}, 1, "pre-runner-script", "line 2"),
    "half a pair": ({"AWS_SECRET_ACCESS_KEY": ""}, {}, 1, "AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID"),
    "plain http": ({"GITHUB_API_URL": "http://ghe.example.com"}, {}, 1, "GITHUB_API_URL", "https://"),
}


@pytest.mark.parametrize(("variables", "given", "number", "title", "key"), CASES.values(), ids=CASES)
def test_bad_input_is_reported_in_annotations_before_any_call(  # noqa: PLR0913, PLR0917 - a case has as many parts
    world: World, variables: dict[str, str], given: dict[str, str], number: int, title: str, key: str
) -> None:
    code, printed = world.run({"GITHUB_ACTIONS": "true", "NO_COLOR": "1", **variables}, **given)
    assert (code, world.aws.calls, world.github.calls) == (2, [], []), printed
    commands = [line for line in printed.splitlines() if line.startswith("::")]
    assert len(commands) == number, printed
    assert all(command.startswith("::error title=") for command in commands)
    assert any(command.startswith(f"::error title={title}::") and key in command for command in commands), printed
    assert "Traceback" not in printed
