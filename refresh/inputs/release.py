"""The inputs of `release`: which labels of which run, of which pool, and how to get at both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh.credentials import Secret, Secrets
from refresh.desired import DesiredRelease
from refresh.inputs import pool_access, table, workflow
from refresh.inputs.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUTS = table.of(table.RELEASE)


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
    pool = pool_access.read(reader, INPUTS)
    desired = DesiredRelease(
        **pool_access.desired(
            reader,
            pool,
            run_id=workflow.run_id(reader, pool.values["run-id"]),
            workflow_repository=pool_access.own_repository(reader, pool),
        )
    )
    token = Secret(pool.values["github-token"] or "")
    return ReleaseInputs(desired, Secrets(token, pool.id_tokens), tuple(reader.warnings), tuple(reader.notices))
