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
from typing import IO, TYPE_CHECKING, Any

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest

from refresh.inputs import table
from refresh.inputs.command_line import options
from refresh.pool import records, runs
from tests.fakes import canaries
from tests.fakes.world import ROOT, in_minutes, inherited

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World

POOL = ("--repository", "octo/widgets")
STATUS = ("status", *POOL)
WATCH = (*STATUS, "--watch", "--interval", "2s")
CLEAR = "\x1b[2J\x1b[H"


def _start(world: World, *arguments: str, terminal: int | None = None, **changed: Any) -> subprocess.Popen[str]:
    """Start it with what a person's shell has: AWS credentials, and no inputs."""
    given = {name: value for name, value in world.environ().items() if not name.startswith("INPUT_")}
    none = {"GITHUB_REPOSITORY": "", "GITHUB_RUN_ID": "", "COLUMNS": "120"}
    return subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, "-m", "refresh", *arguments],
        env={**inherited(), **given, **none, **changed},
        cwd=ROOT,
        stdin=terminal,
        stdout=subprocess.PIPE if terminal is None else terminal,
        stderr=subprocess.STDOUT,
        text=True,
    )


def _run(world: World, *arguments: str, **changed: Any) -> tuple[int, str]:
    child = _start(world, *arguments, **changed)
    printed, _ = child.communicate(timeout=100)
    assert "Traceback" not in printed
    return child.returncode, printed


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


def test_a_plan_from_a_terminal_leaves_the_files_and_commands_of_a_step_alone(world: World, tmp_path: Path) -> None:
    """With options and gh's token."""
    output = tmp_path / "output"
    environ = {"GITHUB_ACTIONS": "true", "GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(tmp_path)}
    given = {name[6:].lower(): value for name, value in world.environ().items() if name.startswith("INPUT_")}
    typed = [f"--{name}={value}" for name, value in given.items() if name in options.of_action(table.REFRESH)]
    code, printed = _run(world, "plan", *POOL, *typed, **environ, GH_ENTERPRISE_TOKEN=canaries.PAT)
    assert code == 0, printed
    assert "+ create table octo-widgets-ci-table" in printed
    assert "::" not in printed
    assert "GITHUB_" not in printed
    assert not output.exists()
    assert world.aws.writes == []


def test_a_missing_input_is_named_by_its_option_and_not_by_a_workflow_s_words(world: World) -> None:
    code, printed = _run(world, "plan", AWS_REGION="")
    assert code == 2
    assert {line.split(": ")[1] for line in printed.splitlines()} == {
        "github-token",
        "--repository",
        "--aws-region",
        "--ami",
        "--iam-instance-profile",
        "--security-group-ids",
        "--subnet-ids",
    }
    assert not re.search(r"INPUT_|`with:`|step|workflow|::", printed)
    code, printed = _run(world, "release", AWS_REGION="")
    assert code == 2
    assert {line.split(": ")[1] for line in printed.splitlines()} == {"--repository", "--run-id", "--aws-region"}
    assert not re.search(r"INPUT_|`with:`|step|in a workflow|::", printed)
    code, printed = _run(world, *STATUS, AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="")
    assert (code, printed.count("\n")) == (2, 1)
    assert "aws sso login" in printed
    assert world.aws.calls == []


@pytest.mark.parametrize(
    ("arguments", "environ", "code", "words"),
    [
        (("apply", "--help"), {}, 0, "usage: refresh-action apply"),
        (("apply", "--colour", "red"), {}, 2, "--colour"),
        (("release", "--help"), {}, 0, "usage: refresh-action release"),
        (("release", "--ami", "ami-01234567"), {}, 2, "--ami"),
        (("apply", "--config", "/missing.yml"), {}, 2, "error: /missing.yml: "),
        ((), {}, 2, "usage: refresh-action"),
        # As a scheduler starts it, without arguments.
        ((), {"INPUT_MODE": "nonsense"}, 2, "error: inputs.refused"),
    ],
)
def test_help_and_mistakes_end_before_anything_is_called(
    world: World, arguments: tuple[str, ...], environ: dict[str, str], code: int, words: str
) -> None:
    ended, printed = _run(world, *arguments, **environ)
    assert ended == code
    assert words in printed
    assert world.aws.calls == []


def test_release_gives_the_machines_of_a_run_back_and_shows_before_which(pool: tuple[World, list[str]]) -> None:
    """The mode plan changes nothing; without a token, the jobs of the run are not looked at."""
    world, (running, *others) = pool
    release = ("release", *POOL, "--run-id", "77")
    code, printed = _run(world, *release, "--mode", "plan")
    assert (code, world.aws.writes) == (0, []), printed
    assert running in printed
    code, printed = _run(world, *release)
    assert code == 0, printed
    assert running in printed
    assert not [each for each in others if each in printed]
    record = world.items(world.clients())[f"TYPE#INSTANCE ID#{running}"]
    assert (record["state"], record["runId"]) == ({"S": "idle"}, {"S": ""})
    assert "::" not in printed
    assert world.github.calls == []


def test_status_reads_the_pool_in_five_calls_and_writes_nothing(pool: tuple[World, list[str]]) -> None:
    """With a repository, a region and AWS credentials alone."""
    world, (running, idle, protected) = pool
    code, printed = _run(world, *STATUS)
    assert code == 0, printed
    lines = printed.splitlines()
    assert lines[0].startswith("octo/widgets in eu-west-1, 20")
    assert re.fullmatch(r"launch template lt-\w+, version 1; .* 5\d min left", lines[1])
    assert (lines[2], lines[4].split()[0]) == ("3 instances", "class")
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
    assert (world.aws.writes, world.github.calls) == ([], [])
    code, printed = _run(world, *STATUS, "--json")
    found = json.loads(printed)
    assert (code, found["repository"], found["pool"]["launch_template"]["version"]) == (0, "octo/widgets", 1)
    by_id = {each["id"]: each for each in found["pool"]["instances"]}
    assert (by_id[running]["run_id"], by_id[running]["protected"], by_id[protected]["protected"]) == ("77", False, True)


def test_status_of_a_pool_that_does_not_exist_has_exit_code_1(world: World) -> None:
    code, printed = _run(world, *STATUS)
    assert code == 1
    assert "no pool: " in printed
    code, printed = _run(world, *STATUS, "--json")
    assert (code, json.loads(printed)["pool"]) == (1, None)


def test_status_since_shows_what_the_pool_did_in_four_calls_and_writes_nothing(pool: tuple[World, list[str]]) -> None:
    """With a repository, a region and AWS credentials that may read the table alone."""
    world, (running, *_) = pool
    _asked(world, "4711", claimed=2)
    world.record(world.clients(), running, state="idle", runId="", launchedAt=in_minutes(-90), busySeconds=2700)
    world.forget_calls()
    prices = ("--prices", '{"large": 0.096}')
    code, printed = _run(world, *STATUS, "--since", "24h", *prices)
    assert code == 0, printed
    shown = dict(line.split("  ", 1) for line in printed.splitlines() if "  " in line)
    assert shown["builds"].strip() == "1 (all provided)"
    assert shown["served warm"].strip() == "1 of 1 (100 %)"
    assert shown["machine hours"].strip() == "1.5, 50 % idle, cost 0.14"
    assert "builds per hour, UTC" in printed
    assert max(map(len, printed.splitlines())) <= 80
    assert sorted(world.aws.calls) == ["dynamodb:DescribeTable", *["dynamodb:Query"] * 3]
    assert (world.aws.writes, world.github.calls) == ([], [])
    code, printed = _run(world, *STATUS, "--since", "24h", "--json", *prices)
    found = json.loads(printed)
    jsonschema.validate(found, json.loads((ROOT / "docs" / "history.schema.json").read_text()))
    assert (code, found["history"]["builds"], found["history"]["warm_share"]) == (0, 1, 1)


def test_history_of_a_pool_that_does_not_exist_or_did_nothing_says_so(world: World) -> None:
    code, printed = _run(world, *STATUS, "--since", "1h")
    assert code == 1
    assert "no pool: " in printed
    world.refresh()
    code, printed = _run(world, *STATUS, "--since", "1h")
    assert code == 0
    assert "nothing: no build asked for a machine, and no machine lived" in printed


def test_a_bad_time_or_price_is_refused_with_the_remedy_before_any_call(world: World) -> None:
    for given, words in (
        (("--since", "31d"), "--since: a duration of 1h to 30d expected, not '31d'; write 2h or 7d"),
        (("--since", "24h", "--prices", "0.096"), "error: --prices: a JSON object expected; got '0.096'; write "),
        (("--since", "24h", "--prices", '{"large": "9 EUR"}'), "a price per hour expected"),
    ):
        code, printed = _run(world, *STATUS, *given)
        assert code == 2
        assert words in printed
    assert world.aws.calls == []


def _asked(world: World, label: str, **known: object) -> None:
    """Write what provision writes of a build that it served."""
    at = records.read_time(in_minutes(-30))
    assert at
    value = {"result": runs.PROVIDED, "resourceClass": "large", "askedAt": records.wire_time(at), **known}
    item = records.item(records.RUN, label, at, value=value)
    world.clients().dynamodb.put_item(TableName=world.table, Item=item)


def test_a_refusal_of_aws_ends_status_and_a_watch(pool: tuple[World, list[str]]) -> None:
    world, _ = pool
    body = b'{"__type": "AccessDeniedException", "Message": "no"}'
    world.aws.before_call = lambda call: (400, body) if call == "dynamodb:Query" else None
    code, printed = _run(world, *STATUS, "--watch")
    assert code == 1
    (line,) = printed.splitlines()
    assert line.startswith("error: status: PermissionDenied: dynamodb:Query: ")


def test_a_watch_survives_an_outage_and_ends_with_exit_code_0_on_ctrl_c(pool: tuple[World, list[str]]) -> None:
    world, _ = pool
    looks: list[str] = []

    def fail_the_first(call: str) -> tuple[int, bytes] | None:
        looks.append(call)
        return (500, b"{}") if call == "dynamodb:Query" and looks.count("dynamodb:DescribeTable") == 1 else None

    world.aws.before_call = fail_the_first
    child = _start(world, *WATCH)
    error, empty, first = (_stdout(child).readline() for _ in range(3))
    child.send_signal(signal.SIGINT)
    printed, _ = child.communicate(timeout=60)
    assert error.startswith("error: status: Unavailable: dynamodb:Query: ")
    assert "the next run continues" not in error
    assert (empty, first[:25]) == ("\n", "octo/widgets in eu-west-1")
    assert child.returncode == 0, printed
    assert "Traceback" not in printed


def _stdout(child: subprocess.Popen[str]) -> IO[str]:
    assert child.stdout
    return child.stdout


def test_a_watch_ends_with_its_reader(pool: tuple[World, list[str]]) -> None:
    """`| head -1`."""
    world, _ = pool
    child = _start(world, *WATCH)
    _stdout(child).readline()
    _stdout(child).close()
    assert child.wait(timeout=60) == 0


def test_ctrl_c_while_the_pool_is_read_does_not_wait_for_the_answer(pool: tuple[World, list[str]]) -> None:
    world, _ = pool
    asked, over = Event(), Event()

    def hold(_: str) -> None:
        asked.set()
        over.wait(100)

    world.aws.before_call = hold
    child = _start(world, *STATUS)
    assert asked.wait(60)
    child.send_signal(signal.SIGINT)
    printed, _ = child.communicate(timeout=60)
    over.set()
    assert child.returncode == 1
    (line,) = printed.splitlines()
    assert line.startswith("error: status: stopped as asked, ")


def test_a_watch_on_a_terminal_clears_the_screen_and_fits_the_window(pool: tuple[World, list[str]]) -> None:
    world, _ = pool
    ours, theirs = pty.openpty()
    child = _start(world, *WATCH, terminal=theirs, COLUMNS="40", LINES="6")
    os.close(theirs)
    shown = ""
    until = time.monotonic() + 60
    while shown.count(CLEAR) < 2 and time.monotonic() < until:
        if select.select([ours], [], [], 1)[0]:
            shown += os.read(ours, 4096).decode()
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=60) == 0
    os.close(ours)
    lines = shown.split(CLEAR)[1].splitlines()
    assert len(lines) == 5
    assert max(map(len, lines)) == 40
