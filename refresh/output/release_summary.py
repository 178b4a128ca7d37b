"""The summary page of a release: each machine, and how long the run had it; in GitHub's Markdown."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from refresh.output.markdown import ROWS, bullets, cell, cut, number
from refresh.output.problems import causes
from refresh.text import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.output.release_run import Machine, ReleaseRun


def markdown(run: ReleaseRun) -> str:
    """Render the whole page."""
    sections = (_status(run), _urgent(run), _machines(run), _types(run), _messages(run))
    return "\n".join(line for section in sections for line in (*section, ""))


def status(run: ReleaseRun) -> str:
    """Summarize the release in a few words."""
    would = "would be " if run.component.planning else ""
    parts = [f"{len(run.released)} {would}released"] if run.released else []
    parts += [f"{len(run.ended)} {would}ended"] if run.ended else []
    if run.component.failed:
        return "; ".join(("failed", *parts))
    if not parts and run.messages:
        return f"{number(run.messages, 'message')} {would}sent for machines that were released before"
    return ", ".join(parts) or "nothing to release"


def _status(run: ReleaseRun) -> Iterator[str]:
    sign = "❌" if run.component.failed else "📝" if run.component.planning else "🔧" if run.machines else "✅"
    yield f"### {sign} Runner release: {status(run)}"
    yield ""
    desired = run.desired
    facts = [cell(str(desired.repository)), cell(desired.region), desired.mode.value]
    facts += [f"{name} {cell(value)}" for name, value in desired.access.items()]
    facts += [f"label {cell(desired.labels)}", f"{(run.finished_at - run.started_at).total_seconds():.1f} s"]
    yield " · ".join(facts)


def _urgent(run: ReleaseRun) -> Iterator[str]:
    listed = []
    if run.machines:
        worked = f" after {_minutes(run.worked)} of work" if run.worked else ""
        listed.append(f"**{number(len(run.machines), 'machine')}**: {status(run)}{worked}")
    listed += [f"❌ {cell(text)}" for _, text in causes([run.component])]
    yield from bullets(listed)


def _machines(run: ReleaseRun) -> Iterator[str]:
    if not run.machines:
        return
    result = "planned" if run.component.planning else "result"
    yield f"| machine | label | class | type | usage | worked | {result} |"
    yield "| --- | --- | --- | --- | --- | ---: | --- |"
    yield from (f"| {' | '.join(_cells(each))} |" for each in run.machines[:ROWS])
    yield from cut(len(run.machines) - ROWS)


def _cells(machine: Machine) -> Iterator[str]:
    yield from map(
        cell, (machine.id, machine.label, machine.resource_class, machine.instance_type, machine.usage_class)
    )
    yield lasting(machine.worked) if machine.worked is not None else ""
    yield cell(f"{machine.result}: {machine.reason}" if machine.reason else machine.result)


def _types(run: ReleaseRun) -> Iterator[str]:
    """Sum the machines of each type, if there is more than one type."""
    by_type: defaultdict[tuple[str, str], list[Machine]] = defaultdict(list)
    for machine in run.machines:
        by_type[machine.instance_type, machine.usage_class].append(machine)
    if len(by_type) < 2:  # noqa: PLR2004 - one type is in the table above
        return
    yield "| type | usage | machines | worked |"
    yield "| --- | --- | ---: | ---: |"
    for (name, usage), machines in sorted(by_type.items()):
        worked = sum((each.worked for each in machines if each.worked), timedelta())
        yield f"| {cell(name) or '(not recorded)'} | {cell(usage)} | {len(machines)} | {_minutes(worked)} |"


def _messages(run: ReleaseRun) -> Iterator[str]:
    for title, texts in (("Warnings", run.component.warnings), ("Notes", run.component.notes)):
        if texts:
            yield f"#### {title}"
            yield ""
            yield from bullets([cell(text) for text in texts])
            yield ""


def _minutes(duration: timedelta) -> str:
    """Write a sum of work, which people compare in minutes."""
    minutes = duration.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes >= 1 or not duration else lasting(duration)
