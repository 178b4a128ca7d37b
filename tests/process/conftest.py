"""What tests of processes share: the agents of the pool's machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.ports import Clients
    from tests.fakes.agents import Agents
    from tests.fakes.provisioning import ProvisionWorld


@pytest.fixture
def agents(refreshed: ProvisionWorld, clients: Clients) -> Iterator[Agents]:
    """Have an agent on every machine of the pool."""
    with refreshed.agents(clients) as working:
        yield working
