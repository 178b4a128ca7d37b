"""Changes as people read them: one form for the log and for the summary."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from refresh.engine.change import Change

LINES_PER_KIND = 50
"""How many changes of one kind are listed one by one."""


def described(change: Change) -> Iterator[str]:
    """Describe a change: what is done and why, then each field with both values, or the diff of a long text."""
    note = f" ({change.note})" if change.note else ""
    yield f"{change.sign} {change}{note}"
    for difference in change.differences:
        yield f"      {difference}"
        yield from (f"        {line}" for line in difference.diff)


def planned(changes: Sequence[Change], following: Sequence[Change]) -> Iterator[str]:
    """Describe every change and, below it, what follows from it; of very many of a kind only the first."""
    later = list(following)
    for kind, alike in _by_kind(changes):
        shown = alike[:LINES_PER_KIND]
        for change in shown:
            yield from described(change)
            consequences = [each for each in later if each.subject == change.subject]
            yield from _then(consequences)
            later = [each for each in later if each not in consequences]
        if len(alike) > len(shown):
            yield f"{kind.sign} {kind.action()}: {len(alike) - len(shown)} more"
    yield from _then(later)


def _then(changes: Iterable[Change]) -> Iterator[str]:
    """List what later passes and runs will add."""
    for kind, alike in _by_kind(changes):
        if len(alike) > LINES_PER_KIND:
            yield f"    then {kind.action()}: {len(alike)}"
        else:
            yield from (f"    then {each}" for each in alike)


def _by_kind(changes: Iterable[Change]) -> list[tuple[type[Change], list[Change]]]:
    groups: dict[type[Change], list[Change]] = {}
    for change in changes:
        groups.setdefault(type(change), []).append(change)
    return list(groups.items())
