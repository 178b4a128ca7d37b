"""Strategies for arbitrary inputs and for desired states, and a way back from a state to inputs."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from refresh import inputs
from refresh.desired import DesiredState, Mode, ResourceClass, Role, RootVolume, RunnerScope
from refresh.inputs.resources import VOLUME_TYPES
from refresh.inputs.table import SECRETS
from refresh.pool.names import Repository
from tests.fakes import app, canaries
from tests.fakes.literals import good

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

READ = (
    *("GITHUB_REPOSITORY", "GITHUB_API_URL", "GITHUB_SERVER_URL", "GITHUB_RUN_ID", "GITHUB_RUN_ATTEMPT"),
    *("AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "REFRESH_ALLOW_HTTP"),
    *("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
)
"""The variables that are read besides the inputs'."""
NAMED = (*inputs.ALL, "table-name")
_PIECES = (
    *("\ufeff", "\u200b", "\u00a0", "\u202e", "\u2066", "\u2028", "\x00", "\x1b", "\x85", "\x1c", "\udc80", "\ud83d"),
    *("\n", "\r\n", "\r", "\t", " ", ",", '"', "'", "=", "-", "+", "/", "%0A", "::error::", "##[error]", "\\n"),
    *("${{ secrets.X }}", "***", "\u0663", "\uff15", "\u00b2", "1_000", "0x10", "1e3", "NaN", "-1", "9" * 5000),
    *("#!/bin/sh", "#cloud-config", "$(id)", "'", "(", "aws:", "https://", "http://127.0.0.1:1", "resolve:ssm:"),
    *("{", "}", "[", "]", "[" * 2000, "null", "true", '{"a": {"cpu": 1, "mmem": 1}}', "-----BEGIN PRIVATE KEY-----"),
    *("c* m* r*", "spot,any", "self-hosted", "*", "M5.large"),
    *("ami-01234567", "sg-01234567", "subnet-01234567", "us-east-1", "us-east-1a", "owner/name", "7m", "420"),
)
_GOOD = (
    *good().values(),
    *("420", "7m", "24h", "5d", "gp3", "plan", "refresh", "true", "json", "latest", "2.335.1", "organization", "100"),
    *("https://ghe.example.com/api/v3", "octo-widgets-ci-table", "arn:aws:iam::123456789012:role/x", "team=ci\na=b"),
    *('{"large": {"cpu": 2, "mmem": 4096}}', "x64=" + "a" * 64, "true\n", app.APP_ID, app.private_key()),
)
_ANY = st.text(st.characters(), max_size=50)  # surrogates included


def _spliced(good_value: str, piece: str, where: float) -> str:
    at = round(where * len(good_value))
    return good_value[:at] + piece + good_value[at:]


_DIGITS = st.text(st.characters(categories=["Nd", "Nl", "No"]) | st.sampled_from("0123456789"), max_size=8)
_WHOLE = st.one_of(_DIGITS, st.integers().map(str), st.integers(0, 6000).map(lambda length: "9" * length))
_SIZES = st.one_of(st.integers(), st.booleans(), st.floats(), st.none(), st.text(max_size=3), st.just("4"))
_SIZE = st.dictionaries(st.sampled_from(("cpu", "mmem", "gpu", "\udc80")), _SIZES, max_size=3)
_TREE: st.SearchStrategy[Any] = st.recursive(
    _SIZES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)
_NESTED = st.integers(0, 1500).map(lambda depth: f'{{"a": {{"cpu": {"[" * depth}{"]" * depth}}}}}')
VALUES: Mapping[str, st.SearchStrategy[str]] = {
    "text": _ANY,
    "pieces": st.sampled_from(_PIECES)
    | st.lists(st.sampled_from(_PIECES) | st.sampled_from(_GOOD), max_size=5).map("".join),
    "near misses": st.builds(_spliced, st.sampled_from(_GOOD), st.sampled_from(_PIECES), st.floats(0, 1)),
    "numbers": st.builds("{}{}{}".format, st.sampled_from(("", "", "-", " ")), _WHOLE, st.sampled_from(("", *"smhdM"))),
    "json": st.one_of(
        st.dictionaries(st.text("ab-_. \n\udc80", max_size=3), _SIZE, max_size=4).map(json.dumps),
        _TREE.map(json.dumps),
        _NESTED,
        st.builds(_spliced, _TREE.map(json.dumps), st.sampled_from(_PIECES), st.floats(0, 1)),
    ),
}
"""Kinds of values; for most inputs they are wrong."""


def environments(
    kind: str, named: Iterable[str] = NAMED, right: Mapping[str, str] = good()
) -> st.SearchStrategy[dict[str, str]]:
    """Give environments with values of a kind: one that many inputs have, or several under names of any spelling.

    `named` are the inputs of the action, and `right` is an environment that it accepts.
    """
    known = [f"INPUT_{each.upper()}" for each in named]
    names = st.one_of(
        st.sampled_from([*known, *(each.replace("-", "_") for each in known), *READ]),
        st.sampled_from(READ),
        _ANY.map("INPUT_{}".format),
        _ANY,
    )
    unlike = [each for each in (*known, *READ) if "GITHUB" not in each]
    many = st.sampled_from(([*known, *READ], unlike, known)) | st.sampled_from(known).map(lambda name: [name])
    changed = st.one_of(
        st.dictionaries(names, VALUES[kind] | st.sampled_from(_GOOD), max_size=4),
        st.builds(dict.fromkeys, many, VALUES[kind]),
    )
    base = st.sampled_from([right, right, {}])
    return st.builds(lambda given, values: {**given, **values}, base, changed)


SECRET = st.text(st.characters(codec="ascii") | st.sampled_from("\u00e9\n\t '\"\\"), min_size=20, max_size=120)
"""Tokens and keys, well-formed or not."""


@st.composite
def environments_with(draw: st.DrawFn, secret: str, of: str) -> dict[str, str]:
    """Give environments in which a secret stands where it belongs and in other inputs as well."""
    others = [each for each in NAMED if each not in SECRETS]
    around = st.sampled_from(("{}", "x{}", "{} ", '["{}"]', "'{}'", "#!/usr/bin/python {}", "a={}", "\udc80{}", "o/{}"))
    wrong = {
        f"INPUT_{each.upper()}": draw(around).replace("{}", secret) for each in draw(st.sets(st.sampled_from(others)))
    }
    wrong |= {each: draw(around).replace("{}", secret) for each in draw(st.sets(st.sampled_from(READ)))}
    app_id = {"INPUT_GITHUB-TOKEN": "", "INPUT_GITHUB-APP-ID": app.APP_ID} if of == "github-app-private-key" else {}
    return good(**{"INPUT_AMI": "?", **app_id, **wrong, f"INPUT_{of.upper()}": secret})


def _seconds(smallest: int, largest: int) -> st.SearchStrategy[timedelta]:
    return st.integers(smallest, largest).map(lambda seconds: timedelta(seconds=seconds))


def _matching(pattern: str) -> st.SearchStrategy[str]:
    return st.from_regex(pattern, fullmatch=True)


def _ids(prefix: str, most: int) -> st.SearchStrategy[tuple[str, ...]]:
    digits = st.integers(0, 16**8 - 1).map("{:08x}".format) | st.integers(0, 16**17 - 1).map("{:017x}".format)
    each = digits.map(lambda found: f"{prefix}-{found}")
    return st.lists(each, unique=True, min_size=1, max_size=most).map(tuple)


@st.composite
def _classes(draw: st.DrawFn) -> tuple[ResourceClass, ...]:
    names = draw(st.lists(_matching(r"[A-Za-z0-9_-]{1,80}"), unique=True, min_size=1, max_size=6))
    cpus, memories = (
        sorted(draw(st.sets(st.integers(1, largest), min_size=len(names), max_size=len(names))))
        for largest in (1024, 33_554_432)
    )
    return tuple(draw(st.permutations([ResourceClass(*each) for each in zip(names, cpus, memories, strict=True)])))


def _limits(classes: tuple[ResourceClass, ...]) -> st.SearchStrategy[tuple[tuple[str, int], ...]]:
    limited = st.dictionaries(st.sampled_from([each.name for each in classes]), st.integers(0, 10_000))
    return limited.map(lambda found: tuple(found.items()))


_REPOSITORIES = st.builds(
    Repository,
    _matching(r"[A-Za-z0-9][A-Za-z0-9_-]{0,38}"),
    _matching(r"[A-Za-z0-9._-]{1,100}").filter(lambda name: set(name) != {"."}),
)
_ROLES = st.builds(
    Role,
    arn=_matching(r"arn:aws:iam::[0-9]{12}:role/[A-Za-z0-9_+=,.@/-]{1,50}"),
    session_name=_matching(r"[A-Za-z0-9_+=,.@-]{2,64}"),
    duration=_seconds(20 * 60, 12 * 3600),
)
_VOLUMES = st.builds(RootVolume, st.none() | st.integers(1, 16384), st.none() | st.sampled_from(VOLUME_TYPES))
_TAGS = st.dictionaries(
    _matching(r"[0-9a-zA-Z\-_+.@:]{1,20}").map("k{}".format),
    st.text("aZ09é界 _.:/=+-@", max_size=256).map(lambda text: text.replace("://", "").strip()),
    max_size=40,
).map(lambda tags: tuple(sorted(tags.items())))
_VERSIONS = st.tuples(*[st.integers(0, 9999)] * 3).map(lambda parts: ".".join(map(str, parts)))
_SUMS = st.dictionaries(st.sampled_from(("arm64", "x64")), _matching(r"[0-9a-f]{64}")).map(
    lambda sums: tuple(sorted(sums.items()))
)
_COMMENTS = st.lists(st.text(max_size=60).map(lambda text: "# " + re.sub(r"[\n\0]", "", text)), max_size=5).map(
    "\n".join
)
_HOSTS = _matching(r"https://[a-z0-9.-]{1,40}(:[0-9]{1,5})?")


@st.composite
def desired_states(draw: st.DrawFn) -> DesiredState:
    """Give any desired state that inputs can ask for."""
    repository, server, version = draw(_REPOSITORIES), draw(_HOSTS), draw(st.none() | _VERSIONS)
    classes = draw(_classes())
    role, accounts = draw(st.none() | _ROLES), draw(st.sets(_matching(r"[0-9]{12}"), max_size=3))
    if role and accounts:
        accounts.add(role.arn.split(":")[4])
    run = draw(st.sampled_from(("", "77")))
    return DesiredState(
        repository=repository,
        region=draw(_matching(r"[a-z]{2,4}(-[a-z]{2,9})?-(central|(north|south)?(east|west))-[1-9]")),
        image=draw(_matching(r"ami-([0-9a-f]{8}|[0-9a-f]{17})|resolve:ssm:[A-Za-z0-9_./:-]{1,100}")),
        instance_profile=draw(
            _matching(r"[A-Za-z0-9_+=,.@-]{1,128}|arn:aws:iam::[0-9]{12}:instance-profile/[A-Za-z0-9/]{1,50}")
        ),
        security_group_ids=draw(_ids("sg", 16)),
        subnet_ids=draw(_ids("subnet", 50)),
        max_idle_time=draw(_seconds(60, 24 * 3600)),
        max_runtime=draw(_seconds(60, 5 * 24 * 3600)),
        resource_classes=classes,
        max_instances=draw(_limits(classes)),
        pre_runner_script=draw(_COMMENTS),
        runner_version=version,
        runner_checksums=draw(_SUMS) if version else (),
        runner_user=draw(_matching(r"[a-z_][a-z0-9_-]{0,31}")),
        runner_scope=draw(st.sampled_from(RunnerScope)),
        registration_token_min_ttl=draw(_seconds(60, 55 * 60)),
        metadata_hop_limit=draw(st.integers(1, 64)),
        root_volume=draw(st.none() | _VOLUMES.filter(lambda volume: volume != RootVolume())),
        delete_volumes_on_termination=draw(st.booleans()),
        tags=draw(_TAGS),
        max_instance_age=draw(_seconds(3600, 365 * 24 * 3600)),
        max_unexpected_terminations=draw(st.none() | st.integers(0, 10_000)),
        clean_github_runners=draw(st.booleans()),
        timeout=draw(_seconds(30, 6 * 3600)),
        mode=draw(st.sampled_from(Mode)),
        fail_on_drift=draw(st.booleans()),
        github_api_url=draw(_HOSTS) + draw(st.sampled_from(("", "/api/v3"))),
        github_server_url=server,
        github_app_id=draw(st.just("") | _matching(r"[0-9]{1,20}|Iv[A-Za-z0-9.]{4,60}")),
        role=role,
        allowed_account_ids=tuple(accounts),
        run_url=f"{server}/{repository}/actions/runs/{run}" if run else "",
    )


def dump(desired: DesiredState) -> dict[str, str]:
    """Write a desired state as the environment from which it is loaded."""
    volume, role = desired.root_volume or RootVolume(), desired.role
    values = {
        "ami": desired.image,
        "iam-instance-profile": desired.instance_profile,
        "security-group-ids": " ".join(desired.security_group_ids),
        "subnet-ids": ",".join(desired.subnet_ids),
        "runner-scope": desired.runner_scope.value,
        "aws-region": desired.region,
        "allowed-account-ids": " ".join(desired.allowed_account_ids),
        "resource-class-config": json.dumps(
            {each.name: {"cpu": each.cpu, "mmem": each.memory_mib} for each in desired.resource_classes}
        ),
        "max-instances": json.dumps(dict(desired.max_instances)),
        "pre-runner-script": desired.pre_runner_script,
        "actions-runner-version": desired.runner_version or "latest",
        "actions-runner-sha256": ",".join(f"{name}={each}" for name, each in desired.runner_checksums),
        "runner-user": desired.runner_user,
        "metadata-hop-limit": str(desired.metadata_hop_limit),
        "root-volume-size": str(volume.size_gib or ""),
        "root-volume-type": volume.type or "",
        "delete-volumes-on-termination": str(desired.delete_volumes_on_termination),
        "tags": "\n".join(f"{key}={value}" for key, value in desired.tags),
        "clean-github-runners": str(desired.clean_github_runners),
        "mode": desired.mode.value,
        "fail-on-drift": str(desired.fail_on_drift),
        **{
            name: f"{int(getattr(desired, name.replace('-', '_')).total_seconds())}s"
            for name in ("max-idle-time", "max-runtime", "registration-token-min-ttl", "max-instance-age", "timeout")
        },
    }
    if desired.max_unexpected_terminations is not None:
        values["max-unexpected-terminations"] = str(desired.max_unexpected_terminations)
    if desired.github_app_id:
        values |= {"github-app-id": desired.github_app_id, "github-app-private-key": app.private_key()}
    else:
        values["github-token"] = canaries.PAT
    variables = {
        "GITHUB_REPOSITORY": str(desired.repository),
        "GITHUB_API_URL": desired.github_api_url,
        "GITHUB_SERVER_URL": desired.github_server_url,
        "GITHUB_RUN_ID": desired.run_url.rpartition("/")[2],
    }
    if role:
        duration = f"{int(role.duration.total_seconds())}s"
        values |= {"role-to-assume": role.arn, "role-session-name": role.session_name, "role-duration": duration}
        variables["ACTIONS_ID_TOKEN_REQUEST_URL"] = "https://token.example.com/"
        variables["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = canaries.REQUEST
    return {**variables, **{f"INPUT_{name.upper()}": value for name, value in values.items()}}
