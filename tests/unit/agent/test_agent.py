"""When the agent considers a run to be over."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from refresh.agent import user_data

PROGRAM = f"""
. {Path(user_data.__file__).parent}/agent.sh
session='' looks=0 answers=("fails" "42" "" "" "fails" "42" "$1" "unreached")
own() {{ [[ $1 == 'runId.S || Item.PK' ]] && [[ $answer != fails ]] && echo "$answer"; }}
sleep() {{ answer=${{answers[++looks]}}; }}
answer=fails
await_release 42
echo "$looks"
"""


@pytest.mark.parametrize("over", ["43", "TYPE#INSTANCE"], ids=["another run", "a record without a run"])
def test_a_run_ends_when_its_record_says_so_and_goes_on_without_a_record(over: str) -> None:
    """A table that was lost, emptied or recreated cuts off no job."""
    assert subprocess.check_output(["bash", "-uc", PROGRAM, "bash", over], text=True) == "6\n"  # noqa: S603, S607 - ours
