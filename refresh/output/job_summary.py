"""The job's summary page, in GitHub's Markdown: ended instances, what remains and what failed, then the rest.

Text from records, AWS or GitHub is escaped; long lists are folded and cut, with a note.
https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands#adding-a-job-summary
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from refresh.engine.change import INSTANCE, MARKED, TERMINATED
from refresh.engine.status import AS_DESIRED
from refresh.output import change_list, pool_table
from refresh.output.problems import causes
from refresh.pool.snapshot import ABANDONED, Ended
from refresh.text import enumerated, lasting, relative

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from refresh.engine.change import Change
    from refresh.engine.report import ComponentReport, Report

ROWS = 200
"""How many rows of a table and lines of a list are shown."""
CHANGE_LINES = 1000
_UNFOLDED = 20
"""A table with more rows is folded."""
_LABEL = re.compile(r"([0-9]{1,20})(-[A-Za-z0-9_.]{1,40})?")
_HARMFUL = re.compile(r"[^\w .,;:()/=+'\"%?-]|_|:(?! )")
_LONGEST_CELL = 1000


def markdown(report: Report) -> str:
    """Render the whole page."""
    sections = (
        _status(report),
        _urgent(report),
        _touched(report),
        _components(report),
        _pool(report),
        _changes(report),
        _messages("Warnings", report, lambda component: component.warnings),
        _messages("Notes", report, lambda component: component.notes),
    )
    return "\n".join(line for section in sections for line in (*section, ""))


def cell(value: str) -> str:
    """Escape a text for a table or a list: no markup, no mentions, no line breaks, no columns."""
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
            verb = "expires" if expires_at > report.finished_at else "expired"
            facts.append(f"registration token {verb} {relative(expires_at, report.finished_at)}")
    yield " · ".join(facts)


def _urgent(report: Report) -> Iterator[str]:
    """List what is urgent: ended instances, jobs cut off, what remains, what failed."""
    listed: list[str] = []
    ended, would = (_to_be_ended(report), "would be ") if report.planning else (report.ended, "")
    if ended:
        reasons = Counter(each.reason or "no reason recorded" for each in ended)
        counts = ", ".join(f"{number} {cell(reason)}" for reason, number in reasons.items())
        listed.append(f"**{number(len(ended), 'instance')} {would}ended**: {counts}")
    if cut_off := [each for each in ended if each.cut_off]:
        runs = list(dict.fromkeys(_run(each, report) for each in cut_off if each.run_id))
        of = f": run {enumerated(runs)}" if runs else ""
        listed.append(f"**{number(len(cut_off), 'job')} {would}cut off** (ended while `running`){of}")
    listed += [
        f"**{component.name}**: {cell(text)}" for component in report.components for text in _remaining(component)
    ]
    listed += [f"❌ **{names}**: {cell(text)}" for names, text in causes(report.failed)]
    yield from bullets(listed)


def _to_be_ended(report: Report) -> list[Ended]:
    return [each for each in report.touched if (MARKED if each.reason == ABANDONED else TERMINATED) in each.steps]


def _remaining(component: ComponentReport) -> Iterator[str]:
    """List what is due and was not done, or not yet read back."""
    if component.planning:
        return
    started = {outcome.change for outcome in component.outcomes}
    not_started = tuple(change for change in component.planned if change not in started)
    for changes, why in (
        (component.postponed, "left for the next run"),
        (not_started, "not started"),
        (component.pending, "acknowledged by AWS, not yet read back"),
    ):
        by_kind: dict[str, list[Change]] = {}
        for change in changes:
            by_kind.setdefault(change.action(), []).append(change)
        for action, alike in by_kind.items():
            yield f"{why}: {action} {enumerated(change.subject for change in alike)}"


def _touched(report: Report) -> Iterator[str]:
    """Show a row for each instance, those with a cut-off job first."""
    listed = sorted(report.touched, key=lambda each: not each.cut_off)
    if not listed:
        return
    would = "that would change" if report.planning else "changed"
    is_open = " open" * (len(listed) <= _UNFOLDED)
    yield f"<details{is_open}><summary>{number(len(listed), 'instance')} {would}</summary>"
    yield ""
    yield "| instance | reason | state before | overdue | class | run | steps |"
    yield "| --- | --- | --- | ---: | --- | --- | --- |"
    for each in listed[:ROWS]:
        yield f"| {cell(each.id)} | {' | '.join(_facts(each))} | {_run(each, report)} | {', '.join(each.steps)} |"
    yield from cut(len(listed) - ROWS)
    yield ""
    yield "</details>"


def _facts(ended: Ended) -> Iterator[str]:
    yield cell(ended.reason)
    yield (cell(ended.state) or "(unrecorded)") + (" (job cut off)" if ended.cut_off else "")
    yield lasting(ended.overdue) if ended.overdue else ""
    yield cell(ended.resource_class)


def _run(ended: Ended, report: Report) -> str:
    """Link to the run that the instance last worked for, if its record has the label of one."""
    found, text = _LABEL.fullmatch(ended.run_id), cell(ended.run_id)
    prefix = report.desired.run_url.rpartition("/")[0] if report.desired else ""
    return f"[{text}]({prefix}/{found[1]})" if found and prefix else text


def _messages(title: str, report: Report, of: Callable[[ComponentReport], Sequence[str]]) -> Iterator[str]:
    listed = [f"{component.name}: {cell(text)}" for component in report.components for text in of(component)]
    if listed:
        yield f"#### {title}"
        yield ""
        yield from bullets(listed)


def bullets(listed: Sequence[str]) -> Iterator[str]:
    """Yield a list; a long one is cut."""
    yield from (f"- {each}" for each in listed[:ROWS])
    yield from cut(len(listed) - ROWS)


def _components(report: Report) -> Iterator[str]:
    yield "| component | status | seconds |"
    yield "| --- | --- | ---: |"
    for component in report.components:
        yield f"| {component.name} | {_mark(component)} | {component.duration.total_seconds():.1f} |"


def _mark(component: ComponentReport) -> str:
    status = f"{component.status}: {cell(component.reason)}" if component.reason else component.status
    if component.failed:
        return f"❌ {status}"
    if component.unchecked and not component.done:
        return f"⚠️ {status}" if component.unchecked.due else f"💤 {status}"
    return f"{'✅' if status == AS_DESIRED else '🔧' if component.done else '📝'} {status}"


def _pool(report: Report) -> Iterator[str]:
    instances = report.pool.instances
    if instances is None:
        return
    yield f"#### The pool {'now' if report.planning else 'after the run'}: {number(len(instances), 'instance')}"
    if not instances:
        return
    yield ""
    yield from _table(pool_table.classes(instances, report.finished_at))
    yield ""
    yield "<details><summary>Each instance</summary>"
    yield ""
    yield from _table(pool_table.each_instance(instances, report.finished_at))
    yield ""
    yield "</details>"


def _table(table: pool_table.Table) -> Iterator[str]:
    yield f"| {' | '.join(table.header)} |"
    yield f"| {' | '.join('---' if number < table.numeric else '---:' for number, _ in enumerate(table.header))} |"
    yield from (f"| {' | '.join(map(cell, row))} |" for row in table.rows[:ROWS])
    yield from cut(len(table.rows) - ROWS)


def _changes(report: Report) -> Iterator[str]:
    """List all changes except those of instances, which have a table."""
    lines = [line for component in report.components for line in _lines(component)]
    if not lines:
        return
    counted = sum(each.noun != INSTANCE for each in (report.planned if report.planning else report.done))
    title = f"{number(counted, 'change')} {'planned' if report.planning else 'made'}"
    yield f"<details{' open' * report.planning}><summary>{title}</summary>"
    yield ""
    shown = lines[:CHANGE_LINES]
    # Longer than any run of backticks in the lines, so that none of them closes it.
    fence = "`" * max(3, *(len(run) + 1 for line in shown for run in re.findall("`+", line)), 3)
    yield f"{fence}diff"
    yield from shown
    yield fence
    yield from cut(len(lines) - CHANGE_LINES)
    yield ""
    yield "</details>"


def _lines(component: ComponentReport) -> Iterator[str]:
    """List a component's changes for a diff block, in which `!` marks a change in place."""
    changes, later = (component.planned, component.following) if component.planning else (component.done, ())
    listed = change_list.planned(*([each for each in some if each.noun != INSTANCE] for some in (changes, later)))
    lines = [re.sub(r"^~ ", "! ", " ".join(line.splitlines())) for line in listed]
    if lines:
        yield f"# {component.name}"
        yield from lines


def number(count: int, noun: str) -> str:
    """Write a number of things."""
    return f"{count} {noun}{'s' * (count != 1)}"


def cut(left: int) -> Iterator[str]:
    """Say how many rows or lines are left out, if any."""
    if left > 0:
        yield ""
        yield f"*{left} more are in the report file.*"
