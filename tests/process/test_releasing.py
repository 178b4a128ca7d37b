"""Release as a child process: a run's machines go back to the pool, and the original's `provision` learns of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.pool import records
from tests.fakes import canaries
from tests.fakes.github_server import job
from tests.fakes.releasing import RUN, ReleaseWorld

if TYPE_CHECKING:
    from refresh.ports import Clients


def test_the_machines_of_a_run_go_back_and_are_offered_for_a_minute_later(
    refreshed: ReleaseWorld, clients: Clients
) -> None:
    refreshed.put_settings(clients)
    ours, theirs = refreshed.occupy(clients, number=2), refreshed.occupy(clients, "88")
    refreshed.github.jobs[RUN] = [job(1, "test", RUN, status="completed")]
    code, printed = refreshed.release()
    assert code == 0, printed
    states = {each: records.text(refreshed.item(clients, records.INSTANCE, each), "state") for each in (*ours, *theirs)}
    assert states == {ours[0]: "idle", ours[1]: "idle", theirs[0]: "running"}
    assert [(body["id"], delay) for body, delay in refreshed.messages()] == [(each, 60) for each in sorted(ours)]
    assert canaries.PAT not in printed.replace(f"::add-mask::ghs_{canaries.PAT}", "")
