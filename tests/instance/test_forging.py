"""A job on a machine writes for another one, with the credentials that the metadata service gives every process."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh.pool import names, records, signals
from tests import suites
from tests.fakes.iam_enforcement import Enforcement, UserIds
from tests.fakes.runner_role import ROLE_ID
from tests.iam import policies
from tests.instance.driver import CREATION_SECONDS, eventually

if TYPE_CHECKING:
    from tests.instance.conftest import Instance

pytestmark = pytest.mark.timeout(300)
OTHER = "i-0fedcba9876543210"
ENTITIES = (signals.agent_entity(ROLE_ID, OTHER), records.HEARTBEAT, records.SIGNAL, records.INSTANCE)
FORGES = """
import json, sys, time, urllib.error, urllib.request

def answer(url, method="GET", body=None, **headers):
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, body, named, method=method)
    try:
        return urllib.request.urlopen(request, timeout=10).read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()

metadata, aws, table, identifier, *entities = sys.argv[1:]
token = answer(f"{metadata}/latest/api/token", "PUT", X_aws_ec2_metadata_token_ttl_seconds="60")
role = f"{metadata}/latest/meta-data/iam/security-credentials/"
name = answer(role, X_aws_ec2_metadata_token=token)
keys = json.loads(answer(role + name, X_aws_ec2_metadata_token=token))
scope = f"{keys['AccessKeyId']}/20260131/eu-west-1/dynamodb/aws4_request"
for entity in entities:
    key = {"PK": {"S": f"TYPE#{entity}"}, "SK": {"S": f"ID#{identifier}"}}
    said = answer(
        aws,
        "POST",
        json.dumps({"TableName": table, "Item": key}).encode(),
        Content_Type="application/x-amz-json-1.0",
        X_Amz_Target="DynamoDB_20120810.PutItem",
        X_Amz_Date=time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()),
        X_Amz_Security_Token=keys["Token"],
        # The stand-in looks at the key alone.
        Authorization=f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
    )
    print(entity, "refused" if "AccessDenied" in said else said, flush=True)
"""


@pytest.mark.shows("A70")
@pytest.mark.parametrize("user", ["root", "builder"])
@pytest.mark.parametrize("original", [True, False], ids=["with the original", "without it"])
def test_a_job_of_any_user_cannot_report_for_another_machine(instance: Instance, user: str, *, original: bool) -> None:
    """The agent works with the same policy."""
    if user != "root" and not instance.machine.contained:
        suites.leave_out("a user is made, which needs a container of its own")
    aws, record = instance.world.aws, instance.machine.record
    policy = policies.filled("instance-profile") if original else policies.without_the_original()
    aws.enforcement = Enforcement(policy, UserIds(aws.sessions))
    (record / "forges.py").write_text(FORGES)
    arguments = " ".join([instance.surroundings.url, aws.url, instance.world.table, OTHER, *ENTITIES])
    (record / "job.sh").write_text(f"python3 $RECORD/forges.py {arguments}")
    instance.boot(runner_user=user, original_modes=str(original).lower())

    def forged() -> list[str]:
        return instance.machine.read("job").splitlines()

    eventually(lambda: len(forged()) == len(ENTITIES), CREATION_SECONDS, lambda: instance.machine.log)
    shared = "{}" if original else "refused"
    assert forged() == [
        f"{ENTITIES[0]} refused",
        f"{records.HEARTBEAT} {shared}",
        f"{records.SIGNAL} {shared}",
        f"{records.INSTANCE} refused",
    ]
    assert f"run.sh as {user} with no token" in instance.machine.calls
    own = signals.agent_entity(ROLE_ID, instance.driver.instance_id)
    written = {each: aws.items(instance.world.table, names.partition_key(each)) for each in (own, ENTITIES[0])}
    assert [len(items) for items in written.values()] == [1, 0]
    assert "report.refused" not in instance.machine.log
