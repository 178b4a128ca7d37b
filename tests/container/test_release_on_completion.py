"""One workflow that releases every run of a repository, run by a client that is not ours with GitHub's event."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from refresh.pool import lifecycle
from tests import pages
from tests.container import workflow
from tests.container.acted import Acted
from tests.container.completed_run import completed
from tests.fakes.github_server import job
from tests.instance import machine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from refresh.ports import Clients
    from tests.fakes.provisioning import ProvisionWorld

pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]

ENDED, OWN = "21483654892", "21483700001"
"""The run that has ended, and that of the workflow which releases it."""
_OWNS = "touch owned"
HOSTILE = f"7`{_OWNS}`\n::error title=forged::\n;$({_OWNS})'\"\n{_OWNS}"
"""What a shell would carry out, and a command of a workflow on a line of its own."""


def example() -> dict[Any, Any]:
    """Read the whole workflow."""
    found: dict[Any, Any] = yaml.safe_load(pages.page("docs/examples/release-on-completion.yml"))
    return found


def adapted(environ: dict[str, str]) -> dict[Any, Any]:
    """Take the action from the checkout and its surroundings from `env`."""
    made = copy.deepcopy(example())
    made["jobs"]["release"] = workflow.from_the_checkout(made["jobs"]["release"])
    return {**made, "name": workflow.unique(), "env": environ}


@pytest.fixture
def released(checkout: Callable[[], Path], refreshed: ProvisionWorld) -> Callable[..., tuple[int, str]]:
    """Give a way to run the workflow after a run has ended: exit code, and all that was printed."""

    def run(ended: Any, conclusion: str = "success", **changed: Any) -> tuple[int, str]:
        made = adapted({"AWS_ENDPOINT_URL": refreshed.aws.url, **refreshed.github.offered})
        event = completed(refreshed.repository, ended, conclusion, **changed)
        acted = Acted(checkout(), machine.IMAGE, refreshed).start(made, event, run=OWN)
        code = acted.finish()
        assert not list(acted.folder.parent.rglob("owned"))
        return code, acted.printed

    return run


def test_the_page_shows_the_main_part_of_the_workflow() -> None:
    """And act runs it with nothing changed but name and surroundings."""
    (shown,) = [each for each in pages.blocks(pages.page("docs/release.md"), "yaml") if "workflow_run" in each]
    whole = example()
    assert yaml.safe_load(shown) == {key: each for key, each in whole.items() if key != "name"}
    made = adapted({"AWS_ENDPOINT_URL": "x"})
    assert {key for key in made if made[key] != whole.get(key)} == {"name", "env", "jobs"}
    (step,) = whole["jobs"]["release"]["steps"]
    assert made["jobs"]["release"] == {
        **whole["jobs"]["release"],
        "steps": [workflow.CHECKOUT, {**step, "uses": "./release"}],
    }
    assert yaml.safe_load(yaml.safe_dump(made)) == made


def test_machines_of_every_label_of_the_run_go_back_and_no_others(
    released: Callable[..., tuple[int, str]], refreshed: ProvisionWorld, clients: Clients
) -> None:
    """Nor those of the workflow that releases, and of a run whose id begins as this one's."""
    others = [OWN, f"{ENDED}0", f"{ENDED}0-build", f"1{ENDED}", f"7-{ENDED}"]
    for label in (ENDED, f"{ENDED}-build", f"{ENDED}-a.b_c", *others):
        refreshed.occupy(clients, label)
    refreshed.github.jobs[ENDED] = [job(1, "build", f"{ENDED}-build", status="completed")]
    code, printed = released(int(ENDED), head_branch=f"$({_OWNS})", display_title=HOSTILE)
    assert code == 0, printed
    found = refreshed.records(clients).values()
    assert {each.last_run_id for each in found if (each.state, each.run_id) == (lifecycle.IDLE, "")} == {
        ENDED,
        f"{ENDED}-build",
        f"{ENDED}-a.b_c",
    }
    assert {each.run_id for each in found if each.state == lifecycle.RUNNING} == set(others)
    assert set(refreshed.states(clients).values()) == {"running"}
    assert refreshed.aws.counted()["sts:AssumeRoleWithWebIdentity"] == 1


def test_a_run_that_had_no_machines_is_a_notice(
    released: Callable[..., tuple[int, str]], refreshed: ProvisionWorld, clients: Clients
) -> None:
    """Nothing is written."""
    refreshed.occupy(clients, OWN)
    refreshed.github.jobs[ENDED] = []
    refreshed.forget_calls()
    code, printed = released(int(ENDED))
    assert code == 0, printed
    assert "::notice title=release::nothing to release: no machine of the pool" in printed, printed
    assert refreshed.having(clients, OWN)
    assert refreshed.aws.writes == []


def test_a_cancelled_run_gives_back_what_worked_and_ends_what_was_not_ready(
    released: Callable[..., tuple[int, str]], refreshed: ProvisionWorld, clients: Clients
) -> None:
    """Cancelled by force, which skips even jobs with `if: always()`."""
    (worked,) = refreshed.occupy(clients, ENDED)
    (booting,) = refreshed.occupy(clients, ENDED, state=lifecycle.CREATED)
    (claimed,) = refreshed.occupy(clients, f"{ENDED}-build", state=lifecycle.CLAIMED)
    (unrecorded,) = refreshed.launch(clients, InitialRunId=ENDED)
    refreshed.github.jobs[ENDED] = [job(1, "build", ENDED, status="completed")]
    code, printed = released(int(ENDED), "cancelled")
    assert code == 0, printed
    states = refreshed.states(clients)
    assert states.pop(worked) == "running"
    assert refreshed.records(clients)[worked].state == lifecycle.IDLE
    assert set(states) == {booting, claimed, unrecorded}
    assert set(states.values()) <= {"shutting-down", "terminated"}


def test_an_id_that_is_no_number_is_refused_and_harms_nothing(
    released: Callable[..., tuple[int, str]], refreshed: ProvisionWorld, clients: Clients
) -> None:
    """It reaches the program as a variable's value, and no shell."""
    refreshed.occupy(clients, "77")
    refreshed.forget_calls()
    code, printed = released(HOSTILE)
    assert code != 0
    assert "::error title=run-id::" in printed, printed
    assert "not the id of a workflow run" in printed
    assert "\u2757  ::error title=forged" not in printed
    assert (refreshed.aws.calls, refreshed.github.calls) == ([], [])
