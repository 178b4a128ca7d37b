"""The archived action's `refresh` as another process, from what is known of its calls: no minimum, one page of records.

It collects no machine that is `created` and none without a record, and leaves the records of what it ended. Where it
takes over, it finds that the recorded user data is not its own, and makes a version with its own program the default.
"""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import names, records
from tests.fakes import canaries
from tests.fakes.desired import IMAGE, TEMPLATE
from tests.simulation.original_calls import CALL, OriginalCalls

if TYPE_CHECKING:
    from collections.abc import Iterator

COLLECTED = ("idle", "claimed", "running")
_TOKEN_LIVES = timedelta(hours=1)
PROGRAM = base64.b64encode(b"#!/bin/bash\n\n### INITIAL STEPS:\n").decode()
"""Its user data, of which only the beginning matters here."""
_HASH = "a" * 64


@frozen
class OriginalRefresh:
    """One run of it in a pool that is set up."""

    calls: OriginalCalls
    takes_over: bool = False

    def steps(self) -> Iterator[float]:
        """Give the seconds before each call."""
        if self.takes_over:
            yield CALL
            self._write_template()
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

    def _write_template(self) -> None:
        """Add a version to the same template, and record it without what we add, unless that is recorded."""
        recorded = records.mapping(self.calls.get(records.METADATA, names.LAUNCH_TEMPLATE_IDENTIFIER), "value")
        if records.text(recorded, "userDataHash") == _HASH:
            return
        pool = self.calls.pool
        template = pool.account.state.templates[TEMPLATE]
        before = template.versions[template.default]
        template.latest += 1
        template.default = template.latest
        options = {**before["MetadataOptions"], "HttpPutResponseHopLimit": 10}
        template.versions[template.latest] = {**before, "UserData": PROGRAM, "MetadataOptions": options}
        value = {"name": TEMPLATE, "ami": IMAGE, "userDataHash": _HASH, "userData": "", "userDataBase64": ""}
        now = pool.account.clock.now()
        pool.table.put(records.item(records.METADATA, names.LAUNCH_TEMPLATE_IDENTIFIER, now, value=value))

    def _renew_token(self) -> None:
        pool = self.calls.pool
        now = pool.account.clock.now()
        token = {
            "token": f"{canaries.REGISTRATION}0",
            "timestamp": records.wire_time(now).replace("Z", ".123Z"),
            "expires_at": records.wire_time(now + _TOKEN_LIVES).replace("Z", ".123Z"),
        }
        pool.table.put(records.item(records.METADATA, "gh_registration_token", now, value=token))
