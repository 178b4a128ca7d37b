"""The commands and figures of the pages for operators are right."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from refresh.agent.link import IDLE_SECONDS, TOKEN_SECONDS, WORKING_SECONDS
from refresh.pool import names, records
from tests import pages
from tests.fakes import instance_items
from tests.fakes.desired import IMAGE

if TYPE_CHECKING:
    from refresh.ports import Clients
    from tests.fakes.world import World


_MADE = """\
aws cloudformation create-stack --stack-name runner-pool \\
  --template-body '{"Resources": {"A": {"Type": "AWS::SNS::Topic"}}}'
aws iam create-open-id-connect-provider --url https://token.actions.githubusercontent.com
"""
"""What a reader of the quick start has made besides the pool."""


def _shell(page: str, heading: str) -> str:
    """Return all shell of a section."""
    section = pages.page(f"docs/{page}.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "".join(pages.blocks(section, "shell"))


def test_cost_of_the_agents_follows_from_their_pauses() -> None:
    page = pages.page("docs/cost.md")
    idle, working = (round(3600 / each) for each in (IDLE_SECONDS, WORKING_SECONDS))
    beats, tokens = 2 * working, round(3600 / TOKEN_SECONDS)
    assert f"| 0.5 s, 5 s | {idle:,} | {working} |" in page
    assert f"| 60 s, none | {tokens} | 0 |" in page
    assert f"| 5 s | {beats:,} | {beats:,} |" in page
    assert f"**{idle + tokens + beats:,}** | **{working + beats:,}**" in page
    for reads, heading in ((idle + tokens, "idles"), (working, "works")):
        price = (reads * 0.125 + beats * 0.625) / 1e6
        assert f"**${price:.4f}**" in page, heading
        month = f"{price * 730:.2f}"
        assert f"{heading} all month costs ${month}" in page or f"{heading} all month ${month}" in page, heading
    assert f"about {round(3000 * IDLE_SECONDS):,}. Their records" in pages.page("docs/operations.md")


def test_figures_of_cost_are_what_their_computations_give() -> None:
    """And the sums are those of the column above them."""
    page = pages.page("docs/cost.md")
    signs = {0xD7: "*", 0xF7: "/"}
    shown = re.findall(r"`([^`=a-z]+) = ([\d.]+)`", page)
    computed = [f"{eval(term.translate(signs)):.2f}" for term, _ in shown]  # noqa: S307 - without letters, only arithmetic
    assert (computed, len(computed) > 15) == ([result for _, result in shown], True)
    rows = re.findall(r"= ([\d.]+)`(?:\*\*)? \| .*= ([\d.]+)`(?:\*\*)? \|", page)
    for *parts, total in zip(*rows, strict=True):
        assert f"`{' + '.join(parts)} = {total}`" in page


def test_uninstalling_leaves_nothing_and_takes_nothing_else(refreshed: World, clients: Clients, shell: Any) -> None:
    template = names.launch_template(refreshed.repository)
    kept, other = clients.ec2.run_instances(ImageId=IMAGE, MinCount=1, MaxCount=1), "other-large-ci-pool"
    clients.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": template}, InstanceType="t3.micro", MinCount=2, MaxCount=2
    )
    url = clients.sqs.create_queue(QueueName=other)["QueueUrl"]
    for queue in clients.sqs.list_queues(QueueNamePrefix="octo-widgets-")["QueueUrls"][2:]:
        clients.sqs.delete_queue(QueueUrl=queue)  # two show what the page does with many, in a third of the time
    page = pages.page("docs/uninstalling.md")
    *steps, checks = pages.blocks(page, "shell")
    clients.ec2.create_security_group(GroupName="runner-pool", Description="x")
    shell(_MADE)
    found = shell(f"machines() {{ echo i-1; }}\n{checks}").splitlines()
    assert (len(found), all(found)) == (checks.count("aws ") + 1, True)  # each command finds what it looks for
    printed = shell("\n".join([*steps, "echo; echo LEFT", checks]))
    assert printed.partition("LEFT")[2].split() == []
    assert clients.dynamodb.list_tables()["TableNames"] == []
    assert clients.sqs.list_queues()["QueueUrls"] == [url]
    states = {
        each["InstanceId"]: each["State"]["Name"]
        for reservation in clients.ec2.describe_instances()["Reservations"]
        for each in reservation["Instances"]
    }
    assert states.pop(kept["Instances"][0]["InstanceId"]) == "running"
    assert [*states.values()] == ["terminated"] * 2


def test_commands_for_migrating_list_reports_and_protect_the_table(
    refreshed: World, clients: Clients, shell: Any
) -> None:
    clients.dynamodb.update_table(TableName=refreshed.table, DeletionProtectionEnabled=False)
    now = datetime.now(UTC)
    for item in instance_items.reports("i-1", now, "UD_OK", "77"):
        clients.dynamodb.put_item(TableName=refreshed.table, Item=item)
    printed = shell(_shell("migrating", "Refresh").replace("OWNER-REPO", "octo-widgets"))
    assert printed.splitlines()[0].split() == ["i-1", records.wire_time(now)]
    assert printed.count("i-1") == 1
    table = clients.dynamodb.describe_table(TableName=refreshed.table)["Table"]
    assert table["DeletionProtectionEnabled"] is True


def test_restoring_a_lost_table_ends_no_living_instance(refreshed: World, clients: Clients, shell: Any) -> None:
    """Although the thresholds in the backup have passed."""
    template = names.launch_template(refreshed.repository)
    launched = clients.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": template}, InstanceType="t3.micro", MinCount=2, MaxCount=2
    )
    first, second = (each["InstanceId"] for each in launched["Instances"])
    clients.dynamodb.put_item(
        TableName=refreshed.table, Item=instance_items.record(first, datetime.now(UTC), state="running", runId="77")
    )
    clients.dynamodb.create_backup(TableName=refreshed.table, BackupName="by-hand")
    clients.dynamodb.update_table(TableName=refreshed.table, DeletionProtectionEnabled=False)
    clients.dynamodb.delete_table(TableName=refreshed.table)
    printed = shell(_shell("operations", "When the table was lost"))
    assert f"{second}: not recorded, or ended already" in printed
    key = records.key(records.INSTANCE, first)
    item = clients.dynamodb.get_item(TableName=refreshed.table, Key=key)["Item"]
    threshold = records.read_time(item["threshold"]["S"])
    assert threshold is not None
    assert threshold > datetime.now(UTC) + timedelta(hours=5)
    table = clients.dynamodb.describe_table(TableName=refreshed.table)["Table"]
    assert (table["DeletionProtectionEnabled"], "RestoreSummary" in table) == (True, True)
    for reservation in clients.ec2.describe_instances(InstanceIds=[first, second])["Reservations"]:
        for instance in reservation["Instances"]:
            assert instance["State"]["Name"] == "running"
            assert "refresh-action:protect" not in {tag["Key"] for tag in instance["Tags"]}
