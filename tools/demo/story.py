"""The acts of the story, in order. Each one fails unless its title is true."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import lifecycle
from tests.fakes.desired import OTHER_IMAGE
from tests.fakes.github_server import job
from tests.fakes.releasing import RUN
from tests.fakes.world import in_minutes
from tools.demo import checks

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.demo.stage import Stage

NEXT_RUN = "78"
OTHER_RUN = "4711"
FOREIGN_IMAGE = "ami-0fedcba9876543210"


@frozen
class Act:
    """One act: what it is called on the command line, what it shows, and how it is played and checked."""

    name: str
    title: str
    says: str
    play: Callable[[Stage], None]


def _create(stage: Stage) -> None:
    stage.refresh()
    checks.complete(stage)


def _again(stage: Stage) -> None:
    stage.refresh()
    checks.nothing_written(stage)
    checks.equal(stage.world.github.calls, [], "calls to GitHub")


def _provision(stage: Stage) -> None:
    stage.provision(RUN)
    checks.launches(stage, 1)
    (stage.machine,) = stage.world.having(stage.clients, RUN)
    checks.state(stage, stage.machine, lifecycle.RUNNING)


def _job(stage: Stage) -> None:
    _work(stage, RUN)


def _release(stage: Stage) -> None:
    stage.release(RUN)
    checks.state(stage, stage.machine, lifecycle.IDLE)


def _warm(stage: Stage) -> None:
    stage.provision(NEXT_RUN)
    counted = stage.world.aws.counted()
    checks.launches(stage, 0)
    checks.equal(counted["sqs:ReceiveMessage"], 0, "receives from the queue")
    checks.equal([*stage.world.having(stage.clients, NEXT_RUN)], [stage.machine], "machines of the run")
    stage.screen.figures("0 launches (ec2:CreateFleet), 0 receives (sqs:ReceiveMessage)")
    _work(stage, NEXT_RUN)
    stage.release(NEXT_RUN)
    checks.state(stage, stage.machine, lifecycle.IDLE)


def _plan(stage: Stage) -> None:
    stage.refresh("plan", ami=OTHER_IMAGE)
    checks.nothing_written(stage)
    checks.image(stage, stage.world.inputs["ami"])


def _apply(stage: Stage) -> None:
    stage.refresh(ami=OTHER_IMAGE)
    checks.image(stage, OTHER_IMAGE)
    stage.world.inputs["ami"] = OTHER_IMAGE


def _drift(stage: Stage) -> None:
    ec2, template = stage.clients.ec2, stage.world.template
    made = ec2.create_launch_template_version(
        LaunchTemplateName=template, SourceVersion="$Default", LaunchTemplateData={"ImageId": FOREIGN_IMAGE}
    )
    version = str(made["LaunchTemplateVersion"]["VersionNumber"])
    ec2.modify_launch_template(LaunchTemplateName=template, DefaultVersion=version)
    checks.image(stage, FOREIGN_IMAGE)
    stage.refresh()
    checks.image(stage, stage.world.inputs["ami"])


def _crash(stage: Stage) -> None:
    stage.expired = stage.world.launch(stage.clients, 2)
    for each in stage.expired:
        stage.world.record(stage.clients, each)
    with stage.killed_before("ec2:TerminateInstances"):
        stage.refresh(code=-signal.SIGKILL)
    checks.cut_off(stage, stage.expired)


def _finish(stage: Stage) -> None:
    checks.require(bool(stage.expired), "no run was killed before")
    stage.refresh()
    checks.gone(stage, stage.expired)
    checks.nothing_leaked(stage)


def _collect(stage: Stage) -> None:
    stage.world.record(stage.clients, stage.machine, usageClass="on-demand")
    (at_work,) = stage.world.occupy(stage.clients, OTHER_RUN, threshold=in_minutes(20))
    stage.refresh()
    checks.gone(stage, [stage.machine])
    checks.state(stage, at_work, lifecycle.RUNNING)
    checks.nothing_leaked(stage)


def _work(stage: Stage, run: str) -> None:
    """Run the job, which GitHub then lists as completed."""
    stage.job(run, stage.machine)
    stage.world.github.jobs[run] = [job(1, "build", run, status="completed")]


ACTS = (
    Act(
        "create",
        "Refresh creates a pool in an empty account",
        "The account has an image, subnets and an instance profile. Refresh creates the rest.",
        _create,
    ),
    Act(
        "again",
        "Refresh runs again and changes nothing",
        "It compares the pool with its inputs, and only reads.",
        _again,
    ),
    Act(
        "provision",
        "Provision launches a machine for a build",
        "The pool has no machine yet. The machine is simulated, and so is its agent, which registers the runner.",
        _provision,
    ),
    Act(
        "job",
        "The job of the build runs",
        "This is a stand-in: the line is printed by this computer, not by a machine of the pool.",
        _job,
    ),
    Act("release", "Release returns the machine to the pool", "The machine keeps running and waits.", _release),
    Act(
        "warm",
        "The next build gets the same machine, warm",
        "Nothing is launched and no queue is polled: provision claims the machine in the table.",
        _warm,
    ),
    Act("plan", "A new image in plan mode is shown and not made", "The input ami has changed.", _plan),
    Act(
        "apply", "The same in apply mode is made", "Machines that are launched from now on have the new image.", _apply
    ),
    Act(
        "drift",
        "A template that was edited by hand is repaired",
        f"Someone set the image {FOREIGN_IMAGE}. Refresh sets the one of its inputs again.",
        _drift,
    ),
    Act(
        "crash",
        "A run is killed while it ends expired machines",
        "Two are marked in the table. The process is killed (SIGKILL) before EC2 ends them.",
        _crash,
    ),
    Act(
        "finish",
        "The next run finishes what the killed one began",
        "Each machine is ended once, and its items are cleaned up.",
        _finish,
    ),
    Act(
        "collect",
        "An expired machine is ended, a working one stays",
        "The warm machine may idle for seven minutes. The demo does not wait: it moves the end into the past.",
        _collect,
    ),
)
