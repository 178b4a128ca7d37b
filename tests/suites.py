"""Suites that need more than Python and make: left out where that is not there, with the reason, but never in CI."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

ALL = os.environ.get("REFRESH_ALL_SUITES") == "1"
"""Whether nothing may be left out, as in CI."""
NIGHTLY = os.environ.get("REFRESH_BUDGET") == "nightly"
"""Whether suites that sample in CI run in full."""


def leave_out(absent: str) -> NoReturn:
    """Skip with the reason, which the list of skips shows at the end; fail where every suite is asked for."""
    if ALL:
        pytest.fail(absent)
    pytest.skip(absent)  # a user's machine may lack it, and CI may not: see above
