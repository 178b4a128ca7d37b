"""What GitHub's own variables say of a workflow run, and how the values of inputs become fields; for every action."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from refresh.inputs import parsers
from refresh.inputs.parsers import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refresh.inputs.reader import Reader
    from refresh.inputs.table import Input
    from refresh.pool.names import Repository


def fields(inputs: Iterable[Input], given: Mapping[str, Any]) -> defaultdict[str, dict[str, Any]]:
    """Group the given values by the class whose fields they fill: "" is the desired state itself."""
    found: defaultdict[str, dict[str, Any]] = defaultdict(dict)
    for each in inputs:
        if each.field and given[each.name] is not None:
            owner, _, name = each.field.rpartition(".")
            found[owner][name] = given[each.name]
    return found


def repository(reader: Reader, given: Repository | None) -> Repository | None:
    """Return the repository that has the pool: the input's, otherwise the workflow's own."""
    return given if reader.given("repository") else reader.variable("GITHUB_REPOSITORY", parsers.repository)


def run_id(reader: Reader, given: str | None) -> str | None:
    """Return the id of the run that the labels are of: the input's, otherwise the workflow's own."""
    if reader.given("run-id"):
        return given
    absent = "is required; GitHub sets it; outside a workflow, set the input run-id"
    return reader.variable("GITHUB_RUN_ID", parsers.run_id, absent=absent)


def addresses(reader: Reader) -> dict[str, str]:
    """Read the addresses of GitHub; outside a workflow, that of the API may be the only one known."""
    allow_http = reader.environ.get("REFRESH_ALLOW_HTTP") == "true"
    api = reader.variable("GITHUB_API_URL", parsers.api_url(allow_http=allow_http), default=None)
    server = reader.variable("GITHUB_SERVER_URL", parsers.server_url(allow_http=allow_http), default=None)
    if api and not server:
        derived = api.removesuffix("/api/v3").replace("https://api.", "https://")
        server = reader.parsed("GITHUB_SERVER_URL", derived, parsers.server_url(allow_http=allow_http))
    return {name: url for name, url in (("github_api_url", api), ("github_server_url", server)) if url}


def run_url(reader: Reader, server: str | None) -> str:
    """Return the address of the workflow run; "" where any part of it is missing or bad."""
    run = reader.environ.get("GITHUB_RUN_ID", "")
    if not reader.environ.get("GITHUB_SERVER_URL"):
        return ""  # it was derived from the address of the API
    try:
        repository = parsers.repository(reader.environ.get("GITHUB_REPOSITORY", "").strip())
    except Problem:
        return ""
    return f"{server}/{repository}/actions/runs/{run}" if server and run.isascii() and run.isdecimal() else ""
