"""What a provision shows: a line for each machine, annotations, the summary, the outputs and the report file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.output import change_list, provision_outputs, provision_report, provision_summary, publish
from refresh.pool import records
from refresh.workflow import log

if TYPE_CHECKING:
    from refresh.inputs.provision import ProvisionInputs
    from refresh.output.provision_run import ProvisionRun
    from refresh.workflow.commands import Commands


def beginning(commands: Commands, given: ProvisionInputs) -> None:
    """Log what is provisioned, and the warnings and notices of the inputs."""
    desired = given.desired
    facts = {"region": desired.region, "mode": desired.mode.value, "label": desired.label, **desired.access}
    facts |= {"class": desired.resource_class, "count": str(desired.count)}
    log.info("provision.started", subject=str(desired.repository), **facts)
    for level, messages in (("warning", given.warnings), ("notice", given.notices)):
        for message in messages:
            commands.annotate(level, "inputs", message)


def ending(commands: Commands, run: ProvisionRun) -> int:
    """Publish the result for people and programs, and return the exit code."""
    _machines(commands, run)
    publish.messages(commands, provision_summary.shown(run))
    log.info(
        "provision.finished",
        available=str(run.available).lower(),
        label=run.label,
        ready=len(run.ready),
        **dict(run.numbers),
    )
    commands.summarise(provision_summary.markdown(run))
    path = commands.write_report(provision_report.serialized(run), provision_report.FILE)
    commands.write_outputs(provision_outputs.outputs(run, path))
    commands.show_annotations()
    return run.exit_code


def _machines(commands: Commands, run: ProvisionRun) -> None:
    """Write a line for each machine; in mode plan, for each change."""
    seconds = f"{(run.finished_at - run.started_at).total_seconds():.1f}"
    status = provision_summary.status(run)
    with commands.group(f"provision: {status} ({seconds} s)", {"status": status, "seconds": seconds}):
        if run.component.planning:
            for line in change_list.planned(run.component.planned, run.component.following):
                commands.line(line)
        for each in run.ready:
            facts = {
                "type": each.instance_type,
                "usage": each.usage_class,
                "until": records.wire_time(each.ends_at) if each.ends_at else "",
            }
            shown = {name: value for name, value in facts.items() if value}
            log.info(f"machine.{each.origin}", subject=each.id, **shown)
