"""The summary page of a provision: which machines are ready, and why others are not; in GitHub's Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import evolve

from refresh.output import change_list
from refresh.output.markdown import ROWS, bullets, cell, cut
from refresh.output.problems import causes, problems
from refresh.pool import records
from refresh.pool.runs import CLAIMED, HELD, LAUNCHED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.engine.report import ComponentReport
    from refresh.output.provision_run import ProvisionRun

_ORIGINS = {HELD: "held before", CLAIMED: "warm", LAUNCHED: "new"}


def markdown(run: ProvisionRun) -> str:
    """Render the whole page."""
    sections = (_status(run), _urgent(run), _planned(run), _machines(run))
    return "\n".join(line for section in sections for line in (*section, ""))


def status(run: ProvisionRun) -> str:
    """Summarize the provision in a few words."""
    desired = run.desired
    if run.component.planning:
        return "failed" if run.component.failed else "planned"
    listed = ", ".join(f"{run.numbers[origin]} {word}" for origin, word in _ORIGINS.items() if run.numbers[origin])
    ready = f"{len(run.ready)} of {desired.count} ready{f' ({listed})' if listed else ''}"
    if run.available:
        return ready
    return f"not available, {desired.if_unavailable} instead" if run.replaced else f"failed; {ready}"


def shown(run: ProvisionRun) -> ComponentReport:
    """Return the report with warnings in place of errors if the jobs can start nonetheless."""
    found = run.component
    if found.planning or not (run.available or run.replaced):
        return found
    instead = f" The jobs run on {run.label} instead, as if-unavailable says." if run.replaced else ""
    texts = tuple(f"{problem}{instead}" for problem in problems(found))
    return evolve(found, error=None, refusals=(), outcomes=(), warnings=(*found.warnings, *texts))


def _status(run: ProvisionRun) -> Iterator[str]:
    sign = "📝" if run.component.planning else "✅" if run.available else "⚠️" if run.replaced else "❌"
    yield f"### {sign} Runner provision: {status(run)}"
    yield ""
    desired = run.desired
    facts = [cell(str(desired.repository)), cell(desired.region), desired.mode.value]
    facts += [f"{name} {cell(value)}" for name, value in desired.access.items()]
    facts += [f"label {cell(run.label)}", f"class {cell(desired.resource_class)}"]
    facts += [f"{(run.finished_at - run.started_at).total_seconds():.1f} s"]
    yield " · ".join(facts)


def _urgent(run: ProvisionRun) -> Iterator[str]:
    report = shown(run)
    listed = [f"❌ {cell(text)}" for _, text in causes([report])]
    listed += [f"⚠️ {cell(text)}" for text in report.warnings]
    listed += [f"ℹ️ {cell(text)}" for text in report.notes]  # noqa: RUF001 - the sign of information
    yield from bullets(listed)


def _planned(run: ProvisionRun) -> Iterator[str]:
    if run.component.planning:
        yield "```"
        yield from change_list.planned(run.component.planned, run.component.following)
        yield "```"


def _machines(run: ProvisionRun) -> Iterator[str]:
    if not run.ready:
        return
    yield "| machine | type | usage | from | until |"
    yield "| --- | --- | --- | --- | --- |"
    for each in run.ready[:ROWS]:
        until = records.wire_time(each.ends_at) if each.ends_at else ""
        texts = (each.id, each.instance_type, each.usage_class, _ORIGINS[each.origin], until)
        yield f"| {' | '.join(map(cell, texts))} |"
    yield from cut(len(run.ready) - ROWS)
