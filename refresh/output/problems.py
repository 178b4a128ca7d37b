"""What failed and its cause: one cause is shown as one error; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import frozen

from refresh import errors
from refresh.engine.change import Change, Failed
from refresh.engine.report import ComponentReport
from refresh.text import enumerated


def cause(error: errors.RefreshError) -> str:
    """Name the cause, which is the same for errors with the same fix."""
    match error:
        case errors.Interrupted() | errors.DeadlineReached():
            return str(error).partition(",")[0]  # the rest says how much is left
        case errors.CredentialsExpired():
            return f"{'GitHub' if _service(error) == 'GitHub' else 'AWS'}: {error.code}"
        case errors.Unavailable() | errors.Throttled():
            return f"{_service(error)}: {error.code}"
        case errors.PermissionDenied():
            return f"{error.code}: {error.remedy}"
        case errors.ApiError():  # for Unreachable this is the host
            return error.kind
        case _:
            return str(error)


@frozen
class Problem:
    """What failed in a component for one cause."""

    cause: str
    """The same for everything that one fix would correct."""
    what: str
    """What failed; "" if the whole component did."""
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}" if self.what else self.why


def problems(component: ComponentReport) -> list[Problem]:
    """List what failed in a component, each cause once; nothing if it only waited for another component."""
    error = component.error
    stopped = [Problem(cause(error), "", str(error))] if error and not isinstance(error, errors.Blocked) else []
    refused = [Problem(refusal, "", refusal) for refusal in component.refusals]
    return [*stopped, *refused, *(_problem(failures) for failures in _groups(component))]


def causes(components: Iterable[ComponentReport]) -> list[tuple[str, str]]:
    """List what failed in a run, each cause once with the components that failed for it."""
    groups: dict[str, list[tuple[str, Problem]]] = {}
    for component in components:
        for problem in problems(component):
            groups.setdefault(problem.cause, []).append((component.name, problem))
    listed = []
    for group in groups.values():
        what = "; ".join(dict.fromkeys(problem.what for _, problem in group if problem.what))
        names = enumerated(dict.fromkeys(name for name, _ in group))
        listed.append((names, str(Problem("", what, group[0][1].why))))
    return listed


def _problem(failures: list[Failed]) -> Problem:
    """Join failures of one kind: their number, the first names and the first error."""
    first = failures[0]
    if len(failures) == 1:
        return Problem(cause(first.error), str(first.change), str(first.error))
    what = f"{first.change.action()} ({len(failures)}): {enumerated(each.change.subject for each in failures)}"
    texts = {str(each.error) for each in failures}
    why = str(first.error) if len(texts) == 1 else f"{first.error} (the report file has the other errors)"
    return Problem(cause(first.error), what, why)


def _groups(component: ComponentReport) -> list[list[Failed]]:
    """Group the failures of a component by kind of change and cause."""
    groups: dict[tuple[type[Change], str], list[Failed]] = {}
    for failure in component.failures:
        groups.setdefault((type(failure.change), cause(failure.error)), []).append(failure)
    return list(groups.values())


def _service(error: errors.ApiError) -> str:
    """Name the service: `sqs` of `sqs:CreateQueue`, `GitHub` of `GitHub GET /repos`."""
    return re.split("[: ]", error.operation)[0]
