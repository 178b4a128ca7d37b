"""The step's outputs: what each means and how it is computed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.engine.change import INSTANCE, TERMINATED
from refresh.output import json_report
from refresh.pool import records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import datetime

    from refresh.engine.change import Change
    from refresh.engine.report import Report

PLAN_LIMIT, LIST_LIMIT = 32 * 1024, 16 * 1024
"""A longer output is cut: a later step gets it as a variable or an argument, and Linux limits each to 128 KiB.

Even `toJSON` of all outputs together fits, which escapes quotes. The counts and the report file are complete.
"""


@frozen
class Run:
    """A run that has ended, from which the outputs are computed."""

    report: Report
    report_path: str

    @property
    def terminated(self) -> list[str]:
        """The ids of the instances that it ended."""
        return [each.subject for each in self.report.done if (each.noun, each.done) == (INSTANCE, TERMINATED)]


@frozen
class Output:
    """An output of the step."""

    name: str
    description: str
    """For action.yml and the page of inputs and outputs."""
    value: Callable[[Any], str | int | datetime | None]
    """Compute it from a run of its action; None for what could not be observed."""
    type: str = "string"
    """As in action-types.yml."""


OUTPUTS = (
    Output("changed", "`true` if this run changed anything.", lambda run: bool(run.report.done), "boolean"),
    Output(
        "drift",
        "`true` if something differed at the start of the run.",
        lambda run: bool(run.report.planned),
        "boolean",
    ),
    Output(
        "plan",
        "Changes planned at the start of the run, as a JSON list; `[]` for none. Cut at 32 KiB, so that a step can "
        "take it as a variable or an argument; `planned-count` counts all, and the report file lists all.",
        lambda run: _plan(run.report),
    ),
    Output(
        "planned-count",
        "Number of changes planned at the start of the run.",
        lambda run: len(run.report.planned),
        "integer",
    ),
    Output(
        "launch-template-id",
        "Id of the launch template, `lt-0123456789abcdef0`; empty if there is none.",
        lambda run: run.report.pool.template_id,
    ),
    Output(
        "launch-template-version",
        "Number of its default version, from which runners are launched.",
        lambda run: run.report.pool.template_version,
    ),
    Output(
        "queue-urls",
        'URL of the queue of each resource class, as a JSON object, `{"large":"https://sqs..."}`. Cut at 16 KiB; the '
        "report file lists all.",
        lambda run: f"{{{','.join(_fitting(map(_pair, run.report.pool.queues), LIST_LIMIT))}}}",
    ),
    Output(
        "terminated-count",
        "Number of instances that this run terminated.",
        lambda run: len(run.terminated),
        "integer",
    ),
    Output(
        "terminated-instance-ids",
        'Their ids, as a JSON list, `["i-0123456789abcdef0"]`. Cut at 16 KiB, some 700 ids; `terminated-count` counts '
        "all, and the report file lists all.",
        lambda run: as_list(run.terminated),
    ),
    Output(
        "registration-token-expires-at",
        "Time at which the stored registration token expires, `2026-01-31T10:05:00Z`.",
        lambda run: run.report.pool.token_expires_at,
    ),
    Output(
        "failed-components",
        "Names of the components that failed, were skipped because another failed, or were not reached in time, as a "
        "JSON list; `[]` for none.",
        lambda run: _json([component.name for component in run.report.failed]),
    ),
    Output(
        "report-path",
        "The whole report as a JSON file, relative to the workspace; `docs/report.schema.json` describes it.",
        lambda run: run.report_path,
    ),
)
"""In the order of action.yml, which is generated from them, as are composite/action.yml and docs/inputs.md."""


def outputs(report: Report, report_path: str) -> dict[str, str]:
    """Compute every output, by name."""
    return computed(OUTPUTS, Run(report, report_path))


def computed(declared: Iterable[Output], run: object) -> dict[str, str]:
    """Compute the outputs that an action declares, by name, as texts."""
    return {each.name: _written(each.value(run)) for each in declared}


def as_list(texts: Iterable[str]) -> str:
    """Write texts as a JSON list, cut at 16 KiB."""
    return f"[{','.join(_fitting(map(_json, texts), LIST_LIMIT))}]"


def _written(value: str | int | datetime | None) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | str():
            return str(value)
    return records.wire_time(value)


def _plan(report: Report) -> str:
    """Return the planned changes that fit; a long text of a change is left out first."""
    changes = (_planned(component.name, change) for component in report.components for change in component.planned)
    return f"[{','.join(_fitting(changes, PLAN_LIMIT))}]"


def _planned(component: str, change: Change) -> str:
    fields = {"component": component, **json_report.change(change)}
    whole = _json(fields)
    if len(whole) <= PLAN_LIMIT // 2:
        return whole
    note = f"{change.note}; its differences are in the report file".removeprefix("; ")
    return _json({**fields, "differences": [], "note": note})


def _fitting(texts: Iterable[str], limit: int) -> Iterator[str]:
    """Yield the first texts that fit, with a comma after each and a bracket at both ends."""
    room = limit - 2
    for text in texts:
        room -= len(text) + 1
        if room < 0:
            return
        yield text


def _pair(pair: tuple[str, str]) -> str:
    name, value = pair
    return f"{_json(name)}:{_json(value)}"


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))
