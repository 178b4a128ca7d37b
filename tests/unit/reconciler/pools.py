"""A pool in memory with its table and its template, for the components that work on instances."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from refresh.dynamodb.transactions import Sender
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.memory.account import START
from tests.fakes.memory.dynamodb import Table
from tests.fakes.memory.ec2 import Template
from tests.fakes.serial import Serial
from tests.simulation.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable

TEMPLATE_ID = "lt-ours"


def made() -> Pool:
    """Return a pool without instances."""
    pool = Pool()
    pool.account.state.tables[TABLE] = Table(START - timedelta(days=1), [], [])
    pool.account.state.templates[TEMPLATE] = Template(TEMPLATE_ID, TEMPLATE, {1: {}})
    return pool


def sender(pool: Pool, over: Callable[[], bool] = lambda: False) -> Sender:
    """Return what sends transactions to the pool's table."""
    return Sender(pool.clients.dynamodb, pool.account.clock, Serial(), over)
