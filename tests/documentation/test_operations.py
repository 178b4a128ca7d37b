"""docs/operations.md: what it says to do by hand leaves what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests import pages

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
