"""Checks of inputs against each other and the environment, which no single parser can make."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from refresh.desired import DEFAULT_RESOURCE_CLASSES, DesiredState
from refresh.inputs import bash, durations, regions, scripts
from refresh.inputs.parsers import LONGEST_SHOWN, Problem, cut
from refresh.inputs.reader import Reader
from refresh.pool import names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from refresh.desired import Role

TABLE_NAME = "table-name"


def region(reader: Reader, given: str | None) -> str | None:
    """Return the pool's region: the input's, otherwise that of the environment."""
    found = _region(reader, given)
    if found and found not in regions.KNOWN_REGIONS:
        close = regions.nearest(found)
        hint = f"did you mean {close}?" if close else "check the spelling."
        reader.warnings.append(f"aws-region: {found} is not known to this version of botocore; {hint}")
    return found


def _region(reader: Reader, given: str | None) -> str | None:
    configured = reader.environ.get("AWS_REGION", "").strip()
    if given:
        if configured and configured != given:
            reader.warnings.append(f"aws-region: {given} is used although AWS_REGION is {configured}.")
        return given
    if reader.given("aws-region"):
        return None
    if configured:
        return reader.variable("AWS_REGION", regions.region)
    if reader.environ.get("AWS_DEFAULT_REGION", "").strip():
        fallback = reader.variable("AWS_DEFAULT_REGION", regions.region)
        reader.warnings.append(
            f"aws-region: taken from AWS_DEFAULT_REGION ({fallback}); the original action ignores that variable and "
            "uses us-east-1, so provision and release may look elsewhere. Set aws-region in every step."
        )
        return fallback
    reader.problems.append("aws-region: is required; set it, or AWS_REGION in the job's env")
    return None


def credentials(reader: Reader) -> None:
    """Refuse one AWS key without the other, which AWS would refuse later and less clearly."""
    key, secret = (bool(reader.environ.get(name)) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    if key != secret:
        present, missing = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")[:: 1 if key else -1]
        reader.problems.append(f"{missing}: is required with {present}; set both or neither")


def repeated_ids(reader: Reader, given: Mapping[str, Any]) -> None:
    """Warn about ids that are given more than once."""
    for name in ("security-group-ids", "subnet-ids"):
        if given[name] is not None and len(re.findall(r"[^\s,]+", reader.text(name))) > len(given[name]):
            reader.warnings.append(f"{name}: an id is given more than once; it counts once.")


def accounts(reader: Reader, role: Role | None, allowed: tuple[str, ...] | None) -> None:
    """Refuse a role in an account that is not allowed."""
    if role and allowed and (account := role.arn.split(":")[4]) not in allowed:
        reader.problems.append(
            f"role-to-assume: is in account {account}, which is not in allowed-account-ids; correct one of them"
        )


def limited_classes(reader: Reader, given: Mapping[str, Any]) -> None:
    """Refuse numbers for resource classes that the pool does not have; bad classes are reported by themselves."""
    classes = given["resource-class-config"]
    if classes is None:
        classes = () if reader.given("resource-class-config") else DEFAULT_RESOURCE_CLASSES
    known = [each.name for each in classes]
    for limit in ("max-instances", "min-idle", "prices"):
        unknown_names = [name for name, _ in given[limit] or () if name not in known]
        if known and unknown_names:
            names_shown = ", ".join(map(cut, unknown_names))
            problem = Problem(f"not in resource-class-config: {names_shown}", f"the classes are {', '.join(known)}")
            reader.refuse(limit, problem, reader.text(limit))
    most = dict(given["max-instances"] or ())
    above = [name for name, number in given["min-idle"] or () if number > most.get(name, number)]
    if above:
        names_shown = ", ".join(map(cut, above))
        problem = Problem(f"above max-instances: {names_shown}", "lower it, or raise max-instances")
        reader.refuse("min-idle", problem, reader.text("min-idle"))


def script(reader: Reader, text: str) -> None:
    """Refuse a script that bash cannot read."""
    if not text:
        return
    scripts.mentions(reader, text)
    found = bash.check(text)
    if found.error:
        reader.problems.append(
            f"pre-runner-script: is not valid bash: {found.error}; correct that line or an earlier one"
        )
    if found.warning:
        reader.warnings.append(f"pre-runner-script: {found.warning}; put its closing word at the start of a line")


def checksums(reader: Reader, given: tuple[tuple[str, str], ...] | None, version: str | None) -> None:
    """Refuse checksums without a pinned version: the next release of the runner would fail on every instance."""
    if given and version is None:
        reader.problems.append(
            "actions-runner-sha256: needs a pinned actions-runner-version; pin the version, or leave the checksums out "
            "(those of the latest version come from GitHub)"
        )


def spelling(reader: Reader, repository: names.Repository | None) -> None:
    """Refuse the workflow's own repository in another case: in AWS it would be another pool."""
    own = reader.environ.get("GITHUB_REPOSITORY", "").strip()
    if repository and str(repository) != own and str(repository).lower() == own.lower():
        reader.refuse("repository", Problem(f"GitHub spells it {own}", "leave the input out"), str(repository))


def unknown(reader: Reader, repository: names.Repository | None, inputs: Iterable[str]) -> None:
    """Warn about unknown inputs, which are probably typos: their defaults hold."""
    known = {name.upper().replace("-", "_"): name for name in inputs}
    for variable in sorted(reader.environ):
        if not variable.startswith("INPUT_") or not reader.environ[variable].strip():
            continue
        name = variable.removeprefix("INPUT_")
        if name.replace("-", "_") in known:
            continue
        if name.lower().replace("_", "-") == TABLE_NAME:
            _check_table_name(reader, repository)
            continue
        close = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
        hint = f"; did you mean {known[close[0]]}?" if close else ""
        reader.warnings.append(f"{name.lower()[:LONGEST_SHOWN]!r}: is not an input of this action and is ignored{hint}")


def _check_table_name(reader: Reader, repository: names.Repository | None) -> None:
    """Refuse another table than the pool's, which would silently split the pool in two."""
    expected = names.table(repository) if repository else ""
    given = reader.text(TABLE_NAME)
    if expected and given and given != expected:
        reader.refuse(TABLE_NAME, Problem(f"this pool's table is {expected}", "leave the input out"), given)


def odd_durations(reader: Reader, desired: DesiredState) -> None:
    """Warn about durations that contradict each other."""
    if desired.max_runtime < desired.max_idle_time:
        reader.warnings.append(
            f"max-runtime ({durations.shown(desired.max_runtime)}) is shorter than max-idle-time "
            f"({durations.shown(desired.max_idle_time)}): an idle runner may live longer than a busy one."
        )
