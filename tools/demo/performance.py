"""Plays the acts one after another, and sums up what happened."""

from __future__ import annotations

import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from tests.fakes.aws_server import AwsServer
from tests.fakes.desired import REGION, REPOSITORY
from tests.fakes.github_server import GitHubServer
from tests.fakes.provisioning import ProvisionWorld
from tools.demo.checks import ActFailed
from tools.demo.screen import Screen
from tools.demo.stage import Ran, Stage
from tools.demo.story import ACTS, Act

if TYPE_CHECKING:
    from collections.abc import Sequence


def play(chosen: Sequence[str]) -> int:
    """Play the chosen acts, or all; return the exit code."""
    known = {each.name: each for each in ACTS}
    if unknown := [name for name in chosen if name not in known]:
        sys.stderr.write(f"unknown act {', '.join(unknown)}; there are {', '.join(known)}\n")
        return 2
    began = time.monotonic()
    with AwsServer() as aws, GitHubServer() as github:
        world = ProvisionWorld(aws, github)
        stage = Stage(world, world.clients(), Screen())
        stage.screen.sentence(
            f"A pool of {REPOSITORY} in {REGION}. The actions run for real, as child processes. AWS, GitHub and the "
            "machines are simulated on this computer; nothing is sent anywhere."
        )
        return _play([known[name] for name in chosen] or [*ACTS], stage, began)


def _play(acts: Sequence[Act], stage: Stage, began: float) -> int:
    rows = []
    for number, act in enumerate(acts, start=1):
        stage.screen.title(f"{number}/{len(acts)} {act.title}")
        stage.screen.sentence(act.says)
        try:
            act.play(stage)
        except ActFailed as failure:
            stage.screen.row()
            stage.screen.sentence(f"FAILED: act {act.name}: {failure}")
            return 1
        rows.append(_row(number, act, stage.take()))
    _sum_up(stage, rows)
    seconds = time.monotonic() - began
    stage.screen.sentence(f"All acts did what their titles say, in {seconds:.1f} s. Nothing was left running.")
    return 0


def _row(number: int, act: Act, ran: Sequence[Ran]) -> str:
    codes = " ".join("killed" if each.killed else str(each.code) for each in ran)
    seconds, calls, writes = sum(x.seconds for x in ran), sum(x.calls for x in ran), sum(x.writes for x in ran)
    return f"{number:2}  {act.title:48} {codes:>6} {seconds:7.1f} {calls:5} {writes:6}"


def _sum_up(stage: Stage, rows: Sequence[str]) -> None:
    stage.screen.title("What happened, with the calls to AWS")
    for row in (f"{'':2}  {'act':48} {'exit':>6} {'seconds':>7} {'calls':>5} {'writes':>6}", *rows):
        stage.screen.row(row)
    states = Counter(stage.world.states(stage.clients).values())
    machines = ", ".join(f"{number} {state}" for state, number in sorted(states.items())) or "no machine"
    known = stage.world.records(stage.clients).values()
    records = ", ".join(f"{each.id}, {each.state}" for each in known) or "of no machine"
    stage.screen.row()
    stage.screen.sentence(f"Left in EC2: {machines}. Records in the table: {records}.")
