"""How a component and a run ended, as log, summary and report say it; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.errors import Blocked

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport, Report

AS_DESIRED = "as desired"
PARTLY_CHECKED = "partly checked"
NOT_CHECKED = "not checked"
SKIPPED = "skipped"
FAILED = "failed"


def of_component(report: ComponentReport) -> str:
    """Summarize a component; unchecked parts are never `as desired`."""
    unchecked = report.unchecked
    if isinstance(report.error, Blocked):
        status = SKIPPED
    elif unchecked and unchecked.wholly and not (report.outcomes or report.refusals):
        status = NOT_CHECKED
    elif report.failed:
        status = FAILED
    elif report.planning and report.planned:
        status = f"would change {len(report.planned)}"
    elif report.done:
        status = f"changed {len(report.done)}"
    else:
        status = PARTLY_CHECKED if unchecked else AS_DESIRED
    return status


def of_run(report: Report) -> str:
    """Summarize a run; parts that it had no reason to check do not count against `as desired`."""
    unchecked = [each for each in report.components if each.unchecked and each.unchecked.due]
    if report.failed:
        parts = [
            _named(status, [each for each in report.failed if each.status == status]) for status in (FAILED, SKIPPED)
        ]
    elif report.planning and report.planned:
        parts = [f"would change {len(report.planned)}"]
    elif report.done:
        parts = [f"changed {len(report.done)}"]
    else:
        parts = [f"{AS_DESIRED} where checked" if unchecked else AS_DESIRED]
    return "; ".join(filter(None, (*parts, _named(NOT_CHECKED, unchecked))))


def _named(status: str, components: list[ComponentReport]) -> str:
    return f"{status}: {', '.join(each.name for each in components)}" if components else ""
