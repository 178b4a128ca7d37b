"""Releases under the published policy, with moto enforcing IAM."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from moto.core.authorization import enable_iam_authentication

from refresh.pool import records
from tests.fakes import operations
from tests.fakes.desired import ACCOUNT_ID
from tests.fakes.github_server import job
from tests.fakes.releasing import RUN, ReleaseWorld
from tests.iam import policies
from tools.generated.roles import RELEASE

if TYPE_CHECKING:
    from refresh.ports import Clients

POLICY = policies.document("release")
NAMED_BY_OPERATION = {"dynamodb:UpdateItem": "dynamodb:TransactWriteItems", "sqs:SendMessage": "sqs:SendMessageBatch"}
"""moto refuses these by the name of the operation, see `policies.enforceable`."""


@pytest.fixture
def due(refreshed: ReleaseWorld, clients: Clients) -> ReleaseWorld:
    """Give a pool in which every kind of change is due: a machine goes back, and one that never ran has to end."""
    refreshed.put_settings(clients)
    refreshed.occupy(clients)
    refreshed.occupy(clients, state="created")
    refreshed.github.jobs[RUN] = [job(1, "test", RUN, status="completed")]
    return refreshed


def _release(world: ReleaseWorld, *without: str, **inputs: str) -> tuple[int, str]:
    """Release under the policy less some actions; only the calls of the release are kept."""
    key = policies.credentials(world.aws, policies.enforceable(POLICY, without, RELEASE))
    world.forget_calls()
    with enable_iam_authentication():
        return world.release(key, **inputs)


def test_release_json_allows_everything_that_a_release_does(due: ReleaseWorld, clients: Clients) -> None:
    code, printed = _release(due, allowed_account_ids=ACCOUNT_ID)
    made = set(due.aws.calls)
    assert code == 0, printed
    assert made == set(RELEASE) - {"sts:AssumeRoleWithWebIdentity"}
    assert sorted(due.states(clients).values()) == ["running", "terminated"]
    assert len(due.messages()) == 1


@pytest.mark.parametrize("action", sorted({*policies.actions(POLICY)}))
def test_a_missing_action_is_named_and_fails_the_release(due: ReleaseWorld, action: str) -> None:
    code, printed = _release(due, action)
    assert code == 1, printed
    named = NAMED_BY_OPERATION.get(action, action)
    assert policies.missing(printed, ["PermissionDenied", named]) == [], printed


def test_what_cannot_be_read_is_not_released(due: ReleaseWorld, clients: Clients) -> None:
    before = due.items(clients)
    code, printed = _release(due, *policies.actions(POLICY))
    assert code == 1, printed
    assert all(operations.reads(call) for call in due.aws.calls), due.aws.calls
    assert due.items(clients) == before
    assert {records.text(item, "runId") for item in before.values() if item["entityType"]["S"] == "INSTANCE"} == {RUN}
