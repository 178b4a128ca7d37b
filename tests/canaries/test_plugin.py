"""The plugin finds planted secrets in every channel and encoding, except where they have to be."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest

from tests import nested_pytest
from tests.fakes import app, canaries, outgoing
from tests.fakes.literals import lay
from tests.fakes.memory.account import Account
from tests.fakes.memory.sqs import Sqs
from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.world import World

TOKEN = f"{canaries.REGISTRATION}1"
JOB = f"e30.e30.{canaries.ID_TOKEN}"


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": lambda secret: f"told {secret}!",
    "base64": lambda secret: _base64(f"{secret}!"),
    "base64 shifted by one": lambda secret: _base64(f"x{secret}!!"),
    "base64 shifted by two": lambda secret: _base64(f"xy{secret}"),
    "base64 for URLs": lambda secret: base64.urlsafe_b64encode(f"{secret}!".encode()).decode(),
    "URL-encoded": lambda secret: f"?token={quote(secret, safe='')}",
    "JSON-escaped": lambda secret: json.dumps({"token": secret}).replace("/", r"\/"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_secret_is_found_in_every_encoding(encoding: str) -> None:
    """Also each line of an App's key, which differs from session to session."""
    lines = [line for line in app.private_key().splitlines() if not line.startswith("-----")]
    for name, secret in [*canaries.PLANTED.items(), *(("App's private key", line) for line in lines)]:
        text = ENCODINGS[encoding](secret)
        with canaries.expected() as hits:
            assert canaries.search("a place", text, "here")
        assert {(hit.canary, hit.kind, hit.where) for hit in hits} == {(name, "a place", "here")}
        assert all(hit.around in text for hit in hits)


def test_credentials_of_a_role_are_found(world: World) -> None:
    """AWS makes them anew each time."""
    client = policies.client(world.aws, "sts")
    with canaries.expected():  # the client is not refresh's and may log what it is given
        given = client.assume_role(RoleArn="arn:aws:iam::123456789012:role/any", RoleSessionName="any")["Credentials"]
    assert set(canaries.SEARCH.planted) == {given["SecretAccessKey"], given["SessionToken"]}
    with canaries.expected() as hits:
        canaries.search("a place", f"={given['SecretAccessKey']}")
    assert [hit.canary for hit in hits] == ["role's credentials"]


def test_a_part_of_a_secret_is_found() -> None:
    with canaries.expected() as hits:
        canaries.search("a place", b"SECRET+CANARY/77")
    assert [hit.canary for hit in hits] == ["part of a secret"]


def test_a_text_without_a_secret_is_counted_and_nothing_is_found() -> None:
    text = f"canary {_base64('canary')} PAT- ***"
    before = canaries.SEARCH.sizes["a place"]
    assert not canaries.search("a place", text)
    assert canaries.SEARCH.sizes["a place"] == before + len(text)


@pytest.mark.shows("A52")
def test_a_test_that_lets_a_secret_out_fails(tmp_path: Path) -> None:
    """On every worker, although nothing else is wrong with it; the last lines say how much was searched."""
    (tmp_path / "test_it.py").write_text(
        "import logging, pytest\nfrom tests.fakes import canaries\n\n"
        "def test_printed():\n    print(canaries.PAT)\n\n"
        "def test_logged():\n    logging.getLogger('any').debug(canaries.PAT)\n\n"
        "def test_written(tmp_path):\n    (tmp_path / 'file').write_text(canaries.PAT)\n\n"
        "def test_read(capfd):\n    print(canaries.PAT)\n    capfd.readouterr()\n\n"
        "def test_masked():\n    print(f'::add-mask::{canaries.PAT}')\n"
    )
    with canaries.expected():
        code, printed = nested_pytest.run(tmp_path, "tests.canaries.watched", ["-n2"])
    assert code == 1, printed
    assert "5 passed, 4 errors" in printed
    for place in ("what is printed", "log records, any", "files, file"):
        assert f"personal access token (plain) in {place}" in printed
    assert ", 4 hits" in printed


def _child(text: str, code: str) -> None:
    subprocess.run([sys.executable, "-c", code.format(text)], capture_output=True, check=False, text=True)  # noqa: S603 - ours


def _send(url: str, body: bytes | str = b"", method: str = "POST", **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = body.encode() if isinstance(body, str) else body
    with urlopen(Request(url, data=data or None, headers=named, method=method), timeout=20) as answer:  # noqa: S310 - ours
        answer.read()


def _to_aws(world: World, body: str, **headers: str) -> None:
    world.aws.before_call = lambda _: (200, b"{}")
    _send(world.aws.url, body, X_Made_By="test", **headers)


def _to_github(world: World, path: str = "", body: str = "", **headers: str) -> None:
    world.github.answers["runners"] = {}
    method = "POST" if body else "GET"
    _send(f"{world.github.url}/{path}runners", body, method, **({"Authorization": "token any"} | headers))


def _item(world: World, text: str) -> None:
    body = json.dumps({"TableName": "any", "Item": {"identifier": {"S": "idle_time_sec"}, "value": {"S": text}}})
    _to_aws(world, body, X_Amz_Target="DynamoDB_20120810.PutItem", Content_Type="application/x-amz-json-1.0")


def _form(**parameters: str) -> str:
    return urlencode({"Action": "CreateLaunchTemplate", **parameters})


def _script(text: str) -> str:
    return f"#!/bin/bash\necho {text}\n"


def _packed(text: str) -> str:
    return base64.b64encode(gzip.compress(_script(text).encode())).decode()


class _Answer:
    """Takes the place of an answer, so that only the client's own search sees the request."""

    status_code, headers, content = 200, dict[str, str](), b"{}"


def _local(world: World, text: str) -> None:
    client = policies.client(world.aws, "dynamodb")
    outgoing.watch(client)
    client.meta.events.register("before-send", lambda **_: _Answer())
    client.put_item(TableName="any", Item={"PK": {"S": text}})


LOGGER = logging.getLogger("any.other")
PLACES: dict[str, tuple[str, Callable[[World, str], object]]] = {
    "standard output": (outgoing.PRINTED, lambda _, text: print(text)),  # noqa: T201 - the place
    "standard error": (outgoing.PRINTED, lambda _, text: os.write(2, f"{text}\n".encode())),
    "a child's output": (outgoing.CHILDREN, lambda _, text: _child(text, "print({!r})")),
    "a child's error": (outgoing.CHILDREN, lambda _, text: _child(text, "import sys; sys.exit({!r})")),
    "a record at DEBUG": (outgoing.LOGGED, lambda _, text: LOGGER.debug("sent %s", text)),
    "a logged exception": (outgoing.LOGGED, lambda _, text: LOGGER.error("failed", exc_info=ValueError(text))),
    "an item": (outgoing.AWS, _item),
    "a query": (outgoing.AWS, lambda world, text: _to_aws(world, _form(Name=text))),
    "a header to AWS": (outgoing.AWS, lambda world, text: _to_aws(world, _form(), User_Agent=text)),
    "user data": (outgoing.USER_DATA, lambda world, text: _to_aws(world, _form(UserData=_base64(_script(text))))),
    "packed user data": (outgoing.USER_DATA, lambda world, text: _to_aws(world, _form(UserData=_packed(text)))),
    "a request in memory": (
        outgoing.MEMORY,
        lambda _, text: Sqs(Account()).create_queue(QueueName="q", tags={"a": text}),
    ),
    "user data in memory": (
        outgoing.USER_DATA,
        lambda _, text: outgoing.memory_request("any", {"LaunchTemplateData": {"UserData": _packed(text)}}),
    ),
    "a request to DynamoDB Local": (outgoing.LOCAL, _local),
    "a path at GitHub": (outgoing.GITHUB, lambda world, text: _to_github(world, f"{quote(text)}/")),
    "a body to GitHub": (outgoing.GITHUB, lambda world, text: _to_github(world, body=text)),
    "a header to GitHub": (outgoing.GITHUB, lambda world, text: _to_github(world, X_Any=text)),
    "the wrong token to GitHub": (
        outgoing.GITHUB,
        lambda world, text: _to_github(world, Authorization=f"token {text}"),
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_every_channel_is_searched(place: str, world: World, capfd: pytest.CaptureFixture[str]) -> None:
    kind, let_out = PLACES[place]
    for encoding, encoded in ENCODINGS.items():
        with canaries.expected() as hits:
            let_out(world, encoded(TOKEN))
            capfd.readouterr()
        assert (kind, "registration token") in {(hit.kind, hit.canary) for hit in hits}, encoding


def test_files_are_searched_but_not_installed_packages(tmp_path: Path) -> None:
    """Of the calls that the stub of the runner records, the token that it was given may stay."""
    given = f"config.sh with {TOKEN}"
    paths = ("packages/attrs-26.dist-info/METADATA", "packages/attr/any.py", "deep/written")
    lay({**dict.fromkeys(paths, TOKEN), "record/calls": given, "record/job": given}, tmp_path)
    with canaries.expected() as hits:
        outgoing.files(tmp_path)
    assert {hit.where for hit in hits} == {"deep/written", "record/job"}
    shutil.rmtree(tmp_path)


def test_the_emulator_of_aws_may_log_what_it_receives() -> None:
    with canaries.expected() as hits:
        for name in ("moto.iam.access_control", "motorist"):
            logging.getLogger(name).debug(TOKEN)
    assert [hit.where for hit in hits] == ["motorist"]


def _stored(identifier: str = "gh_registration_token", token: str = TOKEN, **others: str) -> dict[str, Any]:
    value = {"token": {"S": token}, **{name: {"S": text} for name, text in others.items()}}
    return {"TableName": "any", "Item": {"identifier": {"S": identifier}, "value": {"M": value}}}


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (_stored(expires_at="2026-01-31T09:05:00Z"), False),
        (_stored(expires_at=TOKEN), True),
        (_stored("idle_time_sec"), True),
        (_stored(token=canaries.PAT), True),
        (_stored(token=f"{TOKEN} {canaries.PAT}"), True),
        ({**_stored(), "ReturnValues": TOKEN}, True),
        ({"TransactItems": [{"Put": _stored()}]}, True),
    ],
    ids=["stored", "twice", "another item", "another secret", "two secrets", "another member", "transaction"],
)
def test_the_registration_token_may_be_in_its_attribute_only(request_: dict[str, Any], *, found: bool) -> None:
    with canaries.expected() as in_memory:
        outgoing.memory_request("dynamodb:PutItem", request_)
    with canaries.expected() as sent:
        outgoing.aws_request("dynamodb:PutItem", {}, json.dumps(request_).encode())
    assert bool(in_memory) is bool(sent) is found


@pytest.mark.parametrize(
    ("headers", "parameters", "found"),
    [
        ({"X-Amz-Security-Token": canaries.AWS_SESSION_TOKEN}, {}, False),
        ({"X-Amz-Security-Token": canaries.AWS_SECRET_KEY}, {}, True),
        ({"User-Agent": canaries.AWS_SESSION_TOKEN}, {}, True),
        ({}, {"Tag.1.Value": canaries.AWS_SESSION_TOKEN}, True),
        ({}, {"WebIdentityToken": JOB}, False),
        ({}, {"RoleSessionName": JOB}, True),
        ({}, {"WebIdentityToken": canaries.REQUEST}, True),
    ],
)
def test_aws_may_get_each_credential_in_its_place_only(
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
)
def test_github_may_get_a_token_in_one_header_only(name: str, value: str, *, found: bool) -> None:
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
    ids=["mask", "mask by act", "quoted", "notice", "next line"],
)
def test_a_secret_may_be_printed_in_the_line_that_masks_it_only(line: str, *, found: bool) -> None:
    """The runner conceals that line."""
    with canaries.expected() as hits:
        outgoing.printed(f"before\n{line}\nbehind")
    assert bool(hits) is found
