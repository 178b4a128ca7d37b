"""The job's summary page, in GitHub's Markdown with Mermaid: status, components, the pool, what was changed and ended.

Whatever comes from records, AWS or GitHub is made harmless; long lists are folded and cut, and say so.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import islice
from typing import TYPE_CHECKING

from refresh import listing, records
from refresh.pool import UNRECORDED
from refresh.wording import lasting, problems

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import datetime

    from refresh.pool import Ended, InstanceNow
    from refresh.report import ComponentReport, Report

ROWS = 200
"""Rows of a table and lines of a list, before it is cut."""
CHANGE_LINES = 1000
_STATES = ("created", "claimed", "running", "idle", records.TERMINATED, UNRECORDED)
_NAMES = {records.TERMINATED: "ending"}
_RUN_ID = re.compile(r"[0-9]{1,20}")
_HARMFUL = re.compile(r"[^\w .,;:()/=+'\"%?-]|_|:(?! )")
_LONGEST_CELL = 1000


def markdown(report: Report) -> str:
    """Render the whole page."""
    sections = (
        _status(report),
        _problems(report),
        _components(report),
        _pool(report),
        _changes(report),
        _ended(report),
        _told("Warnings", report, lambda component: component.warnings),
        _told("Notes", report, lambda component: component.notes),
    )
    return "\n".join(line for section in sections for line in (*section, ""))


def cell(value: str) -> str:
    """Make any text harmless inside a table or a list: no markup, no mentions, no line breaks, no columns."""
    text = "".join(character if character.isprintable() else " " for character in " ".join(value.split()))
    cut = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}..."
    return _HARMFUL.sub(lambda found: f"&#{ord(found[0])};", cut)


def _status(report: Report) -> Iterator[str]:
    sign = "❌" if report.failed else "📝" if report.planning else "🔧" if report.done else "✅"
    yield f"### {sign} Runner pool refresh: {cell(report.status)}"
    yield ""
    facts = []
    if report.desired:
        facts += [cell(str(report.desired.repository)), cell(report.desired.region), report.desired.mode.value]
        facts += [f"{name} {cell(value)}" for name, value in report.desired.access.items()]
    if report.started_at and report.finished_at:
        facts.append(f"{(report.finished_at - report.started_at).total_seconds():.1f} s")
    if expires_at := report.pool.token_expires_at:
        facts.append(f"registration token until {records.wire_time(expires_at)}")
    yield " · ".join(facts)


def _problems(report: Report) -> Iterator[str]:
    listed = [
        f"**{component.name}**: {cell(problem)}" for component in report.failed for problem in problems(component)
    ]
    yield from _bullets(listed)


def _told(title: str, report: Report, of: Callable[[ComponentReport], Sequence[str]]) -> Iterator[str]:
    listed = [f"{component.name}: {cell(text)}" for component in report.components for text in of(component)]
    if listed:
        yield f"#### {title}"
        yield ""
        yield from _bullets(listed)


def _bullets(listed: Sequence[str]) -> Iterator[str]:
    yield from (f"- {each}" for each in listed[:ROWS])
    yield from _cut(len(listed) - ROWS)


def _components(report: Report) -> Iterator[str]:
    yield "| component | status | seconds |"
    yield "| --- | --- | ---: |"
    for component in report.components:
        yield f"| {component.name} | {_mark(component)} | {component.duration.total_seconds():.1f} |"


def _mark(component: ComponentReport) -> str:
    if component.failed:
        return f"❌ {component.status}"
    if component.status == "as desired":
        return f"✅ {component.status}"
    return f"{'🔧' if component.done else '📝'} {component.status}"


def _pool(report: Report) -> Iterator[str]:
    instances = report.pool.instances
    if instances is None:
        return
    yield f"#### The pool {'now' if report.planning else 'after the run'}: {len(instances)} instances"
    if not instances:
        return
    states = Counter(each.state for each in instances)
    yield ""
    yield "```mermaid"
    yield "pie showData"
    yield "  title Instances by state"
    yield from (f'  "{_NAMES.get(state, state)}" : {states[state]}' for state in _STATES if states[state])
    yield "```"
    yield ""
    present = [state for state in _STATES if states[state]]
    yield f"| class | {' | '.join(_NAMES.get(state, state) for state in present)} | all | median age | oldest |"
    yield f"| --- |{' ---: |' * (len(present) + 3)}"
    classes = sorted({each.resource_class for each in instances})
    for name in classes[:ROWS]:
        mine = [each for each in instances if each.resource_class == name]
        counts = Counter(each.state for each in mine)
        numbers = [*(counts[state] for state in present), len(mine)]
        yield f"| {cell(name) or '(none)'} | {' | '.join(map(str, numbers))} | {_ages(mine, report.finished_at)} |"
    yield from _cut(len(classes) - ROWS)


def _ages(instances: Iterable[InstanceNow], now: datetime | None) -> str:
    ages = sorted(now - each.launched_at for each in instances if now and each.launched_at)
    return f"{lasting(ages[len(ages) // 2])} | {lasting(ages[-1])}" if ages else " | "


def _changes(report: Report) -> Iterator[str]:
    lines = [line for component in report.components for line in _lines(component, planning=report.planning)]
    if not lines:
        return
    title = f"{len(report.planned)} changes planned" if report.planning else f"{len(report.done)} changes made"
    yield f"<details{' open' * report.planning}><summary>{title}</summary>"
    yield ""
    shown = lines[:CHANGE_LINES]
    # Longer than any run of backticks inside, so that nothing inside can close it.
    fence = "`" * max(3, *(len(run) + 1 for line in shown for run in re.findall("`+", line)), 3)
    yield f"{fence}diff"
    yield from shown
    yield fence
    yield from _cut(len(lines) - CHANGE_LINES)
    yield ""
    yield "</details>"


def _lines(component: ComponentReport, *, planning: bool) -> Iterator[str]:
    """Give a component's changes as a diff colours them: `!` stands for a change in place."""
    told = listing.planned(component.planned, component.following) if planning else listing.planned(component.done, ())
    lines = [re.sub(r"^~ ", "! ", " ".join(line.splitlines())) for line in told]
    if lines:
        yield f"# {component.name}"
        yield from lines


def _ended(report: Report) -> Iterator[str]:
    if not report.ended:
        return
    yield f"<details><summary>{len(report.ended)} instances ended</summary>"
    yield ""
    yield "| instance | reason | was | overdue | class | run |"
    yield "| --- | --- | --- | ---: | --- | --- |"
    prefix = report.desired.run_url.rpartition("/")[0] if report.desired else ""
    for each in islice(report.ended, ROWS):
        yield f"| {cell(each.id)} | {' | '.join(_facts(each))} | {_run(each, prefix)} |"
    yield from _cut(len(report.ended) - ROWS)
    yield ""
    yield "</details>"


def _facts(ended: Ended) -> Iterator[str]:
    yield cell(ended.reason)
    yield cell(ended.state) or "(unrecorded)"
    yield lasting(ended.overdue) if ended.overdue else ""
    yield cell(ended.resource_class)


def _run(ended: Ended, prefix: str) -> str:
    """Link to the run that it last worked for; a record's word for it counts only if it is a number."""
    if not _RUN_ID.fullmatch(ended.run_id):
        return cell(ended.run_id)
    return f"[{ended.run_id}]({prefix}/{ended.run_id})" if prefix else ended.run_id


def _cut(number: int) -> Iterator[str]:
    if number > 0:
        yield ""
        yield f"*{number} more are in the report file.*"
