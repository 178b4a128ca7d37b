"""Every kind of place to which something can leave is searched."""

from __future__ import annotations

import base64
import gzip
import json
import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

import pytest

from tests.canaries.encodings import ENCODINGS, base64_of
from tests.fakes import canaries, outgoing
from tests.fakes.memory.account import Account
from tests.fakes.memory.sqs import Sqs
from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fakes.aws_server import AwsServer
    from tests.fakes.github_server import GitHubServer

TOKEN = f"{canaries.REGISTRATION}1"
JSON = "application/x-amz-json-1.0"


def _printed(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    print(text)  # noqa: T201 - that is the place
    capfd.readouterr()


def _told(text: str, capfd: pytest.CaptureFixture[str]) -> None:
    os.write(2, f"{text}\n".encode())
    capfd.readouterr()


def _child(text: str) -> None:
    subprocess.run([sys.executable, "-c", f"print({text!r})"], capture_output=True, check=True)  # noqa: S603 - ours


def _child_s_error(text: str) -> None:
    command = [sys.executable, "-c", f"import sys; sys.exit({text!r})"]
    assert subprocess.run(command, capture_output=True, check=False, text=True).returncode == 1  # noqa: S603 - ours


def _file(text: str, tmp_path: Path) -> None:
    path = tmp_path / "deep" / "report.json"
    path.parent.mkdir()
    path.write_text(text)
    outgoing.files(tmp_path)
    path.unlink()


def _debugged(text: str) -> None:
    logging.getLogger("somebody.else").debug("sent %s", text)


def _raised(text: str) -> None:
    logging.getLogger("somebody.else").error("failed", exc_info=ValueError(text))


def _send(url: str, body: bytes = b"", method: str = "POST", **headers: str) -> None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with urlopen(Request(url, data=body or None, headers=named, method=method), timeout=20) as answer:  # noqa: S310 - ours
        answer.read()


def _to_aws(aws: AwsServer, body: bytes, **headers: str) -> None:
    aws.before_call = lambda _: (200, b"{}")
    _send(aws.url, body, X_Made_By="test", **headers)


def _json_body(text: str, aws: AwsServer) -> None:
    item = {"identifier": {"S": "idle_time_sec"}, "value": {"S": text}}
    body = json.dumps({"TableName": "any", "Item": item})
    _to_aws(aws, body.encode(), X_Amz_Target="DynamoDB_20120810.PutItem", Content_Type=JSON)


def _query_body(text: str, aws: AwsServer) -> None:
    _to_aws(aws, urlencode({"Action": "CreateTags", "Tag.1.Value": text}).encode())


def _header(text: str, aws: AwsServer) -> None:
    _to_aws(aws, b"Action=DescribeInstances", User_Agent=text)


def _user_data(text: str, aws: AwsServer) -> None:
    script = base64_of(f"#!/bin/bash\necho {text}\n")
    _to_aws(aws, urlencode({"Action": "CreateLaunchTemplate", "LaunchTemplateData.UserData": script}).encode())


def _packed_user_data(text: str, aws: AwsServer) -> None:
    script = base64.b64encode(gzip.compress(f"#!/bin/bash\necho {text}\n".encode())).decode()
    _to_aws(aws, urlencode({"Action": "RunInstances", "UserData": script}).encode())


def _in_memory(text: str) -> None:
    Sqs(Account()).create_queue(QueueName="any", tags={"any": text})


def _user_data_in_memory(text: str) -> None:
    script = base64.b64encode(gzip.compress(f"#!/bin/bash\necho {text}\n".encode())).decode()
    outgoing.memory_request("ec2:CreateLaunchTemplate", {"LaunchTemplateData": {"UserData": script}})


def _local(text: str, aws: AwsServer) -> None:
    client = policies.client(aws, "dynamodb")
    outgoing.watch(client)
    client.meta.events.register("before-send", lambda **_: _Answer())
    client.put_item(TableName="any", Item={"PK": {"S": text}})


class _Answer:
    """Stands for an answer, so that only the client's own search sees the request."""

    status_code, headers, content = 200, dict[str, str](), b"{}"


def _github_path(text: str, github: GitHubServer) -> None:
    github.answers["runners"] = {}
    _send(f"{github.url}/{quote(text)}/runners", method="GET", Authorization="token any")


def _github_body(text: str, github: GitHubServer) -> None:
    github.answers["runners"] = {}
    _send(f"{github.url}/runners", text.encode(), Authorization="token any")


def _github_header(text: str, github: GitHubServer) -> None:
    github.answers["runners"] = {}
    _send(f"{github.url}/runners", method="GET", Authorization="token any", X_Any=text)


def _github_authorization(text: str, github: GitHubServer) -> None:
    github.answers["runners"] = {}
    _send(f"{github.url}/runners", method="GET", Authorization=f"token {text}")


PLACES: dict[str, tuple[Callable[..., None], str]] = {
    "standard output": (_printed, outgoing.PRINTED),
    "standard error": (_told, outgoing.PRINTED),
    "a child's output": (_child, outgoing.CHILDREN),
    "a child's error": (_child_s_error, outgoing.CHILDREN),
    "a file": (_file, outgoing.FILES),
    "a record at DEBUG": (_debugged, outgoing.LOGGED),
    "a logged exception": (_raised, outgoing.LOGGED),
    "a JSON body": (_json_body, outgoing.AWS),
    "a query body": (_query_body, outgoing.AWS),
    "a header to AWS": (_header, outgoing.AWS),
    "user data": (_user_data, outgoing.USER_DATA),
    "packed user data": (_packed_user_data, outgoing.USER_DATA),
    "a request in memory": (_in_memory, outgoing.MEMORY),
    "packed user data in memory": (_user_data_in_memory, outgoing.USER_DATA),
    "a request to DynamoDB Local": (_local, outgoing.LOCAL),
    "a path at GitHub": (_github_path, outgoing.GITHUB),
    "a body to GitHub": (_github_body, outgoing.GITHUB),
    "a header to GitHub": (_github_header, outgoing.GITHUB),
    "the wrong token to GitHub": (_github_authorization, outgoing.GITHUB),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("place", PLACES)
def test_every_kind_of_place_is_searched(place: str, encoding: str, request: pytest.FixtureRequest) -> None:
    """Whatever the encoding."""
    let_out, kind = PLACES[place]
    names = let_out.__code__.co_varnames[1 : let_out.__code__.co_argcount]
    needed = [request.getfixturevalue(name) for name in names]
    with canaries.expected() as hits:
        let_out(ENCODINGS[encoding](TOKEN), *needed)
    assert (kind, "registration token") in {(hit.kind, hit.canary) for hit in hits}
