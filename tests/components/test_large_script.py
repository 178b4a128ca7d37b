"""A large script in the table: stored before the template names it, read with the other items, never deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.agent.user_data import StoredScript
from refresh.output.job_summary import markdown

if TYPE_CHECKING:
    from refresh.ports import Clients
    from tests.fakes.world import World

PUT = "dynamodb:PutItem"
VERSION = ["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"]
LARGE = "#!/bin/bash\n#\r\n# \x01 '\"\\ \u00e9\U0001f40e\n".ljust(262_140, "#")
STORED = StoredScript(LARGE)


def test_the_largest_script_is_stored_byte_for_byte_before_the_template_names_it(
    refreshed: World, clients: Clients
) -> None:
    assert len(LARGE.encode()) == 262_144
    report = refreshed.refresh(pre_runner_script=LARGE)
    assert report.exit_code == 0, markdown(report)
    assert refreshed.aws.writes == [PUT, *VERSION, PUT, PUT]
    assert refreshed.metadata(clients, STORED.identifier) == {"S": LARGE}
    assert f"PRE_RUNNER_SCRIPT_SHA256={STORED.sha256}\n" in refreshed.user_data(clients)
    assert "#" * 20 not in markdown(report)


def test_a_stored_script_costs_no_call_of_a_run_that_changes_nothing(refreshed: World) -> None:
    refreshed.refresh()
    without = refreshed.aws.counted()
    refreshed.refresh(pre_runner_script=LARGE)
    refreshed.forget_calls()
    refreshed.refresh(pre_runner_script=LARGE)
    assert refreshed.aws.counted() == without
    assert refreshed.aws.writes == []


def test_a_script_that_was_deleted_is_stored_again_and_a_former_one_stays(refreshed: World, clients: Clients) -> None:
    former = StoredScript(LARGE[:2000])
    refreshed.refresh(pre_runner_script=former.text)
    refreshed.refresh(pre_runner_script=LARGE)
    refreshed.delete_metadata(clients, STORED.identifier)
    refreshed.forget_calls()
    report = refreshed.refresh(pre_runner_script=LARGE)
    assert report.exit_code == 0, markdown(report)
    assert refreshed.aws.writes == [PUT]
    assert refreshed.metadata(clients, STORED.identifier) == {"S": LARGE}
    assert refreshed.metadata(clients, former.identifier) == {"S": former.text}
