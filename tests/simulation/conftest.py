"""What makes hundreds of thousands of simulated runs affordable."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import pytest

from refresh.agent import user_data

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT = 256


@pytest.fixture(scope="session", autouse=True)
def _compressed_once() -> Iterator[None]:
    """Compress and unpack each user data once: this is pure, and would be more than half of a simulated run."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("render", "unpack"):
            patch.setattr(user_data, name, functools.lru_cache(_KEPT)(getattr(user_data, name)))
        yield
