"""What a look at the owner's resources found, for people."""

from __future__ import annotations

from attrs import frozen


@frozen
class Findings:
    """Problems, for which nothing is written; warnings and notes, which go into the report."""

    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def together(*findings: Findings) -> Findings:
    """Join findings."""
    return Findings(
        tuple(each for one in findings for each in one.problems),
        tuple(each for one in findings for each in one.warnings),
        tuple(each for one in findings for each in one.notes),
    )
