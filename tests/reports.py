"""What tests look for in a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.output.problems import problems

if TYPE_CHECKING:
    from refresh.engine.report import ComponentReport, Report


def component(report: Report, name: str) -> ComponentReport:
    """Find one component's part."""
    return next(each for each in report.components if each.name == name)


def failed(report: Report) -> list[str]:
    """Name the components that failed, in the order of the report."""
    return [each.name for each in report.failed]


def reported(report: Report) -> str:
    """Give every problem and warning as plain text, a line each."""
    parts = ((*map(str, problems(each)), *each.warnings) for each in report.components)
    return "\n".join(line for part in parts for line in part)
