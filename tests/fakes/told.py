"""What a report tells of problems, as plain text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.wording import problems

if TYPE_CHECKING:
    from refresh.report import Report


def told(report: Report) -> str:
    """Give every problem and warning, a line each."""
    return "\n".join(line for component in report.components for line in (*problems(component), *component.warnings))
