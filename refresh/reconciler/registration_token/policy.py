"""When the stored token must be replaced; pure."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from refresh.desired import REGISTRATION_TOKEN_LIFE
from refresh.engine.change import Plan
from refresh.pool import records
from refresh.reconciler.registration_token.changes import ReplaceToken
from refresh.text import lasting

if TYPE_CHECKING:
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.reconciler.registration_token.actual import Actual

_EXPIRED = "expired"
_CLOCKS_APART = timedelta(minutes=15)
"""How far GitHub's clock may be ahead of ours."""


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[ReplaceToken]:
    """Plan a new token when the stored one is absent, unreadable, or valid for too short or too long."""
    reason = _reason(desired, actual, now)
    warning = (
        f"the stored registration token expired at {actual.expires_at}; no instance could register since then. "
        "GitHub delays and drops scheduled runs: run this workflow more often, or start it with workflow_dispatch."
    )
    changes = (ReplaceToken(actual.expires_at, reason),) if reason else ()
    return Plan(changes, (warning,) if reason == _EXPIRED else ())


def _reason(desired: DesiredState, actual: Actual, now: datetime) -> str:
    """Return why the stored token must be replaced; "" if it need not."""
    expires_at = records.read_time(actual.expires_at)
    left = expires_at - now if expires_at else timedelta()
    if not actual.present:
        reason = "none is stored"
    elif actual.scope != desired.runner_scope.value:
        reason = f"it registers runners of the {actual.scope}, not of the {desired.runner_scope.value}"
    elif expires_at is None:
        reason = "its expiry cannot be read"
    elif left > REGISTRATION_TOKEN_LIFE + _CLOCKS_APART:
        # Only a job that writes to the table can have stored it, and no instance could register with it.
        reason = "its expiry is later than GitHub allows"
    elif left >= desired.registration_token_min_ttl:
        reason = ""
    else:
        reason = f"expires in {lasting(left)}" if left > timedelta() else _EXPIRED
    return reason
