"""What a release shows: a line for each machine, annotations, the summary, the outputs and the report file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.output import publish, release_outputs, release_report, release_summary
from refresh.output.release_run import ReleaseRun
from refresh.workflow import log

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.desired import DesiredRelease
    from refresh.engine.report import ComponentReport
    from refresh.inputs.release import ReleaseInputs
    from refresh.workflow.commands import Commands


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
    publish.component(commands, component)
    run = ReleaseRun(desired=desired, component=component, started_at=began_at, finished_at=ended_at)
    minutes = round(run.worked.total_seconds() / 60)
    log.info("release.finished", released=len(run.released), ended=len(run.ended), machine_minutes=minutes)
    commands.summarise(release_summary.markdown(run))
    path = commands.write_report(release_report.serialized(run), release_report.FILE)
    commands.write_outputs(release_outputs.outputs(run, path))
    commands.show_annotations()
    return run.exit_code
