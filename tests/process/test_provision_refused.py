"""Provision as a child process where it refuses to begin, and with a role."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from refresh.pool import lifecycle, names, records, runs
from tests.fakes.releasing import RUN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.ports import Clients
    from tests.fakes.agents import Agents
    from tests.fakes.provisioning import ProvisionWorld

ROLE = "arn:aws:iam::123456789012:role/runner-pool-provision"
NO_KEYS = dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"), "")
BAD: dict[str, str] = {
    "name": "a/b",
    "count": "0",
    "min_count": "none",
    "resource_class": "a b",
    "usage_class": "reserved",
    "fallback": "spot",
    "allowed_instance_types": "c*;m*",
    "max_runtime": "30",
    "reuse": "perhaps",
    "if_unavailable": "two words",
    "timeout": "1s",
    "max_price_over_lowest": "cheap",
    "run_id": "latest",
    "repository": "widgets",
    "aws_region": "us-east-1a",
    "role_to_assume": "provision",
    "role_session_name": "a b",
    "role_duration": "30s",
    "allowed_account_ids": "12",
    "mode": "destroy",
}
"""A mistake in every input that can have one without changing the form of the log."""


def test_every_bad_input_is_named_before_any_call(world: ProvisionWorld) -> None:
    code, printed = world.provision(world.github.offered, **BAD)
    assert (code, world.aws.calls, world.github.calls) == (2, [], []), printed
    named = {line.split(": ")[1] for line in printed.splitlines() if line.startswith("error: ")}
    assert {name.replace("_", "-") for name in BAD} <= named, printed
    assert f"problems: {len(BAD)}" in printed.splitlines()[-1]


@pytest.mark.parametrize(
    ("inputs", "named"),
    [
        pytest.param({"count": "2", "min_count": "3"}, "min-count: more than count, which is 2", id="minimum"),
        pytest.param({"count": "101"}, "count: ", id="too many"),
        pytest.param({"instance_count": "many"}, "instance-count: ", id="the original's name"),
        pytest.param({"max_runtime": "121h"}, "max-runtime: ", id="too long"),
    ],
)
def test_inputs_that_contradict_are_refused_before_any_call(
    world: ProvisionWorld, inputs: dict[str, str], named: str
) -> None:
    code, printed = world.provision({}, **inputs)
    assert (code, world.aws.calls) == (2, []), printed
    assert f"error: {named}" in printed


@pytest.mark.parametrize(
    ("environ", "inputs", "title", "text"),
    [
        pytest.param(NO_KEYS, {}, "AWS credentials", "set role-to-assume", id="credentials"),
        pytest.param(
            {}, {"role_to_assume": ROLE}, "role-to-assume", "GitHub gives pull requests from forks none", id="fork"
        ),
        pytest.param({"GITHUB_RUN_ID": ""}, {}, "GITHUB_RUN_ID", "is required", id="run"),
        pytest.param({"GITHUB_RUN_ATTEMPT": "first"}, {}, "GITHUB_RUN_ATTEMPT", "", id="attempt"),
    ],
)
def test_what_the_job_lacks_is_named_before_any_call(
    world: ProvisionWorld, environ: Mapping[str, str], inputs: dict[str, str], title: str, text: str
) -> None:
    code, printed = world.provision(environ, **inputs)
    assert (code, world.aws.calls, world.github.calls) == (2, [], []), printed
    (line,) = [line for line in printed.splitlines() if line.startswith(f"error: {title}: ")]
    assert text in line


@pytest.mark.parametrize("lacking", ["settings", "table"])
def test_without_settings_or_table_the_refresh_workflow_is_named(
    refreshed: ProvisionWorld, clients: Clients, lacking: str
) -> None:
    if lacking == "table":
        refreshed.delete_table()
    else:
        key = records.key(records.SETTINGS, names.SETTINGS_IDENTIFIER)
        clients.dynamodb.delete_item(TableName=refreshed.table, Key=key)
    refreshed.forget_calls()
    code, printed = refreshed.provision()
    assert code == 1, printed
    assert f"table {refreshed.table}" in printed
    assert "refresh workflow" in printed
    assert "Traceback" not in printed
    assert refreshed.states(clients) == {}


def test_the_pool_of_another_repository_is_refused(refreshed: ProvisionWorld, clients: Clients) -> None:
    """`a-b/c` and `a/b-c` have tables of the same name."""
    (machine,) = refreshed.ready(clients)
    refreshed.change_settings(clients, repository="oc/to-widgets")
    code, printed = refreshed.provision()
    assert (code, refreshed.having(clients)) == (1, {}), printed
    assert "is that of oc/to-widgets on github.com, not of octo/widgets on github.com" in printed
    assert refreshed.states(clients) == {machine: "running"}


@pytest.mark.parametrize("instead", ["fail", "ubuntu-latest"])
def test_an_unknown_class_is_refused_with_those_that_there_are(
    refreshed: ProvisionWorld, clients: Clients, instead: str
) -> None:
    """A hosted runner would hide the mistake."""
    code, printed = refreshed.provision(resource_class="huge", if_unavailable=instead)
    assert (code, refreshed.states(clients)) == (1, {}), printed
    assert "resource-class: the pool has no class 'huge'; it has " in printed
    assert refreshed.result(clients) == runs.FAILED


def test_more_machines_than_the_pool_may_have_are_refused(refreshed: ProvisionWorld, clients: Clients) -> None:
    refreshed.change_settings(clients, max_instances={"large": 2})
    code, printed = refreshed.provision(count="3")
    assert (code, refreshed.states(clients), refreshed.result(clients)) == (1, {}, runs.FAILED), printed
    assert re.search(r"error: provision: count: 3 of the class large .*max-instances.* 2\.", printed), printed


@pytest.mark.parametrize("until", ["expired", "missing"])
def test_without_a_registration_token_nothing_is_launched_or_claimed(
    refreshed: ProvisionWorld, clients: Clients, until: str
) -> None:
    (machine,) = refreshed.ready(clients)
    expired = datetime.now(UTC) - timedelta(minutes=1)
    refreshed.change_settings(clients, token_valid_until=expired if until == "expired" else None)
    refreshed.forget_calls()
    code, printed = refreshed.provision()
    assert (code, refreshed.having(clients), refreshed.states(clients)) == (1, {}, {machine: "running"}), printed
    assert f"no machine is ready for {RUN}: The registration token of the pool " in printed
    assert "run the refresh workflow" in printed
    assert "ec2:CreateFleet" not in refreshed.aws.calls
    assert refreshed.result(clients) == runs.FAILED


def test_a_failed_provision_can_be_repeated_in_the_same_attempt(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents
) -> None:
    known = refreshed.change_settings(clients).token_valid_until
    refreshed.change_settings(clients, token_valid_until=None)
    assert refreshed.provision()[0] == 1
    refreshed.change_settings(clients, token_valid_until=known)
    code, printed = refreshed.provision()
    assert code == 0, printed
    assert list(refreshed.having(clients).values()) == [lifecycle.RUNNING]
    assert agents.turns


@pytest.mark.usefixtures("agents")
def test_with_a_role_every_call_has_its_credentials(refreshed: ProvisionWorld, clients: Clients) -> None:
    (machine,) = refreshed.ready(clients)
    refreshed.forget_calls()
    code, printed = refreshed.provision({**NO_KEYS, **refreshed.github.offered}, role_to_assume=ROLE)
    assert code == 0, printed
    assert refreshed.aws.calls[0] == "sts:AssumeRoleWithWebIdentity"
    assert "testing" not in refreshed.aws.signers
    assert refreshed.having(clients) == {machine: lifecycle.RUNNING}


def test_another_account_is_refused_before_any_write(refreshed: ProvisionWorld, clients: Clients) -> None:
    refreshed.ready(clients)
    refreshed.forget_calls()
    code, printed = refreshed.provision(allowed_account_ids="999999999999")
    assert (code, refreshed.aws.writes) == (1, []), printed
    assert "123456789012" in printed


@pytest.mark.usefixtures("agents")
def test_the_own_account_is_written_to_once_it_is_known(refreshed: ProvisionWorld, clients: Clients) -> None:
    (machine,) = refreshed.ready(clients)
    refreshed.forget_calls()
    code, printed = refreshed.provision(allowed_account_ids="123456789012")
    assert (code, refreshed.having(clients)) == (0, {machine: lifecycle.RUNNING}), printed
    calls = refreshed.aws.calls
    assert calls.index("sts:GetCallerIdentity") < calls.index("dynamodb:PutItem")
