"""The inputs of `release`: which labels of which run, of which pool, and how to get at both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh.credentials import Secret, Secrets
from refresh.desired import DesiredRelease
from refresh.errors import InputErrors
from refresh.inputs import VARIABLES, access, checks, parsers, secrets, table, workflow
from refresh.inputs.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUTS = table.of(table.RELEASE)
ALL = tuple(each.name for each in INPUTS)


@frozen
class ReleaseInputs:
    """What a release needs, and what its user should read."""

    desired: DesiredRelease
    secrets: Secrets
    warnings: tuple[str, ...]
    notices: tuple[str, ...]


def load(environ: Mapping[str, str]) -> ReleaseInputs:
    """Read and check every input; raises `InputErrors` with all problems, as `refresh.inputs.load` does."""
    reader = Reader(environ)
    secrets.refuse_misplaced(reader, (*ALL, checks.TABLE_NAME, *VARIABLES))
    given = {each.name: reader.value(each) for each in INPUTS}
    fields = workflow.fields(INPUTS, given)
    repository = workflow.repository(reader, given["repository"])
    region = checks.region(reader, given["aws-region"])
    role = access.role(reader, fields["role"])
    id_tokens = access.id_tokens(reader) if role else None
    fields[""] |= workflow.addresses(reader)
    run_id = given["run-id"] if reader.given("run-id") else _own_run(reader)
    checks.accounts(reader, role, given["allowed-account-ids"])
    if not role:
        checks.credentials(reader)
    checks.spelling(reader, repository)
    checks.unknown(reader, repository, ALL)
    # Outside a workflow the pool's own repository is the run's.
    own = reader.variable("GITHUB_REPOSITORY", parsers.repository, default=None) or repository
    if reader.problems or repository is None or region is None or run_id is None or own is None:
        raise InputErrors(reader.problems)
    desired = DesiredRelease(
        **fields[""],
        repository=repository,
        region=region,
        role=role,
        run_id=run_id,
        workflow_repository=own,
        run_url=workflow.run_url(reader, fields[""].get("github_server_url")),
    )
    token = Secret(given["github-token"] or "")
    return ReleaseInputs(desired, Secrets(token, id_tokens), tuple(reader.warnings), tuple(reader.notices))


def _own_run(reader: Reader) -> str | None:
    """Return the id of the workflow's own run."""
    absent = "is required; GitHub sets it; outside a workflow, set the input run-id"
    return reader.variable("GITHUB_RUN_ID", parsers.run_id, absent=absent)
