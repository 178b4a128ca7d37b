"""What docs/security.md gives a reader to set and to run does what the page says."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.inputs import scripts
from tests import pages, suites

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PAGE = pages.page("docs/security.md")
ROLE, OTHER = "AROARUNNERROLE0000000", "AROAREFRESHROLE000000"
BUSY, DEAD = "i-0123456789abcdef0", "i-0fedcba9876543210"
SUBJECT = "repo:octo/widgets:ref:refs/heads/"


def _run(folder: Path, script: str, commands: Mapping[str, str], **variables: str) -> tuple[int, str]:
    """Run the shell of the page with stand-ins for these commands."""
    for name, text in commands.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", **variables}
    done = subprocess.run(["bash", "-c", script], cwd=folder, env=environ, capture_output=True, text=True, check=False)  # noqa: S603, S607 - the page's
    return done.returncode, done.stdout


@pytest.mark.shows("A74")
@pytest.mark.parametrize("failing", ["", "dnf", "iptables"])
def test_the_block_keeps_the_user_of_the_jobs_from_the_role_or_fails(tmp_path: Path, failing: str) -> None:
    """A script that fails leaves an instance that serves no run."""
    (block,) = pages.blocks(PAGE, "yaml")
    given = yaml.safe_load(block)
    log = 'echo "${0##*/}" "$@"; [ "${0##*/}" != "$FAILING" ]'
    script = scripts.script(given["pre-runner-script"])
    code, printed = _run(tmp_path, script, {"dnf": log, "iptables": log}, FAILING=failing)
    assert (code == 0) is not bool(failing)
    rule = f"iptables -I OUTPUT -d 169.254.169.254 -m owner --uid-owner {given['runner-user']} -j REJECT\n"
    assert printed.endswith(rule) is (failing != "dnf")


def _event(who: str, request: Mapping[str, Any], error: str = "") -> dict[str, Any]:
    """Make an event of CloudTrail: the identity in the form that AWS documents, and what was asked for."""
    if who.startswith("repo:"):
        identity: dict[str, Any] = {
            "type": "WebIdentityUser",
            "principalId": f"provider:audience:{who}",
            "userName": who,
        }
    else:
        issuer = {"type": "Role", "userName": "runner" if who.startswith(ROLE) else "provision"}
        identity = {"type": "AssumedRole", "principalId": who, "sessionContext": {"sessionIssuer": issuer}}
    failed = {"errorCode": error} if error else {}
    return {"eventTime": "T", "userIdentity": identity, "requestParameters": dict(request), **failed}


def _ended(*instances: str) -> dict[str, Any]:
    return {"instancesSet": {"items": [{"instanceId": each} for each in instances]}}


EVENTS = {
    "AssumeRoleWithWebIdentity": [
        _event(f"{SUBJECT}main", {"roleArn": "arn:refresh"}),
        {**_event(f"{SUBJECT}evil", {}, "AccessDenied"), "requestParameters": None},
    ],
    "TerminateInstances": [
        _event(f"{ROLE}:{BUSY}", _ended(BUSY)),
        _event(f"{ROLE}:{BUSY}", _ended(BUSY, DEAD)),
        _event(f"{OTHER}:refresh-action-77", _ended(DEAD)),
        {"userIdentity": {"type": "AWSService", "invokedBy": "spot.amazonaws.com"}, "requestParameters": None},
    ],
    "RunInstances": [
        *[_event(f"{OTHER}:refresh-action-77", {"subnetId": "subnet-1"})] * 2,
        _event(f"{OTHER}:refresh-action-78", {"subnetId": "subnet-2"}, "Client.UnauthorizedOperation"),
    ],
}


def test_the_commands_show_what_is_unusual_among_the_usual(tmp_path: Path) -> None:
    if not shutil.which("jq"):
        suites.leave_out("the page's commands need jq")
    (block,) = pages.blocks(PAGE, "shell")
    for name, events in EVENTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps([json.dumps(each) for each in events]))
    aws = 'for each; do case $each in *AttributeValue=*) cat "${each##*=}.json" ;; esac; done'
    gh = f"printf '%s\\n' {BUSY}-1 {DEAD}-12 evil {BUSY}-1x"
    code, printed = _run(tmp_path, f"set -euo pipefail\n{block}", {"aws": aws, "gh": gh})
    assert code == 0
    assert [line.split() for line in printed.splitlines()] == [
        ["T", f"{SUBJECT}main", "arn:refresh", "allowed"],
        ["T", f"{SUBJECT}evil", "-", "AccessDenied"],
        [BUSY, DEAD],
        ["2", "provision", "subnet-1", "allowed"],
        ["1", "provision", "subnet-2", "Client.UnauthorizedOperation"],
        ["evil"],
        [f"{BUSY}-1x"],
    ]
