"""What a run tells people: the grouped log, annotations and the job summary, all from the report."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import structlog

from refresh import runner as runner_protocol
from refresh.desired import Mode
from refresh.report import Change, ComponentReport, Done, Report, Skipped, alike, problems

if TYPE_CHECKING:
    from refresh.errors import InputErrors
    from refresh.inputs import Inputs
    from refresh.runner import Runner

LINES_PER_EVENT = 50
"""More changes of one kind than this are one line with their number."""

structlog.configure(processors=[runner_protocol.render], cache_logger_on_first_use=False)
log = structlog.get_logger()


def input_errors(runner: Runner, error: InputErrors) -> None:
    """Show every problem of the inputs."""
    for problem in error.problems:
        name, _, text = problem.partition(": ")
        runner.annotate("error", name, text)
    log.error("inputs.refused", problems=len(error.problems), calls_made=0)


def beginning(runner: Runner, given: Inputs) -> None:
    """Say what is refreshed, and what its owner should know of the inputs."""
    desired = given.desired
    log.info("refresh.started", subject=str(desired.repository), region=desired.region, mode=desired.mode.value)
    for level, messages in (("warning", given.warnings), ("notice", given.notices)):
        for message in messages:
            runner.annotate(level, "inputs", message)


def component(runner: Runner, report: ComponentReport) -> None:
    """Show one component: a group with a line a change, then its warnings and errors."""
    with runner.group(f"{report.name}: {report.status} ({report.duration.total_seconds():.1f} s)"):
        if report.mode is Mode.PLAN:
            _changes(report.planned, planned=True)
        _changes(tuple(outcome.change for outcome in report.outcomes if isinstance(outcome, Done)))
        _not_made(report)
        if report.postponed:
            log.info("change.postponed", number=len(report.postponed), note="left for the next run")
        for change in report.pending:
            log.info("change.pending", subject=str(change), note="acknowledged by AWS, not yet read back")
    for warning in report.warnings:
        runner.annotate("warning", report.name, warning)
    for problem in problems(report):
        runner.annotate("error", report.name, problem)


def _not_made(report: ComponentReport) -> None:
    skipped: dict[tuple[type[Change], str], list[Skipped]] = {}
    for each in report.outcomes:
        if isinstance(each, Skipped):
            skipped.setdefault((type(each.change), each.reason), []).append(each)
    for (kind, reason), group in skipped.items():
        if len(group) > LINES_PER_EVENT:
            log.info("change.skipped", subject=f"{kind.verb} {kind.noun}", number=len(group), reason=reason)
        else:
            for outcome in group:
                log.info("change.skipped", subject=str(outcome.change), reason=reason)
    for failures in alike(report):
        first = failures[0]
        if len(failures) > LINES_PER_EVENT:
            subject = f"{first.change.verb} {first.change.noun}"
            log.error("change.failed", subject=subject, number=len(failures), first=str(first.error))
        else:
            for failure in failures:
                log.error("change.failed", subject=str(failure.change), error=str(failure.error))


def progress(done: str, number: int, total: int) -> None:
    """Tell how far long work is."""
    log.info("collector.progressed", subject=f"{done} {number} of {total}")


def ending(runner: Runner, report: Report) -> None:
    """Sum up the run."""
    log.info(
        "refresh.finished",
        changes=sum(len(each.done) for each in report.components),
        planned=sum(len(each.planned) for each in report.components if each.mode is Mode.PLAN),
        failed=", ".join(each.name for each in report.failed) or "none",
    )
    runner.summarise(report.markdown())


def _changes(changes: tuple[Change, ...], *, planned: bool = False) -> None:
    numbers = Counter(type(change) for change in changes)
    for kind, number in numbers.items():
        event = "change.planned" if planned else f"{kind.noun}.{kind.done}"
        if number > LINES_PER_EVENT:
            log.info(event, subject=f"{kind.verb} {kind.noun}" if planned else "", number=number)
            continue
        for change in changes:
            if type(change) is kind:
                facts = {
                    each.name: f"{each.before or '(none)'} -> {each.after or '(none)'}" for each in change.differences
                }
                reason = {"reason": change.note} if change.note else {}
                log.info(event, subject=str(change) if planned else change.subject, **facts, **reason)
