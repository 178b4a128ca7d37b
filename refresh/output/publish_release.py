"""What a release shows: a line for each machine, annotations, the summary, the outputs and the report file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.output import publish, release_outputs, release_report, release_summary
from refresh.output.release_run import ReleaseRun
from refresh.text import lasting
from refresh.workflow import log

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.desired import DesiredRelease
    from refresh.engine.report import ComponentReport
    from refresh.inputs.release import ReleaseInputs
    from refresh.workflow.commands import Commands


_LONGEST_FACT = 300
"""How many characters of a fact are shown in the line of a machine."""


def beginning(commands: Commands, given: ReleaseInputs) -> None:
    """Log what is released, and the warnings and notices of the inputs."""
    desired = given.desired
    facts = {"region": desired.region, "mode": desired.mode.value, "label": desired.labels, **desired.access}
    log.info("release.started", subject=str(desired.repository), **facts)
    for level, messages in (("warning", given.warnings), ("notice", given.notices)):
        for message in messages:
            commands.annotate(level, "inputs", message)


def ending(
    commands: Commands, desired: DesiredRelease, component: ComponentReport, began_at: datetime, ended_at: datetime
) -> int:
    """Publish the result for people and programs, and return the exit code."""
    run = ReleaseRun(desired=desired, component=component, started_at=began_at, finished_at=ended_at)
    _machines(commands, run)
    if not run.machines and not run.messages and not component.failed and not component.warnings:
        pool = f"{desired.repository} in {desired.region}"
        text = f"nothing to release: no machine of the pool of {pool} has the label {desired.labels}."
        commands.annotate("notice", component.name, text)
    publish.messages(commands, component)
    counts = {"released": len(run.released), "ended": len(run.ended), "messages": run.messages}
    log.info("release.finished", **counts, machine_minutes=run.minutes)
    commands.summarise(release_summary.markdown(run))
    path = commands.write_report(release_report.serialized(run), release_report.FILE)
    commands.write_outputs(release_outputs.outputs(run, path))
    commands.show_annotations()
    return run.exit_code


def _machines(commands: Commands, run: ReleaseRun) -> None:
    """Write a line for each machine."""
    seconds = f"{(run.finished_at - run.started_at).total_seconds():.1f}"
    status = release_summary.status(run)
    with commands.group(f"release: {status} ({seconds} s)", {"status": status, "seconds": seconds}):
        for each in run.machines:
            event = "machine.planned" if run.component.planning else f"machine.{each.result.replace(' ', '_')}"
            facts = {
                "result": each.result if run.component.planning else "",
                "label": each.label,
                "class": each.resource_class,
                "type": each.instance_type,
                "usage": each.usage_class,
                "worked": "" if each.worked is None else lasting(each.worked),
                "reason": each.reason,
            }
            # Jobs can write records.
            shown = {name: value[:_LONGEST_FACT] for name, value in facts.items() if value}
            log.info(event, subject=each.id, **shown)
