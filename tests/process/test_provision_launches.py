"""Provision as a child process where machines are missing or do not become ready: what is printed and left."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import lifecycle, runs
from tests.fakes.agents import NEVER, REGISTERS, REGISTRATION_FAILS, SCRIPT_FAILS
from tests.fakes.releasing import RUN
from tests.fakes.world import in_minutes

if TYPE_CHECKING:
    from pathlib import Path

    from refresh.pool.records import InstanceRecord
    from refresh.ports import Clients
    from tests.fakes.agents import Agents
    from tests.fakes.provisioning import ProvisionWorld

SPOT, ON_DEMAND = "spot", "on-demand"


def _outputs(folder: Path) -> dict[str, str]:
    lines = (folder / "output").read_text().splitlines()
    return {lines[n].partition("<<")[0]: lines[n + 1] for n in range(0, len(lines), 3)}


def _usage(world: ProvisionWorld, clients: Clients, label: str = RUN) -> list[str]:
    """List how the machines of a label are billed, by their records."""
    return sorted(each.usage_class for each in world.records(clients).values() if each.run_id == label)


@pytest.mark.usefixtures("agents")
def test_on_demand_machines_take_the_place_of_missing_spot_machines(
    refreshed: ProvisionWorld, clients: Clients
) -> None:
    """In the same round, and what there is of spot machines is kept."""
    refreshed.aws.market.capacity(1, usage=SPOT)
    code, printed = refreshed.provision(count="2", usage_class=SPOT, fallback=ON_DEMAND)
    assert (code, _usage(refreshed, clients)) == (0, [ON_DEMAND, SPOT]), printed
    assert [*refreshed.having(clients).values()] == [lifecycle.RUNNING] * 2
    assert len(refreshed.states(clients)) == 2


@pytest.mark.ci
@pytest.mark.usefixtures("agents")
def test_without_capacity_the_launch_is_repeated_until_the_timeout(
    refreshed: ProvisionWorld, clients: Clients, tmp_path: Path
) -> None:
    """Two provisions at once, of which one has a hosted runner instead; the shortest timeout is 30 s."""
    refreshed.aws.market.capacity(0)
    files = {"GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary")}
    replaced = refreshed.start_provision(files, name="any", timeout="30s", if_unavailable="ubuntu-latest")
    code, printed = refreshed.provision(timeout="30s")
    instead, _ = replaced.communicate(timeout=100)
    assert (code, replaced.returncode) == (1, 0), printed + instead
    assert f"no machine is ready for {RUN}: EC2 did not launch 1 of 1 instance with" in printed
    assert "add types to allowed-instance-types" in printed
    assert "ubuntu-latest instead" in instead
    assert "error: " not in instead
    values = _outputs(tmp_path)
    assert (values["label"], values["labels"]) == ("ubuntu-latest", '["ubuntu-latest"]')
    assert (values["available"], values["count"]) == ("false", "0")
    assert "### ⚠️ Runner provision: not available, ubuntu-latest instead" in (tmp_path / "summary").read_text()
    assert refreshed.aws.counted()["ec2:CreateFleet"] > 2
    assert (refreshed.states(clients), refreshed.records(clients)) == ({}, {})
    assert [refreshed.result(clients, label) for label in (RUN, f"{RUN}-any")] == [runs.FAILED] * 2


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("instead", ["fail", "ubuntu-latest"])
def test_a_quota_ends_it_at_once_and_what_was_launched_ends(
    refreshed: ProvisionWorld, clients: Clients, instead: str
) -> None:
    """It does not wait for the two that were launched: they have never worked, so they do not go to the pool."""
    refreshed.aws.market.quota(ON_DEMAND, 4)
    code, printed = refreshed.provision(count="3", if_unavailable=instead)
    assert code == (1 if instead == "fail" else 0), printed
    assert f"0 of 3 machines are ready for {RUN}: EC2 did not launch 1 of 3 " in printed
    assert "VcpuLimitExceeded" in printed
    assert ([*refreshed.states(clients).values()], refreshed.result(clients)) == (["terminated"] * 2, runs.FAILED)


@pytest.mark.usefixtures("agents")
def test_fewer_machines_do_if_min_count_allows_it(refreshed: ProvisionWorld, clients: Clients, tmp_path: Path) -> None:
    refreshed.aws.market.quota(ON_DEMAND, 4)
    code, printed = refreshed.provision({"GITHUB_OUTPUT": str(tmp_path / "output")}, count="3", min_count="2")
    assert code == 0, printed
    assert f"warning: provision: 2 of 3 machines are ready for {RUN}: EC2 did not launch 1 of 3 " in printed
    assert sorted(refreshed.having(clients).values()) == [lifecycle.RUNNING] * 2
    values = _outputs(tmp_path)
    assert (values["count"], values["available"]) == ("2", "true")
    assert refreshed.result(clients) == runs.PROVIDED


@pytest.mark.parametrize("fate", [SCRIPT_FAILS, REGISTRATION_FAILS])
def test_a_new_machine_that_fails_ends_and_is_replaced_once(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents, fate: str
) -> None:
    agents.fate = lambda _: fate
    code, printed = refreshed.provision()
    assert code == 1, printed
    assert f"no machine is ready for {RUN}: " in printed
    why = "its pre-runner script failed" if fate == SCRIPT_FAILS else "its runner could not register on GitHub"
    assert why in printed
    assert "Read the machine's log" in printed
    states = refreshed.states(clients)
    assert [*states.values()] == ["terminated"] * 2
    assert all(each in printed for each in states)
    assert refreshed.result(clients) == runs.FAILED


def test_a_machine_that_fails_costs_nothing_but_itself(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents
) -> None:
    """The first one fails; the others stay, and one more takes its place."""
    failed: list[str] = []

    def fate(record: InstanceRecord) -> str:
        failed[:] = failed or [record.id]
        return SCRIPT_FAILS if record.id in failed else REGISTERS

    agents.fate = fate
    code, printed = refreshed.provision(count="2")
    assert code == 0, printed
    assert sorted(refreshed.having(clients).values()) == [lifecycle.RUNNING] * 2
    states = refreshed.states(clients)
    assert ([each for each in states if states[each] == "terminated"], len(states)) == (failed, 3)


def test_a_claimed_machine_of_an_earlier_attempt_that_never_registers_ends(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents
) -> None:
    """Its time is over already: the next attempt takes another one."""
    agents.fate = lambda _: NEVER
    refreshed.put_run(clients)
    (late,) = refreshed.ready(clients, state="claimed", runId=RUN, threshold=in_minutes(2))
    clients.dynamodb.update_item(
        TableName=refreshed.table,
        Key={"PK": {"S": "TYPE#INSTANCE"}, "SK": {"S": f"ID#{late}"}},
        UpdateExpression="SET updatedAt = :at",
        ExpressionAttributeValues={":at": {"S": in_minutes(-3)}},
    )
    agents.fate = lambda record: NEVER if record.id == late else REGISTERS
    (warm,) = refreshed.ready(clients)
    code, printed = refreshed.provision({"GITHUB_RUN_ATTEMPT": "2"})
    assert (code, refreshed.having(clients).get(warm)) == (0, lifecycle.RUNNING), printed
    assert refreshed.states(clients)[late] == "terminated"


def test_at_the_cap_of_the_pool_machines_that_are_there_are_claimed_and_none_is_launched(
    refreshed: ProvisionWorld, clients: Clients, agents: Agents
) -> None:
    refreshed.change_settings(clients, max_instances={"large": 2})
    ready = refreshed.ready(clients, 2)
    code, printed = refreshed.provision(count="2")
    assert (code, sorted(refreshed.having(clients))) == (0, sorted(ready)), printed
    assert agents.turns
    assert len(refreshed.states(clients)) == 2


@pytest.mark.usefixtures("agents")
@pytest.mark.parametrize("code", ["UnauthorizedOperation", "InvalidLaunchTemplateId.NotFound"])
def test_a_refused_launch_ends_it_at_once(refreshed: ProvisionWorld, clients: Clients, code: str) -> None:
    denied = "You are not authorized to perform: ec2:CreateFleet on resource: fleet/*"
    refreshed.aws.market.refuse(code, denied if code == "UnauthorizedOperation" else "It does not exist.", times=None)
    ended, printed = refreshed.provision()
    assert (ended, refreshed.states(clients), refreshed.result(clients)) == (1, {}, runs.FAILED), printed
    assert code in printed
    assert ("allow ec2:CreateFleet" in printed) == (code == "UnauthorizedOperation")
