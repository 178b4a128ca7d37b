"""A secret may be where it has to go, and nowhere beside it."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest

from tests.fakes import canaries, outgoing
from tests.fakes.literals import lay
from tests.iam import policies

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.aws_server import AwsServer

TOKEN = f"{canaries.REGISTRATION}1"
SESSION = {"X-Amz-Security-Token": canaries.AWS_SESSION_TOKEN}
JOB = f"e30.e30.{canaries.ID_TOKEN}"


def _stored(identifier: str = "gh_registration_token", token: str = TOKEN, **beside: str) -> dict[str, Any]:
    value = {"token": {"S": token}, **{name: {"S": text} for name, text in beside.items()}}
    return {"TableName": "any", "Item": {"identifier": {"S": identifier}, "value": {"M": value}}}


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (_stored(), False),
        (_stored(expires_at="2026-01-31T09:05:00Z"), False),
        (_stored(expires_at=TOKEN), True),
        (_stored("idle_time_sec"), True),
        (_stored(token=canaries.PAT), True),
        (_stored(token=f"{TOKEN} {canaries.PAT}"), True),
        ({**_stored(), "ReturnValues": TOKEN}, True),
        ({"TransactItems": [{"Put": _stored()}]}, True),
    ],
    ids=["stored", "with its end", "twice", "elsewhere", "another secret", "with another", "beside", "transaction"],
)
@pytest.mark.parametrize("in_memory", [False, True], ids=["server", "memory"])
def test_the_registration_token_is_in_the_one_attribute(
    request_: dict[str, Any], *, found: bool, in_memory: bool
) -> None:
    """Of the one item, and no other secret is."""
    with canaries.expected() as hits:
        if in_memory:
            outgoing.memory_request("dynamodb:PutItem", request_)
        else:
            outgoing.aws_request("dynamodb:PutItem", {}, json.dumps(request_).encode())
    assert bool(hits) is found


@pytest.mark.parametrize(
    ("headers", "parameters", "found"),
    [
        (SESSION, {}, False),
        ({"X-Amz-Security-Token": canaries.AWS_SECRET_KEY}, {}, True),
        ({"User-Agent": canaries.AWS_SESSION_TOKEN}, {}, True),
        ({}, {"Tag.1.Value": canaries.AWS_SESSION_TOKEN}, True),
        ({}, {"WebIdentityToken": JOB}, False),
        ({}, {"RoleSessionName": JOB}, True),
        ({}, {"WebIdentityToken": canaries.REQUEST}, True),
    ],
    ids=["session", "key as session", "other header", "session in body", "job", "job elsewhere", "another as job"],
)
def test_aws_is_given_each_credential_in_its_own_place(
    headers: dict[str, str], parameters: dict[str, str], *, found: bool
) -> None:
    """The session's token in its header, the job's in the call that exchanges it."""
    with canaries.expected() as hits:
        outgoing.aws_request("sts:any", headers, urlencode(parameters).encode())
    assert bool(hits) is found


@pytest.mark.parametrize(
    ("name", "value", "found"),
    [
        ("Authorization", f"token {canaries.PAT}", False),
        ("Authorization", f"Bearer ghs_{canaries.INSTALLATION}3", False),
        ("authorization", f"bearer {canaries.REQUEST}", False),
        ("Authorization", f"token {TOKEN}", True),
        ("Authorization", f"token {canaries.PAT} {canaries.PAT}", True),
        ("X-Authorization", f"token {canaries.PAT}", True),
    ],
    ids=["token", "installation", "request", "registration", "twice", "another header"],
)
def test_github_is_given_a_token_in_one_header(name: str, value: str, *, found: bool) -> None:
    """And only those that are meant for it."""
    with canaries.expected() as hits:
        outgoing.github_request("GET", "/any", {name: value}, b"")
    assert bool(hits) is found


@pytest.mark.shows("A52")
@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"::add-mask::{TOKEN}", False),
        (f"[refresh/refresh]   | ::add-mask::{TOKEN}", False),
        (f"told ::add-mask::{TOKEN}", True),
        (f"::notice::{TOKEN}", True),
        (f"::add-mask::{TOKEN}\n{TOKEN}", True),
    ],
    ids=["mask", "mask by act", "quoted", "notice", "the next line"],
)
def test_only_the_line_that_masks_a_secret_shows_it(line: str, *, found: bool) -> None:
    """The runner conceals that line itself."""
    with canaries.expected() as hits:
        outgoing.printed(f"before\n{line}\nbehind")
    assert bool(hits) is found


def test_the_stub_of_the_runner_writes_down_how_it_was_called(tmp_path: Path) -> None:
    """With the token, and in that file only."""
    (tmp_path / "record").mkdir()
    for name, text in {"calls": f"config.sh with {TOKEN}: remove", "job": f"with {TOKEN}"}.items():
        (tmp_path / "record" / name).write_text(text)
    with canaries.expected() as hits:
        outgoing.files(tmp_path)
    assert [hit.where for hit in hits] == ["record/job"]
    (tmp_path / "record" / "job").unlink()


def test_what_a_role_gives_is_searched_for_too(aws: AwsServer) -> None:
    """AWS makes it up anew each time."""
    client = policies.client(aws, "sts")
    arn = "arn:aws:iam::123456789012:role/any"
    with canaries.expected():  # the client is not refresh's, so it may log what it is given
        given = client.assume_role(RoleArn=arn, RoleSessionName="any")["Credentials"]
    assert set(canaries.SEARCH.planted) == {given["SecretAccessKey"], given["SessionToken"]}
    with canaries.expected() as hits:
        canaries.search("a place", f"={given['SecretAccessKey']}")
    assert [hit.canary for hit in hits] == ["role's credentials"]


def test_only_packages_that_were_installed_are_left_out(tmp_path: Path) -> None:
    """They are not the test's, and of their size; what lies beside their folder is searched."""
    paths = ("packages/attrs-26.dist-info/METADATA", "packages/attr/any.py", "written")
    lay(dict.fromkeys(paths, TOKEN), tmp_path)
    with canaries.expected() as hits:
        outgoing.files(tmp_path)
    assert [hit.where for hit in hits] == ["written"]
    (tmp_path / "written").unlink()


def test_what_plays_aws_may_log_what_it_was_sent() -> None:
    """Its own loggers and no others."""
    with canaries.expected() as hits:
        for name in ("moto.iam.access_control", "motorist"):
            logging.getLogger(name).debug(TOKEN)
    assert [hit.where for hit in hits] == ["motorist"]
