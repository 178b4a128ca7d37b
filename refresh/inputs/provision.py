"""The inputs of `provision`: how many machines of which kind, for how long, for which label, of which pool."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.credentials import Secret, Secrets
from refresh.desired import DesiredProvision
from refresh.inputs import launches, parsers, pool_access, table, workflow
from refresh.inputs.parsers import Problem
from refresh.inputs.reader import Reader
from refresh.pool.usage import UsageClass

if TYPE_CHECKING:
    from collections.abc import Mapping

INPUTS = table.of(table.PROVISION)
_ATTEMPT = "GITHUB_RUN_ATTEMPT"


@frozen
class ProvisionInputs:
    """What a provision needs, and what its user should read."""

    desired: DesiredProvision
    secrets: Secrets
    warnings: tuple[str, ...]
    notices: tuple[str, ...]


def load(environ: Mapping[str, str]) -> ProvisionInputs:
    """Read and check every input; raises `InputErrors` with all problems, as `refresh.inputs.load` does."""
    reader = Reader(environ)
    pool = pool_access.read(reader, INPUTS, (*pool_access.VARIABLES, _ATTEMPT))
    _check_counts(reader, pool.values)
    given = pool_access.desired(
        reader,
        pool,
        run_id=workflow.run_id(reader, pool.values["run-id"]),
        attempt=reader.variable(_ATTEMPT, parsers.run_attempt, default=None) or 1,
        fallback=_fallback(reader, pool.values),
    )
    secrets = Secrets(Secret(""), pool.id_tokens)
    return ProvisionInputs(DesiredProvision(**given), secrets, tuple(reader.warnings), tuple(reader.notices))


def _check_counts(reader: Reader, given: Mapping[str, Any]) -> None:
    """Refuse a minimum above the count; a count that is left out is 1."""
    count, fewest = given["count"], given["min-count"]
    if count is None and not (reader.given("count") or reader.given("instance-count")):
        count = 1
    if count is not None and fewest is not None and fewest > count:
        problem = Problem(f"more than count, which is {count}", f"write 1 to {count}, or raise count")
        reader.refuse("min-count", problem, reader.text("min-count"))


def _fallback(reader: Reader, given: Mapping[str, Any]) -> bool:
    """Whether on-demand machines may take the place of spot machines; left out, they may where any are wanted."""
    fallback, usage = given["fallback"], given["usage-class"]
    if fallback and usage in {None, launches.USAGE_CLASSES["on-demand"]}:
        reader.warnings.append(
            "fallback: has no effect with usage-class on-demand; set usage-class to spot or any, or leave fallback out."
        )
    return UsageClass.SPOT in (usage or ()) and (len(usage) > 1 if fallback is None else fallback)
