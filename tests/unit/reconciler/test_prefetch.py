"""The reads that every run starts with, before the rest of the program is loaded."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh import errors
from refresh.pool import names, records
from refresh.pool.ownership import TemplateIds
from refresh.reconciler.prefetch import start
from tests.fakes.desired import desired
from tests.fakes.items import Items
from tests.fakes.serial import NOW, Serial, StillClock
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from refresh.ports import Clients
    from refresh.reconciler.prefetch import Prefetch

OWNER = {"S": "octo/widgets"}
RECORDED = {"M": {"id": {"S": "lt-1"}}}
ABSENT = errors.NotFound("dynamodb:DescribeTable", "ResourceNotFoundException")
DENIED = errors.PermissionDenied("dynamodb:DescribeTable", "AccessDeniedException")


class _Aws(Items):
    """A table with a status, or what DescribeTable raises; and what raises where template versions are listed."""

    def __init__(self, table: str | errors.ApiError, versions: errors.ApiError = ABSENT) -> None:
        super().__init__({names.POOL_IDENTIFIER: OWNER, names.LAUNCH_TEMPLATE_IDENTIFIER: RECORDED})
        self.table, self.versions = table, versions

    def describe_table(self, **_: Any) -> dict[str, Any]:
        self.calls.append("DescribeTable")
        if isinstance(self.table, errors.ApiError):
            raise self.table
        return {"Table": {"TableStatus": self.table}}

    def describe_launch_template_versions(self, **_: Any) -> dict[str, Any]:
        raise self.versions

    def describe_instances(self, **_: Any) -> dict[str, Any]:
        return {}

    def started(self, **wanted: Any) -> Prefetch:
        self.dynamodb = self.ec2 = self
        return start(desired(**wanted), cast("Clients", self), StillClock(), Serial())


@pytest.mark.parametrize(
    ("table", "item"),
    [("ACTIVE", OWNER), ("UPDATING", OWNER), (DENIED, OWNER), ("DELETING", None), (ABSENT, None)],
)
def test_a_table_that_is_being_deleted_counts_as_empty(table: str | errors.ApiError, item: Any) -> None:
    """DynamoDB may still answer for it: a run that believed it would leave the next table without its items."""
    aws = _Aws(table)
    first = aws.started()
    assert (first.began_at, first.metadata.read(names.POOL_IDENTIFIER).get("value")) == (NOW, item)
    assert sorted(aws.calls) == ["BatchGetItem", "DescribeTable"]


def test_a_large_script_is_read_with_the_other_items() -> None:
    """A run without changes makes no call for it."""
    script = "\n" * 200_000
    identifier = f"pre_runner_script_{hashlib.sha256(script.encode()).hexdigest()[:16]}"
    aws = _Aws("ACTIVE")
    aws.items[identifier] = records.item(records.METADATA, identifier, NOW, value=script)
    found = aws.started(pre_runner_script=script).metadata.read(identifier)
    assert (found["value"], sorted(aws.calls)) == ({"S": script}, ["BatchGetItem", "DescribeTable"])


@pytest.mark.parametrize(("refusal", "unread"), [(ABSENT, False), (DENIED, True)])
def test_a_recorded_template_that_ec2_does_not_confirm_counts_as_a_former_one(
    refusal: errors.ApiError, *, unread: bool
) -> None:
    assert _Aws("ACTIVE", refusal).started().launched().template_ids == TemplateIds("", ("lt-1",), unread=unread)


def test_the_reads_start_before_the_components_are_loaded() -> None:
    """Loading takes half the time of a run that changes nothing."""
    late = ("refresh.engine.component", "refresh.pool.permissions", "asyncio", "cattrs", "argparse")
    program = (
        "import sys, refresh.actions.refresh, refresh.reconciler.prefetch, botocore.session;"
        f"print([each for each in {late!r} if each in sys.modules])"
    )
    printed = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"
