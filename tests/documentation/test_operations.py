"""docs/operations.md: what it says to do by hand leaves what it says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from refresh import names, records
from tests import pages
from tests.fakes import instance_items

if TYPE_CHECKING:
    from refresh.reconciler.services import Services
    from tests.fakes.world import World


def _shell(page: str, heading: str) -> str:
    """Give all shell of a section."""
    section = pages.page(f"docs/{page}.md").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    return "".join(pages.blocks(section, "shell"))


def test_taking_a_pool_away_leaves_nothing_of_it_and_all_of_others(
    refreshed: World, services: Services, shell: Any
) -> None:
    """Its commands are typed by hand, so they are run here as they stand."""
    other = services.sqs.create_queue(QueueName="other-large-ci-pool")["QueueUrl"]
    assert len(refreshed.queues(services)) > 1
    shell(_shell("operations", "Taking a pool away"))
    assert services.dynamodb.list_tables()["TableNames"] == []
    assert services.ec2.describe_launch_templates()["LaunchTemplates"] == []
    assert services.sqs.list_queues()["QueueUrls"] == [other]


def test_deletion_protection_is_switched_on_as_migrating_says(refreshed: World, services: Services, shell: Any) -> None:
    """Refresh sets it on tables of its own making alone."""
    services.dynamodb.update_table(TableName=refreshed.table, DeletionProtectionEnabled=False)
    shell(_shell("migrating", "In this order").replace("OWNER-REPO", "octo-widgets"))
    table = services.dynamodb.describe_table(TableName=refreshed.table)["Table"]
    assert table["DeletionProtectionEnabled"] is True


def test_a_lost_table_is_restored_without_ending_anything_that_lives(
    refreshed: World, services: Services, shell: Any
) -> None:
    """Its threshold has passed when the backup is restored; afterwards refresh has nothing against it."""
    template = names.launch_template(refreshed.repository)
    launched = services.ec2.run_instances(
        LaunchTemplate={"LaunchTemplateName": template}, InstanceType="t3.micro", MinCount=2, MaxCount=2
    )
    first, second = (each["InstanceId"] for each in launched["Instances"])
    services.dynamodb.put_item(
        TableName=refreshed.table, Item=instance_items.record(first, datetime.now(UTC), state="running", runId="77")
    )
    services.dynamodb.create_backup(TableName=refreshed.table, BackupName="by-hand")
    services.dynamodb.update_table(TableName=refreshed.table, DeletionProtectionEnabled=False)
    services.dynamodb.delete_table(TableName=refreshed.table)
    printed = shell(_shell("operations", "When the table was lost"))
    assert f"{second}: not recorded, or ended already" in printed
    key = records.key(records.INSTANCE, first)
    item = services.dynamodb.get_item(TableName=refreshed.table, Key=key)["Item"]
    threshold = records.read_time(item["threshold"]["S"])
    assert threshold is not None
    assert threshold > datetime.now(UTC) + timedelta(hours=5)
    table = services.dynamodb.describe_table(TableName=refreshed.table)["Table"]
    assert (table["DeletionProtectionEnabled"], "RestoreSummary" in table) == (True, True)
    for reservation in services.ec2.describe_instances(InstanceIds=[first, second])["Reservations"]:
        for instance in reservation["Instances"]:
            assert instance["State"]["Name"] == "running"
            assert "refresh-action:protect" not in {tag["Key"] for tag in instance["Tags"]}
