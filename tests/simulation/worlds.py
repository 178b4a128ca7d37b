"""The worlds in which a run may begin, from an empty account to what a crash has left."""

from __future__ import annotations

import functools
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from refresh.desired import RootVolume
from refresh.output.job_summary import markdown
from refresh.pool import names, records
from refresh.reconciler.garbage_collector.policy import UNKNOWN_GRACE, UNRECORDED_GRACE
from tests.fakes.desired import LARGE_QUEUE, OTHER_IMAGE, TABLE, TEMPLATE, desired
from tests.fakes.memory.account import START, Account
from tests.simulation.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

LARGE_SCRIPT = "#!/bin/bash\n" + "# " * 500
"""Just large enough to be stored."""
LATER = UNKNOWN_GRACE + timedelta(minutes=1)
"""By then AWS shows everything that it shows late, and an instance that EC2 does not know counts as gone."""


def build(name: str) -> Pool:
    """Give a fresh pool in the named world."""
    return Pool(Account.restore(_snapshot(name)), desired(**_WANTED.get(name, {})))


@functools.cache
def _snapshot(name: str) -> bytes:
    pool = Pool() if name in _BEFORE_REFRESH else Pool(Account.restore(_refreshed()))
    WORLDS[name](pool)
    return pool.account.snapshot()


@functools.cache
def _refreshed() -> bytes:
    pool = Pool()
    report = pool.run()
    assert report.exit_code == 0, markdown(report)
    pool.account.clock.moment += LATER
    return pool.account.snapshot()


def _create_table(pool: Pool) -> None:
    keys = {"PK": "HASH", "SK": "RANGE"}
    pool.dynamodb.create_table(
        TableName=TABLE,
        KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
    )


def _table_only(pool: Pool) -> None:
    _create_table(pool)
    pool.account.clock.moment += LATER


def _drifted_template(pool: Pool) -> None:
    template = pool.account.state.templates[TEMPLATE]
    template.latest += 1
    template.versions[template.latest] = {**template.versions[1], "ImageId": OTHER_IMAGE}
    template.default = template.latest


def _outdated_template(pool: Pool) -> None:
    """Leave no version that is right."""
    template = pool.account.state.templates[TEMPLATE]
    template.versions[1] = {**template.versions[1], "ImageId": OTHER_IMAGE}


def _deleted_template(pool: Pool) -> None:
    """Delete the template while its instances live."""
    pool.record(pool.launch())
    del pool.account.state.templates[TEMPLATE]


def _lost_script(pool: Pool) -> None:
    """Delete the script that the template names."""
    pool.run(pre_runner_script=LARGE_SCRIPT)
    (key,) = (each for each in pool.table.items if each[1].startswith("ID#pre_runner_script_"))
    pool.table.delete(key)


def _without_template_record(pool: Pool) -> None:
    pool.table.delete(("TYPE#METADATA", f"ID#{names.LAUNCH_TEMPLATE_IDENTIFIER}"))


def _outdated_settings(pool: Pool) -> None:
    """Leave what a run that died before its last write leaves."""
    key = ("TYPE#SETTINGS", f"ID#{names.SETTINGS_IDENTIFIER}")
    value = pool.table.items[key]["value"]["M"]
    pool.table.put({**pool.table.items[key], "value": {"M": {**value, "templateId": {"S": "lt-former"}}}})


def _deleted_queue(pool: Pool) -> None:
    pool.sqs.delete(LARGE_QUEUE)
    pool.account.clock.moment += LATER


def _other_attributes(pool: Pool) -> None:
    queue = pool.account.state.queues[LARGE_QUEUE]
    queue.attributes = queue.before = {"VisibilityTimeout": "0", "MessageRetentionPeriod": "60"}


def _stale_token(pool: Pool) -> None:
    """Age the token to 25 minutes: it is due to be replaced, and lives for another while."""
    pool.account.clock.moment += timedelta(minutes=25) - LATER


def _mixed(pool: Pool) -> None:
    """One in each state, expired and not; one vanished, one aged, one unrecorded."""
    for state in sorted(records.LIVING_STATES):
        run_id = "" if state == "idle" else "77"
        pool.record(pool.launch(), state=state, runId=run_id)
        pool.record(pool.launch(), state=state, runId=run_id, threshold=pool.in_time(7200))
    vanished, aged = pool.launch(), pool.launch()
    vanished.ended_at = pool.account.clock.now() - timedelta(minutes=5)
    aged.launched_at -= timedelta(days=8)
    for instance in (vanished, aged):
        pool.record(instance, threshold=pool.in_time(7200))
    pool.launch().launched_at -= 4 * UNRECORDED_GRACE


def _marked(pool: Pool) -> None:
    """Leave what a run that died between its marks and its terminations leaves."""
    for _ in range(2):
        pool.record(pool.launch(), state=records.TERMINATED, threshold=pool.in_time(-60))
    pool.record(pool.launch(), state="running", runId="77", threshold=pool.in_time(7200))


def _terminated(pool: Pool) -> None:
    """Leave what a run that died between its terminations and its cleaning leaves."""
    for minutes in (0, 5, 90):
        instance = pool.launch()
        pool.record(instance, state=records.TERMINATED, threshold=pool.in_time(-60))
        instance.ended_at = pool.account.clock.now() - timedelta(minutes=minutes)


WORLDS: dict[str, Callable[[Pool], object]] = {
    "empty account": lambda _: None,
    "table only": _table_only,
    "table creating": _create_table,
    "up to date": lambda _: None,
    "drifted template": _drifted_template,
    "outdated template": _outdated_template,
    "deleted template": _deleted_template,
    "large script wanted": lambda _: None,
    "large script lost": _lost_script,
    "template record missing": _without_template_record,
    "settings outdated": _outdated_settings,
    "queue deleted": _deleted_queue,
    "queue with other attributes": _other_attributes,
    "stale token": _stale_token,
    "mixed instances": _mixed,
    "marked, not terminated": _marked,
    "terminated, not cleaned": _terminated,
    "daily summary due": _marked,
}
_TAGS_AND_VOLUME = {"tags": (("cost-center", "42"), ("team", "ci")), "root_volume": RootVolume(50, "gp3")}
_SCRIPT = {"pre_runner_script": LARGE_SCRIPT}
_WANTED: dict[str, dict[str, Any]] = {
    "table creating": _TAGS_AND_VOLUME,
    "outdated template": _TAGS_AND_VOLUME,
    "deleted template": _SCRIPT,
    "large script wanted": _SCRIPT,
    "large script lost": _SCRIPT,
    "daily summary due": {"daily_summary": (START - timedelta(hours=6)).time()},
}
"""What the owner wants in a world, other than usual: all is made with tags, but for a table that others made; and a
pool that was made without any gets them. A script that is stored is named by a new template and by a new version."""
_BEFORE_REFRESH = ("empty account", "table only", "table creating")
