"""The workflow's inputs: environment variables in, the desired state out, or every problem at once.

GitHub passes an input as `INPUT_<NAME>`, upper-cased with hyphens kept, and `""` for one that was left out:
https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax#inputs. `action.yml` describes each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from attrs import frozen

from refresh.credentials import Secret, Secrets
from refresh.desired import DesiredState, RootVolume
from refresh.errors import InputErrors
from refresh.inputs import access, checks, pool_access, secrets, table, workflow
from refresh.inputs.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from refresh.pool.names import Repository

_INPUTS = table.of(table.REFRESH)
ALL = tuple(each.name for each in _INPUTS)
REQUIRED = tuple(each.name for each in _INPUTS if each.required)
DEPRECATED = tuple(each.name for each in _INPUTS if each.replaced_by)
"""The original action's names for some of the others."""
IGNORED = tuple(each.name for each in _INPUTS if each.ignored)
"""Inputs of the original action's other modes."""
OPTIONAL = tuple(name for name in ALL if name not in {*REQUIRED, *DEPRECATED, *IGNORED})


@frozen
class Inputs:
    """What a run needs, and what its user should read."""

    desired: DesiredState
    secrets: Secrets
    warnings: tuple[str, ...]
    notices: tuple[str, ...]
    log_as_json: bool = False


def load(environ: Mapping[str, str]) -> Inputs:
    """Read and check every input.

    Raises `InputErrors` with all problems; each names the input, the value (never of a secret) and the remedy.
    """
    reader = Reader(environ)
    pool = pool_access.read(reader, _INPUTS)
    given = pool.values
    github = access.github(reader, given)
    checks.repeated_ids(reader, given)
    checks.limited_classes(reader, given)
    checks.script(reader, given["pre-runner-script"] or "")
    checks.checksums(reader, given["actions-runner-sha256"], given["actions-runner-version"])
    if github is None:
        raise InputErrors(reader.problems)
    volume = pool.fields["root_volume"]
    desired = DesiredState(
        **pool_access.desired(reader, pool),
        root_volume=RootVolume(**volume) if volume else None,
    )
    checks.odd_durations(reader, desired)
    as_json = bool(given["log-format"])
    workflow_token = Secret(given["workflow-token"] or "")
    found = Secrets(github, pool.id_tokens, workflow_token)
    return Inputs(desired, found, tuple(reader.warnings), tuple(reader.notices), as_json)


@frozen
class Pool:
    """What is needed to look at a pool, with AWS credentials."""

    repository: Repository
    region: str
    prices: tuple[tuple[str, Decimal], ...] = ()
    """By resource class, what a machine costs per hour."""


def load_pool(environ: Mapping[str, str]) -> Pool:
    """Read what is needed to look at a pool; raises `InputErrors` as `load` does."""
    reader = Reader(environ)
    names = ("repository", "aws-region", "prices")
    secrets.refuse_misplaced(reader, (*names, *pool_access.VARIABLES))
    given = {each.name: reader.value(each) for each in _INPUTS if each.name in names}
    repository, region = workflow.repository(reader, given["repository"]), checks.region(reader, given["aws-region"])
    checks.credentials(reader)
    if reader.problems or repository is None or region is None:
        raise InputErrors(reader.problems)
    return Pool(repository, region, given["prices"] or ())


def log_as_json(environ: Mapping[str, str]) -> bool:
    """Return the format of the log before the inputs are checked, so that their problems are written in it."""
    return Reader(environ).raw("log-format").strip().lower() == "json"
