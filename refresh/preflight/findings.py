"""Findings about the owner's resources, for people."""

from __future__ import annotations

from attrs import frozen


@frozen
class Findings:
    """Problems prevent the write; warnings and notes go into the report."""

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
