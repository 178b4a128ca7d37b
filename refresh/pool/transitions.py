"""Every write to a record: who makes it, and on what condition; the table of docs/table.md is generated from it."""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen

from refresh.pool import lifecycle
from refresh.pool.lifecycle import CLAIMED, CREATED, IDLE, RUNNING, TERMINATED

_MINUTE = timedelta(minutes=1)


@frozen(kw_only=True)
class Transition:
    """A row of the page's table: who may take a record from one state to another, and on what condition."""

    before: str
    """One of the states, `NO_RECORD`, or a word for several."""
    after: str
    by: str
    condition: str
    sets: str = ""
    """The attributes that it writes besides `state` and `updatedAt`."""


NO_RECORD = "no record"
ANY = "any"
ANY_LIVING = f"any but `{TERMINATED}`"
SAME = "the same"
_OURS = "our `release`"
_PROVIDES = "our `provision`"
_RUN_READ = "`state` and `runId` as read, `threshold` ahead"
_ALL_READ = "`state`, `runId` and `threshold` as read"
_ALL_READ_AHEAD = f"{_ALL_READ}, `threshold` ahead"
_NEW_RUNTIME = "`threshold`: in the maximum runtime"
_BUSY = "`busySeconds`"
_OUR_RUNTIME = f"{_NEW_RUNTIME}; {_BUSY}"
_RELEASED = f"`lastRunId`: the run; `releasedAt`: now; {_BUSY}; `cutOff`: the run, if its job was cut off"
_GIVEN_BACK = f"`runId`: empty; `threshold`: in the idle time; {_RELEASED}"
_REFRESH = "refresh, with `min-idle`"
_CLAIMED = f"`runId`; `threshold`: in {lifecycle.CLAIMED_FOR // _MINUTE} minutes"
_RESCUED = f", in {lifecycle.RESCUED_FOR // _MINUTE} by refresh for stranded jobs"
_OUR_CLAIM = f"{_CLAIMED}{_RESCUED}"
_ENDING = f"`runId`: empty; `threshold`: {lifecycle.EXPIRED_SINCE // _MINUTE} minutes ago; {_RELEASED}"

TRANSITIONS = (
    Transition(
        before=NO_RECORD,
        after=CREATED,
        by="`provision`, after the launch",
        condition="there is no record",
        sets=f"`threshold`: in {lifecycle.CREATED_FOR // _MINUTE} minutes",
    ),
    Transition(
        before=NO_RECORD,
        after=CREATED,
        by=f"{_PROVIDES}, after the launch",
        condition="there is no record",
        sets=f"`threshold`: in {lifecycle.CREATED_FOR // _MINUTE} minutes{_RESCUED}; `templateVersion`; `launchedAt`",
    ),
    Transition(
        before=NO_RECORD,
        after=CREATED,
        by=f"{_REFRESH}, after the launch",
        condition="there is no record",
        sets=f"`runId`: empty; `threshold`: in {lifecycle.WARM_CREATED_FOR // _MINUTE} minutes; `templateVersion`; "
        "`launchedAt`",
    ),
    Transition(
        before=CREATED,
        after=IDLE,
        by=f"{_REFRESH}; one without a run, once it is ready",
        condition=_ALL_READ_AHEAD,
        sets=f"`threshold`: in {lifecycle.WAITS_FOR // _MINUTE} minutes; `freshFor`: the same",
    ),
    Transition(
        before=CREATED,
        after=CLAIMED,
        by=f"{_PROVIDES}; one without a run",
        condition=_ALL_READ_AHEAD,
        sets=_OUR_CLAIM,
    ),
    Transition(
        before=CREATED,
        after=RUNNING,
        by="`provision`, registered on GitHub",
        condition=_RUN_READ,
        sets=_NEW_RUNTIME,
    ),
    Transition(
        before=CREATED,
        after=RUNNING,
        by=f"{_PROVIDES}, registered on GitHub",
        condition=_ALL_READ_AHEAD,
        sets=_OUR_RUNTIME,
    ),
    Transition(
        before=RUNNING,
        after=SAME,
        by=f"{_PROVIDES}, in a later attempt or after others booted",
        condition=_ALL_READ_AHEAD,
        sets=_OUR_RUNTIME,
    ),
    Transition(
        before=RUNNING,
        after=IDLE,
        by="`release`",
        condition=_RUN_READ,
        sets="`runId`: empty; `threshold`: in the idle time",
    ),
    Transition(
        before=RUNNING,
        after=IDLE,
        by=_OURS,
        condition=_ALL_READ_AHEAD,
        sets=_GIVEN_BACK,
    ),
    Transition(
        before=IDLE,
        after=SAME,
        by=f"{_OURS}, after its message",
        condition=_ALL_READ,
        sets="`offeredFor`: its `threshold`",
    ),
    Transition(
        before=IDLE,
        after=SAME,
        by=f"{_REFRESH}, with less than {lifecycle.EXTENDED_BELOW // _MINUTE} minutes left",
        condition=_ALL_READ_AHEAD,
        sets=f"`threshold`: in {lifecycle.WAITS_FOR // _MINUTE} minutes; `freshFor` and `offeredFor`, if they equaled "
        "it; `updatedAt` stays",
    ),
    Transition(
        before=IDLE,
        after=CLAIMED,
        by="`provision`",
        condition="`state` as read, `runId` empty, `threshold` ahead",
        sets=_CLAIMED,
    ),
    Transition(before=IDLE, after=CLAIMED, by=_PROVIDES, condition=_ALL_READ_AHEAD, sets=_OUR_CLAIM),
    Transition(before=CLAIMED, after=RUNNING, by="`provision`", condition=_RUN_READ, sets=_NEW_RUNTIME),
    Transition(before=CLAIMED, after=RUNNING, by=_PROVIDES, condition=_ALL_READ_AHEAD, sets=_OUR_RUNTIME),
    Transition(
        before=CLAIMED,
        after=IDLE,
        by="`provision`, which chose another instance",
        condition=_RUN_READ,
        sets="`runId`: empty",
    ),
    Transition(
        before=CLAIMED,
        after=IDLE,
        by=f"{_PROVIDES}, which has enough others",
        condition=_ALL_READ_AHEAD,
        sets=_GIVEN_BACK,
    ),
    Transition(
        before=ANY,
        after=SAME,
        by="`provision` or `release`, to expire it",
        condition=_RUN_READ,
        sets="`threshold`: in the past",
    ),
    Transition(before=RUNNING, after=IDLE, by=f"{_OURS} or `provision`, to end it", condition=_ALL_READ, sets=_ENDING),
    Transition(before=CLAIMED, after=IDLE, by=f"{_OURS} or `provision`, to end it", condition=_ALL_READ, sets=_ENDING),
    Transition(before=CREATED, after=SAME, by=f"{_OURS} or `provision`, to end it", condition=_ALL_READ, sets=_ENDING),
    Transition(
        before=ANY,
        after=NO_RECORD,
        by="`provision`, after it ended an instance whose launch failed",
        condition=f"`runId` as read; `{CREATED}` ones without a condition",
    ),
    Transition(
        before=ANY_LIVING,
        after=TERMINATED,
        by="refresh, `Mark`",
        condition=f"{_ALL_READ}; if it is for the `threshold`, that is past; if its run is over, `updatedAt` as read",
        sets=f"`runId`: empty; `threshold`: now; the attributes `ended...`; {_BUSY}; `launchedAt`, if it is absent",
    ),
    Transition(
        before=NO_RECORD,
        after=TERMINATED,
        by="refresh, `Adopt`",
        condition="there is no record",
        sets="the same; `endedRunId` is the run of the launch",
    ),
    Transition(
        before=TERMINATED,
        after=NO_RECORD,
        by="refresh, `Clean`",
        condition=f"`state` is `{TERMINATED}`, or there is no record",
        sets="in the same transaction: its heartbeat and signal are deleted, its history is written",
    ),
)
"""Every write to a record, in the order of docs/table.md."""
