"""The user data: the same bytes for the same settings, nothing interpolated, and its shell executed for real."""

from __future__ import annotations

import base64
import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refresh import user_data
from refresh.user_data import Settings

SETTINGS = Settings(
    region="eu-west-1",
    table="octo-widgets-ci-table",
    runner_version="2.335.1",
    runner_url_x64="https://github.com/x64.tar.gz",
    runner_sha256_x64="a" * 64,
    runner_url_arm64="https://github.com/arm64.tar.gz",
    runner_sha256_arm64="",
    pre_runner_script="",
)
HOSTILE = "$(touch owned) `touch owned` ' \" \\ ; touch owned\n# EOF\nEOF\n"
TRAPS = [HOSTILE, "EOF\n", "'", "\r\n", "\x01", "no final newline", "a\n\n\n", "é🐎", "%s %d \\n", "!!", "$HOME"]

CURL = """#!/usr/bin/env bash
# Two refused answers first, then what IMDSv2 gives.
echo "$*" >>"$WORLD/curl.log"
tries=$(cat "$WORLD/tries" 2>/dev/null || echo 0)
echo $((tries + 1)) >"$WORLD/tries"
((tries >= 2)) || exit 22
case "$*" in
*api/token*) printf token ;;
*instance-id) cat "$WORLD/instance-id" ;;
*InitialRunId) cat "$WORLD/run-id" ;;
esac
"""
AWS = """#!/usr/bin/env bash
# The first write fails; a later one is kept.
if [[ ! -e $WORLD/refused ]]; then
    touch "$WORLD/refused"
    exit 255
fi
while (($#)); do
    case "$1" in
    --item) printf %s "$2" >"$WORLD/item" ;;
    --table-name) printf %s "$2" >"$WORLD/table" ;;
    esac
    shift
done
"""


def test_the_same_settings_give_the_same_bytes() -> None:
    """A time or a random number in it would be drift in every run."""
    assert user_data.render(SETTINGS) == user_data.render(evolve(SETTINGS))


def test_the_header_is_quoted_and_the_rest_is_constant() -> None:
    """Whatever a value holds, it stays a value."""
    hostile = evolve(SETTINGS, table=HOSTILE, runner_version=HOSTILE, runner_url_x64=HOSTILE, pre_runner_script=HOSTILE)
    assert _values(hostile)["TABLE_NAME"] == HOSTILE
    agent = (Path(user_data.__file__).parent / "agent.sh").read_bytes()
    for each in (SETTINGS, hostile):
        rendered = user_data.render(each)
        assert rendered.startswith(b"#!/usr/bin/env bash\nreadonly AWS_REGION=")
        assert rendered.endswith(agent)


def test_the_wrapper_leaves_half_of_the_room_to_the_user() -> None:
    """8 KB with every value at its longest."""
    longest = Settings.at_their_longest("ap-southeast-99", "o" * 39 + "r" * 100 + "-ci-table", "")
    assert len(user_data.render(longest)) <= 8 * 1024


def test_no_real_value_is_longer_than_what_the_size_is_judged_with() -> None:
    """A release of tomorrow must fit where today's did."""
    longest = Settings.at_their_longest("eu-west-1", "octo-widgets-ci-table", "true")
    url = "https://" + "u" * 492
    release = evolve(
        SETTINGS,
        runner_version="9999.9999.9999",
        runner_url_x64=url,
        runner_url_arm64=url,
        runner_sha256_arm64="f" * 64,
        pre_runner_script="true",
    )
    assert len(user_data.render(release)) == len(user_data.render(longest))


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(st.characters(blacklist_characters="\0", codec="utf-8")) | st.sampled_from(TRAPS))
def test_a_script_arrives_byte_for_byte(script: str) -> None:
    """As the agent itself decodes it."""
    encoded = _values(evolve(SETTINGS, pre_runner_script=script))["PRE_RUNNER_SCRIPT_BASE64"]
    assert base64.b64decode(encoded) == script.encode()


def _values(given_settings: Settings) -> dict[str, str]:
    """Have bash itself read the header."""
    header, _, _ = user_data.render(given_settings).decode().partition("\n\n# The rest is constant")
    names = [
        line.split("=")[0].removeprefix("readonly ") for line in header.splitlines() if line.startswith("readonly ")
    ]
    show = "".join(f'printf "%s\\0" "${name}"\n' for name in names)
    printed = subprocess.run(["bash", "-c", f"{header}\n{show}"], capture_output=True, check=True).stdout  # noqa: S603, S607 - our own header
    return dict(zip(names, printed.decode().split("\0")[:-1], strict=True))


class _Machine:
    """An instance's folder: stubs on the PATH, IMDS's answers, the log and what was written to the table."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, script in {"curl": CURL, "aws": AWS, "sleep": "#!/bin/sh\n"}.items():
            (folder / name).write_text(script)
            (folder / name).chmod(0o755)
        self.answer("i-0123456789abcdef0", "42")

    def answer(self, instance_id: str, run_id: str) -> None:
        """Have the metadata service say this."""
        (self.folder / "instance-id").write_text(instance_id)
        (self.folder / "run-id").write_text(run_id)

    def boot(self, script: str) -> int:
        """Run the user data to its end."""
        path = self.folder / "user-data"
        path.write_bytes(user_data.render(evolve(SETTINGS, pre_runner_script=script)))
        environ = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "WORLD": str(self.folder),
            "USER_DATA_LOG": str(self.folder / "log"),
        }
        return subprocess.run(["bash", str(path)], env=environ, cwd=self.folder, timeout=60, check=False).returncode  # noqa: S603, S607 - our own shell

    @property
    def item(self) -> Any:
        """The signal that was written."""
        return json.loads((self.folder / "item").read_text())

    @property
    def log(self) -> str:
        """What was logged."""
        return (self.folder / "log").read_text()


@pytest.fixture
def machine(tmp_path: Path) -> _Machine:
    """Give a machine that boots."""
    return _Machine(tmp_path)


@pytest.mark.parametrize(("script", "state", "code"), [("echo hello", "UD_OK", 0), ("exit 3", "UD_FAILED", 1)])
def test_the_agent_runs_the_script_and_signals_its_end(machine: _Machine, script: str, state: str, code: int) -> None:
    """Through refused metadata and a refused write, and with an expiry, so that a dead instance's signal goes."""
    assert machine.boot(script) == code
    item = machine.item
    expires = int(item.pop("expiresAt")["N"])
    assert item.pop("updatedAt")["S"].endswith("Z")
    assert item == {
        "PK": {"S": "TYPE#WS"},
        "SK": {"S": "ID#i-0123456789abcdef0"},
        "entityType": {"S": "WS"},
        "identifier": {"S": "i-0123456789abcdef0"},
        "value": {"M": {"state": {"S": state}, "runId": {"S": "42"}}},
    }
    assert expires > 86_400
    assert (machine.folder / "table").read_text() == "octo-widgets-ci-table"
    assert f"signal.failed {state}" in machine.log
    assert f"signal.written {state}" in machine.log


def test_the_script_s_output_is_in_a_log_that_only_root_reads(machine: _Machine) -> None:
    """It may show what a job must not see."""
    machine.boot("echo hello; echo oops >&2")
    assert "hello\n" in machine.log
    assert "oops\n" in machine.log
    assert (machine.folder / "log").stat().st_mode & 0o777 == 0o600


def test_a_hostile_script_does_what_it_says_and_nothing_in_the_wrapper(machine: _Machine) -> None:
    """A line `EOF`, quotes, `$` and backticks reach bash as they are."""
    script = f"printf %s {shlex.quote(HOSTILE)} >arrived\n"
    assert machine.boot(script) == 0
    assert (machine.folder / "arrived").read_text() == HOSTILE
    assert not (machine.folder / "owned").exists()


@pytest.mark.parametrize(
    ("instance_id", "run_id"),
    [("i-zzz", "42"), ('i-0123456789abcdef0"', "42"), ("i-0123456789abcdef0", '"}, "x": {"S": "')],
)
def test_metadata_of_another_shape_is_refused_and_signals_nothing(
    machine: _Machine, instance_id: str, run_id: str
) -> None:
    """Both travel inside JSON."""
    machine.answer(instance_id, run_id)
    assert machine.boot("touch ran") == 1
    assert "instance.refused" in machine.log
    assert not (machine.folder / "item").exists()
    assert not (machine.folder / "ran").exists()


def test_the_metadata_service_is_asked_with_a_token(machine: _Machine) -> None:
    """IMDSv2 only."""
    machine.boot("true")
    asked = (machine.folder / "curl.log").read_text().splitlines()
    assert all("X-aws-ec2-metadata-token" in line for line in asked)
