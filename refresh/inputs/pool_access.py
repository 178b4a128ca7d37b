"""The inputs that every action has: which pool it works on, and how it gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.errors import InputErrors
from refresh.inputs import access, checks, parsers, secrets, workflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refresh.credentials import IdTokens
    from refresh.desired import Role
    from refresh.inputs.reader import Reader
    from refresh.inputs.table import Input
    from refresh.pool.names import Repository

VARIABLES = (
    *("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_API_URL"),
    *("AWS_REGION", "AWS_DEFAULT_REGION"),
)
"""Variables whose values are written to AWS, a file or a page."""


@frozen(kw_only=True)
class PoolInputs:
    """All inputs of an action as they were parsed, and what every action makes of them."""

    values: Mapping[str, Any]
    """By input; None where it is absent or wrong."""
    fields: Mapping[str, dict[str, Any]]
    """The fields of the desired state that inputs set, see `workflow.fields`."""
    repository: Repository | None
    """The repository that has the pool; None if that is a problem, as for `region`."""
    region: str | None
    role: Role | None
    id_tokens: IdTokens | None


def read(reader: Reader, inputs: Iterable[Input], variables: Iterable[str] = VARIABLES) -> PoolInputs:
    """Read every input of an action, and check those that all actions have; `variables` must hold no secret."""
    inputs = tuple(inputs)
    names = tuple(each.name for each in inputs)
    secrets.refuse_misplaced(reader, (*names, checks.TABLE_NAME, *variables))
    values = {each.name: reader.value(each) for each in inputs}
    fields = workflow.fields(inputs, values)
    repository = workflow.repository(reader, values["repository"])
    region = checks.region(reader, values["aws-region"])
    role = access.role(reader, fields["role"])
    id_tokens = access.id_tokens(reader) if role else None
    fields[""] |= workflow.addresses(reader)
    checks.accounts(reader, role, values["allowed-account-ids"])
    if not role:
        checks.credentials(reader)
    checks.spelling(reader, repository)
    checks.unknown(reader, repository, names)
    return PoolInputs(
        values=values, fields=fields, repository=repository, region=region, role=role, id_tokens=id_tokens
    )


def desired(reader: Reader, pool: PoolInputs, **more: Any) -> dict[str, Any]:
    """Return the fields of the desired state, and `more`; raises `InputErrors` with all problems that were found."""
    if reader.problems:
        raise InputErrors(reader.problems)
    return {
        **pool.fields[""],
        **more,
        "repository": pool.repository,
        "region": pool.region,
        "role": pool.role,
        "run_url": workflow.run_url(reader, pool.fields[""].get("github_server_url")),
    }


def own_repository(reader: Reader, pool: PoolInputs) -> Repository | None:
    """Return the workflow's repository; outside a workflow that of the pool, and None if it is a problem."""
    return reader.variable("GITHUB_REPOSITORY", parsers.repository, default=None) or pool.repository
