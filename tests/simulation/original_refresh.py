"""The archived action's `refresh` as another process, from what is known of its calls: no minimum, one page of records.

It collects no machine that is `created` and none without a record, and leaves the records of what it ended.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import records
from tests.fakes import canaries
from tests.simulation.original_calls import CALL, OriginalCalls

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLECTED = ("idle", "claimed", "running")
_TOKEN_LIVES = timedelta(hours=1)


@frozen
class OriginalRefresh:
    """One run of it in a pool that is set up."""

    calls: OriginalCalls

    def steps(self) -> Iterator[float]:
        """Give the seconds before each call."""
        yield CALL
        self._renew_token()
        ended = []
        for state in COLLECTED:
            yield CALL
            for item in self.calls.in_state(state):
                if (records.text(item, "threshold") or "") >= self.calls.time():
                    continue
                yield CALL
                identifier = records.identifier_of(item)
                if self.calls.mark(identifier, state, records.text(item, "runId") or ""):
                    ended.append(identifier)
        if ended:
            yield CALL
            self.calls.end(ended)
            for identifier in ended:
                for entity in (records.HEARTBEAT, records.SIGNAL):
                    self.calls.pool.table.delete((f"TYPE#{entity}", f"ID#{identifier}"))

    def _renew_token(self) -> None:
        pool = self.calls.pool
        now = pool.account.clock.now()
        token = {
            "token": f"{canaries.REGISTRATION}0",
            "timestamp": records.wire_time(now),
            "expires_at": records.wire_time(now + _TOKEN_LIVES),
        }
        pool.table.put(records.item(records.METADATA, "gh_registration_token", now, value=token))
