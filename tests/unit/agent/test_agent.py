"""When the agent takes a run for over."""

from __future__ import annotations

import subprocess
from pathlib import Path

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


def test_a_run_is_over_when_its_record_says_so_and_not_when_there_is_no_record() -> None:
    """A table that was lost, emptied or made anew cuts off no job. `TYPE#INSTANCE` is a record that names no run."""
    for over in ("43", "TYPE#INSTANCE"):
        command = ["bash", "-uc", PROGRAM, "bash", over]
        assert subprocess.check_output(command, text=True) == "6\n"  # noqa: S603 - our own program
