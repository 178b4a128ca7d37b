"""The command line as a person meets it: what is typed, what is read, and how it ends."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from threading import Event
from typing import TYPE_CHECKING

import pytest

from refresh.inputs.command_line import options
from tests.fakes import canaries
from tests.fakes.world import ROOT, in_minutes, inherited

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World

POOL = ("--repository", "octo/widgets")


def _environ(world: World, **changed: str) -> dict[str, str]:
    """Give what a person's shell has: AWS credentials, and no inputs."""
    given = {name: value for name, value in world.environ().items() if not name.startswith("INPUT_")}
    return {**inherited(), **given, "GITHUB_REPOSITORY": "", "GITHUB_RUN_ID": "", "COLUMNS": "120", **changed}


def _start(world: World, *arguments: str, **changed: str) -> subprocess.Popen[str]:
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "refresh", *arguments],
        env=_environ(world, **changed),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run(world: World, *arguments: str, **changed: str) -> tuple[int, str]:
    child = _start(world, *arguments, **changed)
    printed, _ = child.communicate(timeout=100)
    return child.returncode, printed


def _options(world: World) -> list[str]:
    given = {name.replace("INPUT_", "--").lower(): value for name, value in world.environ().items() if "INPUT_" in name}
    return [word for name, value in given.items() if name[2:] in options.INPUTS for word in (name, value)]


@pytest.fixture
def pool(world: World) -> tuple[World, list[str]]:
    """Give a pool with a running, an idle and a protected instance, and their ids."""
    world.refresh()
    clients = world.clients()
    running, idle = world.launch(clients, 2)
    (protected,) = world.launch(clients, 1, **{"refresh-action:protect": "true"})
    world.record(clients, running, state="running", runId="77", threshold=in_minutes(12.5))
    world.record(clients, idle, state="idle", runId="", threshold=in_minutes(-2.5))
    world.record(clients, protected, state="idle", runId="", threshold=in_minutes(5.5))
    world.forget_calls()
    return world, [running, idle, protected]


def test_an_operator_can_plan_from_a_terminal(world: World, tmp_path: Path) -> None:
    """With options and gh's token; files and commands of a step are left alone."""
    output = tmp_path / "output"
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(tmp_path)}
    token = {"GH_ENTERPRISE_TOKEN": canaries.PAT}
    code, printed = _run(world, "plan", *POOL, *_options(world), **environ, **token)
    assert code == 0, printed
    assert "+ create table octo-widgets-ci-table" in printed
    assert "::" not in printed
    assert "GITHUB_" not in printed
    assert not output.exists()
    assert world.aws.writes == []


def test_the_old_form_and_the_file_do_the_same(world: World, tmp_path: Path) -> None:
    """Without a command the mode decides."""
    file = tmp_path / "pool.yml"
    named = zip(_options(world)[::2], _options(world)[1::2], strict=True)
    file.write_text("repository: octo/widgets\n" + "".join(f"{name[2:]}: {value!r}\n" for name, value in named))
    code, printed = _run(world, "--mode", "plan", "--config", str(file), INPUT_GITHUB_TOKEN=canaries.PAT)
    assert code == 0, printed
    assert "+ create table octo-widgets-ci-table" in printed
    assert world.aws.writes == []


def test_what_is_missing_is_named_as_it_is_typed(world: World) -> None:
    """No variable of the action, no step, no workflow, and nothing in the form of a log's event."""
    code, printed = _run(world, "plan", AWS_REGION="")
    assert code == 2
    lines = printed.splitlines()
    assert [line.split(": ")[1] for line in lines] == [
        "github-token",
        "--repository",
        "--aws-region",
        "--ami",
        "--iam-instance-profile",
        "--security-group-ids",
        "--subnet-ids",
    ]
    assert not re.search(r"INPUT_|`with:`|step|workflow|::", printed)
    assert "error: --subnet-ids: is required; give it as an option or in the file of --config" in lines
    code, printed = _run(world, "status", *POOL, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert (code, printed.count("\n")) == (2, 1)
    assert printed.startswith(
        "error: AWS credentials: none found; run `aws sso login` or `aws configure`, or set AWS_P"
    )
    assert world.aws.calls == []


def test_a_bad_file_is_refused_before_anything_is_called(world: World, tmp_path: Path) -> None:
    """Each problem in a line."""
    file = tmp_path / "pool.yml"
    file.write_text("subnet_ids: x\n")
    code, printed = _run(world, "apply", "--config", str(file))
    assert (code, printed) == (2, f"error: {file}: 'subnet_ids': unknown input; did you mean subnet-ids?\n")
    file.write_text("subnet-ids: x\n")
    code, printed = _run(world, "apply", "--config", str(file))
    assert f"error: {file}: subnet-ids: 'x' is not a subnet id" in printed
    assert world.aws.calls == []


def test_help_and_a_wrong_option_need_nothing(world: World) -> None:
    """No credentials, no inputs; exit codes 0 and 2."""
    code, printed = _run(world, "apply", "--help")
    assert (code, printed.splitlines()[0]) == (0, "usage: refresh-action apply [options]")
    code, printed = _run(world, "apply", "--colour", "red")
    assert (code, printed.splitlines()[-1]) == (2, "refresh-action apply: error: unrecognized arguments: --colour red")


def test_without_arguments_variables_are_a_run_as_the_action_s(world: World) -> None:
    """As a scheduler starts it; bad input is told in the log's form."""
    code, printed = _run(world, INPUT_MODE="nonsense")
    assert code == 2
    assert "error: inputs.refused" in printed


def test_status_reads_the_pool_in_five_calls_and_writes_nothing(pool: tuple[World, list[str]]) -> None:
    """With a repository, a region and AWS credentials alone."""
    world, (running, idle, protected) = pool
    code, printed = _run(world, "status", *POOL)
    assert code == 0, printed
    lines = printed.splitlines()
    assert lines[0].startswith("octo/widgets in eu-west-1, 20")
    assert re.fullmatch(r"launch template lt-\w+, version 1; registration token has 5\d min left", lines[1])
    assert lines[2] == "3 instances"
    assert lines[4].split("  ")[0] == "class"
    rows = {line.split()[0]: line for line in lines[7:] if line.startswith("i-")}
    assert [*rows] == [running, idle, protected]
    assert re.search(r"running +running +large +77 +\d+ s ago +in 12 min$", rows[running])
    assert re.search(r" ago +2 min ago$", rows[idle])
    assert rows[protected].endswith("in 5 min, protected")
    assert sorted(world.aws.calls) == [
        "dynamodb:BatchGetItem",
        "dynamodb:DescribeTable",
        "dynamodb:Query",
        "ec2:DescribeInstances",
        "ec2:DescribeLaunchTemplateVersions",
    ]
    assert world.aws.writes == []
    assert world.github.calls == []


def test_status_for_programs_is_one_object(pool: tuple[World, list[str]]) -> None:
    """The pool as in the report."""
    world, (running, _, protected) = pool
    code, printed = _run(world, "status", *POOL, "--json")
    assert code == 0, printed
    found = json.loads(printed)
    assert (found["repository"], found["region"], found["pool"]["launch_template"]["version"]) == (
        "octo/widgets",
        "eu-west-1",
        1,
    )
    by_id = {each["id"]: each for each in found["pool"]["instances"]}
    assert (by_id[running]["run_id"], by_id[running]["protected"], by_id[protected]["protected"]) == ("77", False, True)


def test_a_pool_that_is_not_there_is_reported_with_exit_code_1(world: World) -> None:
    """Most often the name or the region is wrong."""
    code, printed = _run(world, "status", *POOL)
    assert code == 1
    assert "no pool: its state table does not exist; check the region, or make the pool with" in printed
    code, printed = _run(world, "status", *POOL, "--json")
    assert (code, json.loads(printed)["pool"]) == (1, None)


def test_what_aws_refuses_ends_status_with_a_line(pool: tuple[World, list[str]]) -> None:
    """A watch too: the next look would be refused as well."""
    world, _ = pool
    body = b'{"__type": "AccessDeniedException", "Message": "no"}'
    world.aws.before_call = lambda call: (400, body) if call == "dynamodb:Query" else None
    code, printed = _run(world, "status", *POOL, "--watch")
    assert code == 1
    (line,) = printed.splitlines()
    assert line.startswith("error: status: PermissionDenied: dynamodb:Query: ")


def test_a_watch_appends_survives_an_outage_and_ends_cleanly(pool: tuple[World, list[str]]) -> None:
    """With exit code 0: Ctrl-C is the only end it has."""
    world, _ = pool
    body = b'{"__type": "InternalServerError", "Message": "later"}'
    looks: list[str] = []

    def fail_the_first(call: str) -> tuple[int, bytes] | None:
        looks.append(call)
        return (500, body) if call == "dynamodb:Query" and looks.count("dynamodb:DescribeTable") == 1 else None

    world.aws.before_call = fail_the_first
    child = _start(world, "status", *POOL, "--watch", "--interval", "2s")
    assert child.stdout
    told = [child.stdout.readline() for _ in range(3)]
    child.send_signal(signal.SIGINT)
    printed, _ = child.communicate(timeout=60)
    assert told[0].startswith("error: status: Unavailable: dynamodb:Query: ")
    assert "the next run continues" not in told[0]
    assert (told[1], told[2][:25]) == ("\n", "octo/widgets in eu-west-1")
    assert child.returncode == 0, printed
    assert "Traceback" not in printed


def test_a_watch_ends_when_no_one_reads_it_any_more(pool: tuple[World, list[str]]) -> None:
    """`| head -1`."""
    world, _ = pool
    child = _start(world, "status", *POOL, "--watch", "--interval", "2s")
    assert child.stdout
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(timeout=60) == 0


def test_ctrl_c_while_the_pool_is_read_is_a_line(pool: tuple[World, list[str]]) -> None:
    """It does not wait for the answer."""
    world, _ = pool
    asked, over = Event(), Event()

    def hold(_: str) -> None:
        asked.set()
        over.wait(100)

    world.aws.before_call = hold
    child = _start(world, "status", *POOL)
    assert asked.wait(60)
    child.send_signal(signal.SIGINT)
    printed, _ = child.communicate(timeout=60)
    over.set()
    assert (child.returncode, printed) == (1, "error: status: stopped as asked, before the pool was read.\n")


def test_a_watch_on_a_terminal_stays_on_one_screen(pool: tuple[World, list[str]]) -> None:
    """Cleared before each look, and cut to the window."""
    world, _ = pool
    ours, theirs = pty.openpty()
    child = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "refresh", "status", *POOL, "--watch", "--interval", "2s"],
        env=_environ(world, COLUMNS="40", LINES="6"),
        cwd=ROOT,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    shown = b""
    until = time.monotonic() + 60
    while shown.count(b"\x1b[2J\x1b[H") < 2 and time.monotonic() < until:
        if select.select([ours], [], [], 1)[0]:
            shown += os.read(ours, 4096)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=60) == 0
    os.close(ours)
    _, first, *_ = shown.decode().split("\x1b[2J\x1b[H")
    lines = first.splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) == 40
