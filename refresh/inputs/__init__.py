"""The workflow's inputs: environment variables in, the desired state out, or every problem at once.

GitHub passes an input as `INPUT_<NAME>`, upper-cased with hyphens kept, and `""` for one that was left out:
https://docs.github.com/en/actions/reference/workflows-and-actions/metadata-syntax#inputs. `action.yml` describes each.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from attrs import frozen

from refresh.credentials import Secrets
from refresh.desired import LONGEST_RUNTIME, REGISTRATION_TOKEN_LIFE, DesiredState, ResourceClass
from refresh.errors import InputErrors
from refresh.inputs import access, actions_runner, checks, durations, parsers, resources, secrets
from refresh.inputs.parsers import Problem
from refresh.inputs.reader import Reader

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.pool.names import Repository

REQUIRED = ("ami", "iam-instance-profile", "security-group-ids", "subnet-ids")
OPTIONAL = (
    "github-token",
    "github-app-id",
    "github-app-private-key",
    "runner-scope",
    "repository",
    "aws-region",
    "role-to-assume",
    "role-session-name",
    "role-duration",
    "allowed-account-ids",
    "max-idle-time",
    "max-runtime",
    "resource-class-config",
    "pre-runner-script",
    "actions-runner-version",
    "actions-runner-sha256",
    "runner-user",
    "registration-token-min-ttl",
    "metadata-hop-limit",
    "root-volume-size",
    "root-volume-type",
    "delete-volumes-on-termination",
    "tags",
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
VARIABLES = (
    *("GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_SERVER_URL", "GITHUB_API_URL"),
    *("AWS_REGION", "AWS_DEFAULT_REGION"),
)
"""Variables whose values reach AWS, a file or a page."""

_MOST_SECURITY_GROUPS = 16
_MOST_SUBNETS = 50
_LONGEST_MIN_TTL = timedelta(minutes=55)


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
    reader = Reader(environ)
    secrets.withhold(reader, (*ALL, checks.TABLE_NAME, *VARIABLES))
    github = access.github(reader)
    given = {**_pool(reader), **_run(reader)}
    id_tokens = access.id_tokens(reader) if given["role"] else None
    as_json = reader.optional("log-format", parsers.log_format) or False
    if not given["role"]:
        checks.credentials(reader)
    checks.script(reader, given["repository"], given["region"], given["pre_runner_script"] or "")
    checks.checksums(reader, given["runner_checksums"], given["runner_version"])
    checks.spelling(reader, given["repository"])
    checks.unknown(reader, given["repository"], ALL)
    checks.ignored(reader, IGNORED)
    if reader.problems or github is None:
        raise InputErrors(reader.problems)
    desired = DesiredState(**{name: value for name, value in given.items() if value is not None})
    checks.odd_durations(reader, desired)
    return Inputs(desired, Secrets(github, id_tokens), tuple(reader.warnings), tuple(reader.notices), as_json)


def load_pool(environ: Mapping[str, str]) -> tuple[Repository, str]:
    """Read the pool's repository and region: with AWS credentials that is enough to look at it."""
    reader = Reader(environ)
    secrets.withhold(reader, ("repository", "aws-region", *VARIABLES))
    repository, region = _repository(reader), checks.region(reader)
    checks.credentials(reader)
    if reader.problems or repository is None or region is None:
        raise InputErrors(reader.problems)
    return repository, region


def log_as_json(environ: Mapping[str, str]) -> bool:
    """Tell how to write the log before the inputs are checked: problems of theirs are written the same way."""
    return Reader(environ).raw("log-format").strip().lower() == "json"


def _pool(reader: Reader) -> dict[str, Any]:
    """Read what the pool has to be, by field of the desired state; None where the default holds."""
    return {
        "repository": _repository(reader),
        "region": checks.region(reader),
        **_durations(reader),
        "image": reader.required("ami", parsers.image),
        "instance_profile": reader.required("iam-instance-profile", parsers.instance_profile),
        "security_group_ids": reader.id_list("security-group-ids", "security group", _MOST_SECURITY_GROUPS),
        "subnet_ids": reader.id_list("subnet-ids", "subnet", _MOST_SUBNETS),
        "resource_classes": reader.optional("resource-class-config", _resource_classes),
        "pre_runner_script": reader.optional("pre-runner-script", _script),
        "runner_version": reader.optional("actions-runner-version", actions_runner.runner_version),
        "runner_checksums": reader.optional("actions-runner-sha256", actions_runner.runner_checksums),
        "runner_user": reader.optional("runner-user", actions_runner.runner_user),
        "runner_scope": reader.optional("runner-scope", actions_runner.runner_scope),
        "metadata_hop_limit": reader.optional("metadata-hop-limit", parsers.whole_number("hops", 1, 64)),
        "root_volume": resources.root_volume(reader),
        "delete_volumes_on_termination": reader.optional("delete-volumes-on-termination", parsers.boolean),
        "tags": reader.optional("tags", resources.tags),
        "max_instance_age": reader.optional(
            "max-instance-age", durations.parser(timedelta(hours=1), timedelta(days=365))
        ),
    }


def _repository(reader: Reader) -> Repository | None:
    """Read whose pool it is: another repository's than the workflow's own only where the input says so."""
    if reader.given("repository"):
        return reader.optional("repository", parsers.repository)
    return reader.variable("GITHUB_REPOSITORY", parsers.repository)


def _resource_classes(value: str) -> tuple[ResourceClass, ...]:
    from refresh.inputs.resource_classes import resource_classes  # noqa: PLC0415 - cattrs is loaded for it alone

    return resource_classes(value)


def _script(value: str) -> str:
    from refresh.inputs import scripts  # noqa: PLC0415 - few runs have a script

    return scripts.script(value)


def _durations(reader: Reader) -> dict[str, timedelta | None]:
    """Read the durations that the original has under other names, as whole numbers."""
    return {
        "max_idle_time": reader.renamed(
            "max-idle-time",
            durations.parser(timedelta(seconds=60), timedelta(hours=24), bare_seconds=True),
            "idle-time-sec",
            lambda value: timedelta(seconds=parsers.whole_number("seconds", 60, 24 * 3600)(value)),
        ),
        "max_runtime": reader.renamed(
            "max-runtime",
            durations.parser(timedelta(minutes=1), LONGEST_RUNTIME),
            "max-runtime-min",
            lambda value: timedelta(
                minutes=parsers.whole_number("minutes", 1, LONGEST_RUNTIME // timedelta(minutes=1))(value)
            ),
        ),
        "registration_token_min_ttl": reader.renamed(
            "registration-token-min-ttl",
            durations.parser(timedelta(minutes=1), _LONGEST_MIN_TTL),
            "github-reg-token-refresh-min",
            lambda value: min(
                REGISTRATION_TOKEN_LIFE - timedelta(minutes=parsers.whole_number("minutes", 0, 59)(value)),
                _LONGEST_MIN_TTL,
            ),
        ),
    }


def _run(reader: Reader) -> dict[str, Any]:
    """Read how this run has to go about it, by field of the desired state; None where the default holds."""
    role = access.role(reader)
    github = _github(reader)
    given_server = github["github_server_url"] if reader.environ.get("GITHUB_SERVER_URL") else None
    return {
        "max_unexpected_terminations": reader.optional(
            "max-unexpected-terminations", parsers.whole_number("instances", 0, 10_000)
        ),
        "clean_github_runners": reader.optional("clean-github-runners", parsers.boolean),
        "timeout": reader.optional("timeout", durations.parser(timedelta(seconds=30), timedelta(hours=6))),
        "mode": reader.optional("mode", parsers.mode),
        "fail_on_drift": reader.optional("fail-on-drift", parsers.boolean),
        **github,
        "github_app_id": reader.optional("github-app-id", access.app_id),
        "role": role,
        "allowed_account_ids": access.allowed_account_ids(reader, role),
        "run_url": _run_url(reader, given_server),
    }


def _github(reader: Reader) -> dict[str, str | None]:
    """Read where GitHub is; elsewhere than in a workflow its API alone may be given."""
    allow_http = reader.environ.get("REFRESH_ALLOW_HTTP") == "true"
    api = reader.variable("GITHUB_API_URL", parsers.api_url(allow_http=allow_http), default=None)
    server = reader.variable("GITHUB_SERVER_URL", parsers.server_url(allow_http=allow_http), default=None)
    if api and not server:
        derived = api.removesuffix("/api/v3").replace("https://api.", "https://")
        server = reader.parsed("GITHUB_SERVER_URL", derived, parsers.server_url(allow_http=allow_http))
    return {"github_api_url": api, "github_server_url": server}


def _run_url(reader: Reader, server: str | None) -> str:
    """Name the workflow run, which is written to what it ends; "" where any part of it is not as GitHub has it."""
    run = reader.environ.get("GITHUB_RUN_ID", "")
    try:
        repository = parsers.repository(reader.environ.get("GITHUB_REPOSITORY", "").strip())
    except Problem:
        return ""
    return f"{server}/{repository}/actions/runs/{run}" if server and run.isascii() and run.isdecimal() else ""
