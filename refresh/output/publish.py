"""What a run shows: the grouped log, annotations, the job summary, the outputs and the report file."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from refresh.desired import Mode
from refresh.engine.change import Change, Skipped
from refresh.engine.report import ComponentReport, Report
from refresh.output import change_list, job_summary, json_report, step_outputs
from refresh.output.problems import problems
from refresh.workflow import log

if TYPE_CHECKING:
    from refresh.errors import InputErrors, Interrupted
    from refresh.inputs import Inputs
    from refresh.workflow.commands import Commands


def input_errors(commands: Commands, error: InputErrors) -> None:
    """Report every problem of the inputs."""
    for problem in error.problems:
        name, _, text = problem.partition(": ")
        commands.annotate("error", name, text)
    if commands.as_json or not commands.on_terminal:
        log.error("inputs.refused", problems=len(error.problems))
    commands.show_annotations()


def interrupted(commands: Commands, action: str, error: Interrupted) -> None:
    """Report that the action was asked to stop while it fetched its credentials, before anything else."""
    commands.annotate("error", action, str(error))
    commands.show_annotations()


def beginning(commands: Commands, given: Inputs) -> None:
    """Log what is refreshed, and the warnings and notices of the inputs."""
    desired = given.desired
    facts = {"region": desired.region, "mode": desired.mode.value, **desired.access}
    log.info("refresh.started", subject=str(desired.repository), **facts)
    for level, messages in (("warning", given.warnings), ("notice", given.notices)):
        for message in messages:
            commands.annotate(level, "inputs", message)


def component(commands: Commands, report: ComponentReport) -> None:
    """Show one component: a group with a line a change, then its notes, warnings and errors."""
    seconds = f"{report.duration.total_seconds():.1f}"
    facts = {"component": report.name, "status": report.status, "seconds": seconds}
    status = report.status
    if report.reason:
        facts["reason"] = report.reason
        status = f"{status}: {report.reason}"
    with commands.group(f"{report.name}: {status} ({seconds} s)", facts):
        if report.mode is Mode.PLAN:
            _planned(commands, report)
        _done(report.done)
        _skipped(report)
        if report.postponed:
            log.info("change.postponed", number=len(report.postponed), note="left for the next run")
        for change in report.pending:
            log.info("change.pending", subject=str(change), note="acknowledged by AWS, not yet read back")
    messages(commands, report)


def messages(commands: Commands, report: ComponentReport) -> None:
    """Annotate the notes, warnings and errors of a component; one cause is one error."""
    for note in report.notes:
        commands.annotate("notice", report.name, note)
    for warning in report.warnings:
        commands.annotate("warning", report.name, warning)
    for problem in problems(report):
        if earlier := commands.add_to_earlier(problem.cause, report.name):
            log.info("problem.repeated", subject=problem.what or report.name, note=f"see the error of {earlier} above")
        else:
            commands.annotate("error", report.name, str(problem), first=report.error is not None, cause=problem.cause)


def progress(done: str, number: int, total: int) -> None:
    """Log the progress of long work."""
    log.info("collector.progressed", subject=f"{done} {number} of {total}")


def called(operation: str, attempt: int, seconds: float, answer: str) -> None:
    """Log one call to AWS or GitHub, never its content."""
    log.debug("call.answered", subject=operation, attempt=attempt, milliseconds=round(seconds * 1000), answer=answer)


def ending(commands: Commands, report: Report) -> None:
    """Publish the result of the run for people and programs."""
    log.info(
        "refresh.finished",
        changes=len(report.done),
        planned=len(report.planned) if report.planning else 0,
        failed=", ".join(each.name for each in report.failed) or "none",
    )
    commands.summarise(job_summary.markdown(report))
    path = commands.write_report(json_report.serialized(report))
    commands.write_outputs(step_outputs.outputs(report, path))
    commands.show_annotations()


def _planned(commands: Commands, report: ComponentReport) -> None:
    if commands.as_json:
        for change in report.planned:
            log.info("change.planned", **json_report.change(change))
        for change in report.following:
            log.info("change.following", **json_report.change(change))
        return
    for line in change_list.planned(report.planned, report.following):
        commands.line(line)


def _done(changes: tuple[Change, ...]) -> None:
    for kind, number in Counter(type(change) for change in changes).items():
        event = f"{kind.noun}.{kind.done}"
        if number > change_list.LINES_PER_KIND:
            log.info(event, number=number)
            continue
        for change in changes:
            if type(change) is kind:
                facts = {
                    each.name: f"{each.before or '(none)'} -> {each.after or '(none)'}" for each in change.differences
                }
                reason = {"reason": change.note} if change.note else {}
                log.info(event, subject=change.subject, **facts, **reason)


def _skipped(report: ComponentReport) -> None:
    groups: dict[tuple[type[Change], str], list[Skipped]] = {}
    for each in report.outcomes:
        if isinstance(each, Skipped):
            groups.setdefault((type(each.change), each.reason), []).append(each)
    for (kind, reason), group in groups.items():
        if len(group) > change_list.LINES_PER_KIND:
            log.info("change.skipped", subject=kind.action(), number=len(group), reason=reason)
        else:
            for outcome in group:
                log.info("change.skipped", subject=str(outcome.change), reason=reason)
