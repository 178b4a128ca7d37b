"""Release as a child process where it refuses to begin or to write, and with a role."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import names, records
from tests.fakes.releasing import ReleaseWorld

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.ports import Clients

ROLE = "arn:aws:iam::123456789012:role/runner-pool-release"
NO_KEYS = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "")
BAD: dict[str, str] = {
    "name": "a/b",
    "run_id": "latest",
    "reuse": "perhaps",
    "force": "1",
    "github_token": "two words",
    "repository": "widgets",
    "aws_region": "us-east-1a",
    "role_to_assume": "release",
    "role_session_name": "a b",
    "role_duration": "30s",
    "allowed_account_ids": "12",
    "mode": "destroy",
}
"""A mistake in every input that can have one without changing the form of the log."""


@pytest.mark.parametrize("lacking", ["settings", "table"])
def test_without_settings_or_table_the_refresh_workflow_is_named(
    refreshed: ReleaseWorld, clients: Clients, lacking: str
) -> None:
    if lacking == "table":
        refreshed.delete_table()
    else:
        key = records.key(records.SETTINGS, names.SETTINGS_IDENTIFIER)
        clients.dynamodb.delete_item(TableName=refreshed.table, Key=key)
    refreshed.forget_calls()
    code, printed = refreshed.release()
    assert (code, refreshed.aws.writes) == (1, []), printed
    assert f"table {refreshed.table}" in printed
    assert "refresh workflow" in printed
    assert "Traceback" not in printed


def test_every_bad_input_is_named_before_any_call(world: ReleaseWorld) -> None:
    code, printed = world.release(world.github.offered, **BAD)
    assert (code, world.aws.calls, world.github.calls) == (2, [], []), printed
    named = [line.split(": ")[1] for line in printed.splitlines() if line.startswith("error: ")]
    assert named[:-1] == [name.replace("_", "-") for name in BAD]
    assert "problems: 12" in printed.splitlines()[-1]


@pytest.mark.parametrize(
    ("environ", "inputs", "title", "text"),
    [
        pytest.param(NO_KEYS, {}, "AWS credentials", "set role-to-assume", id="credentials"),
        pytest.param({}, {"role_to_assume": ROLE}, "role-to-assume", "`permissions: id-token: write`", id="OIDC token"),
        pytest.param({"GITHUB_RUN_ID": ""}, {}, "GITHUB_RUN_ID", "is required", id="run"),
    ],
)
def test_what_the_job_lacks_is_named_before_any_call(
    world: ReleaseWorld, environ: Mapping[str, str], inputs: dict[str, str], title: str, text: str
) -> None:
    code, printed = world.release(environ, **inputs)
    assert (code, world.aws.calls, world.github.calls) == (2, [], []), printed
    (line,) = [line for line in printed.splitlines() if line.startswith(f"error: {title}: ")]
    assert text in line


def test_with_a_role_every_call_has_its_credentials(refreshed: ReleaseWorld, clients: Clients) -> None:
    (machine,) = refreshed.occupy(clients)
    refreshed.forget_calls()
    code, printed = refreshed.release({**NO_KEYS, **refreshed.github.offered}, role_to_assume=ROLE)
    assert code == 0, printed
    assert refreshed.aws.calls[0] == "sts:AssumeRoleWithWebIdentity"
    assert "testing" not in refreshed.aws.signers
    assert records.text(refreshed.item(clients, records.INSTANCE, machine), "state") == "idle"


def test_another_account_is_refused_before_any_write(refreshed: ReleaseWorld, clients: Clients) -> None:
    refreshed.occupy(clients)
    refreshed.forget_calls()
    code, printed = refreshed.release(allowed_account_ids="999999999999")
    assert (code, refreshed.aws.writes) == (1, []), printed
    assert "123456789012" in printed
