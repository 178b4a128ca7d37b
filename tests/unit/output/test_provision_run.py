"""What a provision has come to: its label, its exit code, and when its machines end."""

from __future__ import annotations

from typing import Any

import pytest

from refresh import errors
from refresh.desired import Mode
from refresh.output.provision_run import ProvisionRun
from refresh.pool.runs import HELD, LAUNCHED
from tests.unit.output import provisions
from tests.unit.output.provisions import DOWN, SHORT, machine
from tests.unit.provision.pools import after

HOSTED = {"if_unavailable": "ubuntu-latest"}


@pytest.mark.parametrize(
    ("run", "code", "label"),
    [
        (provisions.run(machine()), 0, "77"),
        (provisions.run(machine(), wanted=HOSTED), 0, "77"),
        (provisions.run(refusals=(SHORT,)), 1, "77"),
        (provisions.run(error=DOWN), 1, "77"),
        (provisions.run(refusals=(SHORT,), wanted=HOSTED), 0, "ubuntu-latest"),
        (provisions.run(error=DOWN, wanted=HOSTED), 0, "ubuntu-latest"),
        (provisions.run(error=errors.Interrupted("stopped"), wanted=HOSTED), 1, "77"),
        (provisions.run(mode=Mode.PLAN), 0, "77"),
        (provisions.run(mode=Mode.PLAN, refusals=(SHORT,), wanted=HOSTED), 1, "77"),
    ],
)
def test_the_jobs_start_on_the_pool_s_machines_or_on_the_hosted_runner_or_not_at_all(
    run: ProvisionRun, code: int, label: str
) -> None:
    assert (run.exit_code, run.label) == (code, label)


def test_the_first_end_is_that_of_all() -> None:
    times: list[Any] = [after(60), None, after(30)]
    run = provisions.run(*(machine(number, ends_at=each) for number, each in enumerate(times)))
    assert run.ends_at == after(30)
    assert provisions.run().ends_at is None


def test_machines_are_counted_by_origin() -> None:
    numbers = provisions.run(machine(0), machine(1, LAUNCHED), machine(2, HELD), machine(3)).numbers
    assert numbers == {"claimed": 2, "launched": 1, "held": 1}
