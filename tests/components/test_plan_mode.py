"""Mode plan: every world is read and none is touched, with a policy that allows reading only."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import boto3
import pytest
from moto.core.authorization import enable_iam_authentication

from tests.fakes.aws_server import READS
from tests.fakes.world import REGION, ROOT
from tests.simulation.servers import WORLDS, build

if TYPE_CHECKING:
    from tests.fakes.world import World

POLICY = json.loads(re.findall(r"```json\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[0])
LISTS = (each["Action"] for each in POLICY["Statement"])
ALLOWED = {action for listed in LISTS for action in ([listed] if isinstance(listed, str) else listed)}
READING = sorted(action for action in ALLOWED if action.partition(":")[2].startswith(READS))


def _reader(world: World) -> dict[str, str]:
    """Give credentials that may read, as the README's policy names it, and nothing else."""
    iam = boto3.client(
        "iam", endpoint_url=world.aws.url, region_name=REGION, aws_access_key_id="x", aws_secret_access_key="x"
    )
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": READING, "Resource": "*"}]}
    iam.create_user(UserName="reader")
    iam.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(document))
    key = iam.create_access_key(UserName="reader")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.mark.parametrize("name", WORLDS)
def test_a_plan_needs_reading_only_and_writes_nothing(name: str, world: World) -> None:
    """In every world, from an empty account on."""
    pool = build(world, name)
    credentials = _reader(world)
    pool.forget_calls()
    with enable_iam_authentication():
        code, printed = pool.run(credentials, mode="plan")
    assert code == 0, printed
    assert ("failed: none" in printed, "changes: 0" in printed) == (True, True)
    assert pool.aws.calls
    assert pool.aws.writes == []
    assert not any(call.startswith(("POST", "DELETE")) for call in pool.github.calls)


def test_the_policy_is_enforced_or_the_others_would_prove_nothing(world: World) -> None:
    """The same credentials cannot apply."""
    credentials = _reader(world)
    with enable_iam_authentication():
        code, printed = world.run(credentials)
    assert code == 1
    assert "is not authorized to perform: dynamodb:CreateTable" in printed
    assert world.aws.counted()["dynamodb:CreateTable"] == 1
