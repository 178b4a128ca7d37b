"""What every run asks first, before the rest of the program is loaded."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

import pytest

from refresh import errors
from refresh.pool import names
from refresh.reconciler.prefetch import start
from tests.fakes.desired import desired
from tests.fakes.items import Items
from tests.fakes.serial import NOW, Serial, StillClock
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from refresh.ports import Clients

OWNER = {names.POOL_IDENTIFIER: {"S": "octo/widgets"}}
ABSENT = errors.NotFound("dynamodb:DescribeTable", "ResourceNotFoundException")
DENIED = errors.PermissionDenied("dynamodb:DescribeTable", "AccessDeniedException")


class _DynamoDB(Items):
    def __init__(self, table: str | errors.ApiError) -> None:
        super().__init__(OWNER)
        self.table = table

    def describe_table(self, **_: Any) -> dict[str, Any]:
        """Give its status, or an error."""
        self.calls.append("DescribeTable")
        if isinstance(self.table, errors.ApiError):
            raise self.table
        return {"Table": {"TableStatus": self.table}}


class _Services:
    """No launch template, and a table."""

    def __init__(self, table: str | errors.ApiError) -> None:
        self.dynamodb = _DynamoDB(table)
        self.ec2 = self

    def describe_launch_template_versions(self, **_: Any) -> dict[str, Any]:
        """Know none."""
        raise ABSENT


@pytest.mark.parametrize("table", ["ACTIVE", "UPDATING", DENIED])
def test_the_items_of_a_table_are_what_it_holds(table: str | errors.ApiError) -> None:
    """Also where its description may not be read, which is told as what it is."""
    clients = _Services(table)
    first = start(desired(), cast("Clients", clients), StillClock(), Serial())
    assert first.metadata.read(names.POOL_IDENTIFIER)["value"] == OWNER[names.POOL_IDENTIFIER]
    assert first.began_at == NOW
    assert first.versions() == []
    assert sorted(clients.dynamodb.calls) == ["BatchGetItem", "DescribeTable"]


@pytest.mark.parametrize("table", ["DELETING", ABSENT])
def test_the_items_of_a_table_that_goes_are_gone(table: str | errors.ApiError) -> None:
    """DynamoDB may answer for it still: a run that believed it would leave the next table empty, and nobody's."""
    first = start(desired(), cast("Clients", _Services(table)), StillClock(), Serial())
    assert first.metadata.read(names.POOL_IDENTIFIER) == {}


def test_it_is_asked_before_the_components_and_the_log_are_loaded() -> None:
    """AWS answers while they are; half of a run that changes nothing is loading."""
    late = (
        "refresh.engine.component",
        "refresh.engine.report",
        "refresh.pool.permissions",
        "refresh.output.publish",
        "asyncio",
        "cattrs",
        "argparse",
    )
    program = (
        "import sys, refresh.actions.refresh, refresh.reconciler.prefetch, botocore.session;"
        f"print([each for each in {late!r} if each in sys.modules])"
    )
    printed = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"
