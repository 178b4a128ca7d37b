"""The workflow's inputs: environment variables in, the desired state out, or every problem at once.

GitHub passes an input as `INPUT_<NAME>`, upper-cased with hyphens kept, and `""` for one that was left out:
https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax#inputs. `action.yml` describes each.
"""

from __future__ import annotations

import difflib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from attrs import frozen

from refresh import names, parsers, user_data
from refresh.desired import DesiredState, Secret, Secrets
from refresh.errors import InputErrors
from refresh.parsers import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

REQUIRED = ("ami", "iam-instance-profile", "security-group-ids", "subnet-ids", "github-token")
OPTIONAL = (
    "aws-region",
    "max-idle-time",
    "max-runtime",
    "resource-class-config",
    "pre-runner-script",
    "actions-runner-version",
    "registration-token-min-ttl",
    "metadata-hop-limit",
    "max-instance-age",
    "max-unexpected-terminations",
    "clean-github-runners",
    "timeout",
    "mode",
    "fail-on-drift",
    "log-format",
)
DEPRECATED = ("idle-time-sec", "max-runtime-min", "github-reg-token-refresh-min")
"""The original's names for three of the above."""
IGNORED = ("instance-count", "usage-class", "allowed-instance-types")
"""Inputs of the original's other modes."""
ALL = (*REQUIRED, *OPTIONAL, *DEPRECATED, *IGNORED)

_MOST_SECURITY_GROUPS = 16
_MOST_SUBNETS = 50
_LONGEST_MIN_TTL = timedelta(minutes=55)
_TOKEN_LIFE = timedelta(hours=1)
_LONGEST_SHOWN = 40
_PARSED_AS_IS = "pre-runner-script"
_TABLE_NAME = "table-name"


@frozen
class Inputs:
    """What a run needs to know, and what its user should."""

    desired: DesiredState
    secrets: Secrets
    warnings: tuple[str, ...]
    notices: tuple[str, ...]
    log_as_json: bool = False


def load(environ: Mapping[str, str]) -> Inputs:
    """Read and check every input.

    Raises `InputErrors` with all problems; each names the input, the value (never of a secret) and the remedy.
    """
    reader = _Reader(environ)
    token = reader.required("github-token", parsers.github_token)
    repository = reader.variable("GITHUB_REPOSITORY", parsers.repository)
    region = _region(reader)
    idle = reader.renamed(
        "max-idle-time",
        parsers.duration(timedelta(seconds=60), timedelta(hours=24), bare_seconds=True),
        "idle-time-sec",
        lambda value: timedelta(seconds=parsers.whole_number("seconds", 60, 24 * 3600)(value)),
    )
    runtime = reader.renamed(
        "max-runtime",
        parsers.duration(timedelta(minutes=1), timedelta(days=5)),
        "max-runtime-min",
        lambda value: timedelta(minutes=parsers.whole_number("minutes", 1, 5 * 24 * 60)(value)),
    )
    min_ttl = reader.renamed(
        "registration-token-min-ttl",
        parsers.duration(timedelta(minutes=1), _LONGEST_MIN_TTL),
        "github-reg-token-refresh-min",
        lambda value: min(
            _TOKEN_LIFE - timedelta(minutes=parsers.whole_number("minutes", 0, 59)(value)), _LONGEST_MIN_TTL
        ),
    )
    given: dict[str, Any] = {
        "repository": repository,
        "region": region,
        "image": reader.required("ami", parsers.image),
        "instance_profile": reader.required("iam-instance-profile", parsers.instance_profile),
        "security_group_ids": reader.id_list("security-group-ids", "security group", _MOST_SECURITY_GROUPS),
        "subnet_ids": reader.id_list("subnet-ids", "subnet", _MOST_SUBNETS),
        "max_idle_time": idle,
        "max_runtime": runtime,
        "registration_token_min_ttl": min_ttl,
        "resource_classes": reader.optional("resource-class-config", parsers.resource_classes),
        "pre_runner_script": reader.optional("pre-runner-script", parsers.script),
        "runner_version": reader.optional("actions-runner-version", parsers.runner_version),
        "metadata_hop_limit": reader.optional("metadata-hop-limit", parsers.whole_number("hops", 1, 64)),
        "max_instance_age": reader.optional(
            "max-instance-age", parsers.duration(timedelta(hours=1), timedelta(days=365))
        ),
        "max_unexpected_terminations": reader.optional(
            "max-unexpected-terminations", parsers.whole_number("instances", 0, 10_000)
        ),
        "clean_github_runners": reader.optional("clean-github-runners", parsers.boolean),
        "timeout": reader.optional("timeout", parsers.duration(timedelta(seconds=30), timedelta(hours=6))),
        "mode": reader.optional("mode", parsers.mode),
        "fail_on_drift": reader.optional("fail-on-drift", parsers.boolean),
        "github_api_url": reader.variable(
            "GITHUB_API_URL",
            parsers.api_url(allow_http=environ.get("REFRESH_ALLOW_HTTP") == "true"),
            default=None,
        ),
        "run_url": _run_url(environ),
    }
    as_json = reader.optional("log-format", parsers.log_format) or False
    _check_credentials(reader)
    _check_script(reader, given, token)
    _check_unknown(reader, repository)
    for name in IGNORED:
        if reader.text(name):
            reader.notices.append(f"{name}: belongs to another mode of the original action and is ignored.")
    if reader.problems:
        raise InputErrors(reader.problems)
    desired = DesiredState(**{name: value for name, value in given.items() if value is not None})
    if desired.max_runtime < desired.max_idle_time:
        reader.warnings.append(
            f"max-runtime ({parsers.shown(desired.max_runtime)}) is shorter than max-idle-time "
            f"({parsers.shown(desired.max_idle_time)}): runners may live longer idle than at work."
        )
    secrets = Secrets(github_token=Secret(cast("str", token)))
    return Inputs(desired, secrets, tuple(reader.warnings), tuple(reader.notices), as_json)


def log_as_json(environ: Mapping[str, str]) -> bool:
    """Tell how to write the log before the inputs are checked: problems of theirs are written the same way."""
    return _Reader(environ).raw("log-format").strip().lower() == "json"


class _Reader:
    """Reads inputs one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.notices: list[str] = []

    def raw(self, name: str) -> str:
        """Give an input as passed; runners keep its hyphens, other launchers cannot."""
        spellings = (f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}")
        values = {self.environ[each] for each in spellings if self.environ.get(each)}
        if len(values) > 1:
            problem = (
                f"{name}: given twice, as {spellings[0]} and {spellings[1]}, with different values; keep one of them"
            )
            if problem not in self.problems:
                self.problems.append(problem)
        return next(iter(sorted(values)), "")

    def text(self, name: str) -> str:
        """Give an input without surrounding white space; "" when it is absent or unusable."""
        return self._checked(name, parsers.visible, "") or ""

    def required(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Parse an input that must be given."""
        before = len(self.problems)
        value = self.optional(name, parse)
        if value is None and len(self.problems) == before:
            variable = f"INPUT_{name.upper().replace('-', '_')}"
            self.problems.append(f"{name}: is required; set it in the step's `with:` (elsewhere in {variable})")
        return value

    def optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Parse an input; None when it is absent (the default holds) or wrong."""
        if name == _PARSED_AS_IS:
            return self._checked(name, parse, None)
        try:
            text = parsers.visible(self.raw(name))
        except Problem as problem:
            self._add(name, problem, self.raw(name))
            return None
        return self._parsed(name, text, parse) if text else None

    def variable(self, name: str, parse: Callable[[str], T], *, default: str | None = "") -> T | None:
        """Parse an environment variable that GitHub sets; `default=None` makes it optional."""
        value = self.environ.get(name, "").strip()
        if value:
            return self._parsed(name, value, parse)
        if default is not None:
            self.problems.append(f"{name}: is required; GitHub sets it, elsewhere set {name}=owner/name")
        return None

    def renamed(self, name: str, parse: Callable[[str], T], old: str, parse_old: Callable[[str], T]) -> T | None:
        """Parse an input under its name or the original's; both is an error."""
        if not self.text(old):
            return self.optional(name, parse)
        if self.text(name):
            self.problems.append(f"{name}: given together with {old}, its deprecated name; keep {name}")
            return None
        self.warnings.append(f"{old}: is deprecated; use {name}.")
        return self.optional(old, parse_old)

    def id_list(self, name: str, kind: str, most: int) -> tuple[str, ...] | None:
        """Parse a list of ids and mention repeats."""
        found = self.required(name, parsers.ids(kind, most))
        if found is not None and len(re.findall(r"[^\s,]+", self.text(name))) > len(found):
            self.warnings.append(f"{name}: an id is given more than once; it counts once.")
        return found

    def _checked(self, name: str, parse: Callable[[str], T], absent: T | None) -> T | None:
        raw = self.raw(name)
        try:
            return parse(raw) if raw else absent
        except Problem as problem:
            self._add(name, problem, raw)
            return absent

    def _parsed(self, name: str, text: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(text)
        except Problem as problem:
            self._add(name, problem, text)
            return None

    def _add(self, name: str, problem: Problem, value: str) -> None:
        shown = "" if name == "github-token" else f"; got {_cut(value)}"
        remedy = f"; {problem.remedy}" if problem.remedy else ""
        text = f"{name}: {problem.problem}{shown}{remedy}"
        if text not in self.problems:
            self.problems.append(text)


def _region(reader: _Reader) -> str | None:
    given = reader.optional("aws-region", parsers.region)
    configured = reader.environ.get("AWS_REGION", "").strip()
    if given:
        if configured and configured != given:
            reader.warnings.append(f"aws-region: {given} is used although AWS_REGION is {configured}.")
        return given
    if reader.text("aws-region"):
        return None
    if configured:
        return reader.variable("AWS_REGION", parsers.region)
    if reader.environ.get("AWS_DEFAULT_REGION", "").strip():
        region = reader.variable("AWS_DEFAULT_REGION", parsers.region)
        reader.warnings.append(
            f"aws-region: taken from AWS_DEFAULT_REGION ({region}); the original action ignores that variable and "
            "takes us-east-1, so provision and release may look elsewhere. Set aws-region in every step."
        )
        return region
    reader.problems.append("aws-region: is required; set it, or AWS_REGION in the job's env")
    return None


def _check_credentials(reader: _Reader) -> None:
    key, secret = (bool(reader.environ.get(name)) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"))
    if key != secret:
        missing = "AWS_SECRET_ACCESS_KEY" if key else "AWS_ACCESS_KEY_ID"
        reader.problems.append(f"{missing}: is missing beside its other half; set both or neither")


def _check_script(reader: _Reader, given: Mapping[str, Any], token: str | None) -> None:
    script = given["pre_runner_script"] or ""
    if token and token in script:
        reader.problems.append(
            "pre-runner-script: holds the github-token, and user data can be read by everyone on the instance; fetch "
            "secrets on the instance, with its role"
        )
    if "\r\n" in script:
        reader.warnings.append("pre-runner-script: has CRLF line ends; bash will see them.")
    if given["repository"] is None or given["region"] is None:
        return
    table = names.table(given["repository"])
    longest = user_data.Settings.at_their_longest(given["region"], table, script)
    size = len(user_data.render(longest))
    if size > user_data.SIZE_LIMIT:
        reader.problems.append(
            f"pre-runner-script: makes the user data {size} bytes (the longest it can become), limit "
            f"{user_data.SIZE_LIMIT}; shorten the script or let it fetch the rest"
        )


def _check_unknown(reader: _Reader, repository: names.Repository | None) -> None:
    known = {name.upper().replace("-", "_"): name for name in ALL}
    for variable in sorted(reader.environ):
        if not variable.startswith("INPUT_") or not reader.environ[variable].strip():
            continue
        name = variable.removeprefix("INPUT_")
        if name.replace("-", "_") in known:
            continue
        if name.lower().replace("_", "-") == _TABLE_NAME:
            _check_table_name(reader, repository)
            continue
        close = difflib.get_close_matches(name.replace("-", "_"), known, n=1)
        hint = f"; did you mean {known[close[0]]}?" if close else ""
        reader.warnings.append(f"{name.lower()[:_LONGEST_SHOWN]!r}: is no input of this action and is ignored{hint}")


def _check_table_name(reader: _Reader, repository: names.Repository | None) -> None:
    """Refuse a table that differs from the contract's: another one would silently split the pool in two."""
    expected = names.table(repository) if repository else ""
    given = reader.text(_TABLE_NAME)
    if expected and given != expected:
        reader.problems.append(
            f"{_TABLE_NAME}: the table of this pool is {expected}; got {_cut(given)}; leave the input out"
        )


def _run_url(environ: Mapping[str, str]) -> str:
    server, repository, run = (environ.get(f"GITHUB_{name}", "") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return f"{server}/{repository}/actions/runs/{run}" if server and repository and run else ""


def _cut(value: str) -> str:
    return repr(value if len(value) <= _LONGEST_SHOWN else value[:_LONGEST_SHOWN] + "...")
