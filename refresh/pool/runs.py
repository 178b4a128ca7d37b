"""The RUN item: what `provision` was asked for, by the label that it provides; it expires after 30 days.

It is also a lease on the label: of two provisions in one attempt of a run, only one works. Written by `provision`, and
by refresh where it provides for stranded jobs; read by both doors. The form is that of docs/table.md.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import field, frozen

from refresh.pool import records
from refresh.pool.settings import texts_in
from refresh.pool.usage import UsageClass

REUSE = "reuse"
ASKED_AT, ANSWERED_AT = "askedAt", "answeredAt"
HELD, CLAIMED, LAUNCHED = "held", "claimed", "launched"
"""Where a run's machine came from: an earlier attempt of the run, the pool, or EC2; and how many, in the item."""
FAILURES, HOSTED, MACHINES = "failures", "hosted", "machines"
NEVER_READY = "never ready"
"""A failure of a machine that EC2 has launched; the others are the values of `launch_causes.Cause`."""
VALUE = {
    "resourceClass": "S",
    "usageClass": "S",
    "count": "N",
    "instanceTypes": "L of S",
    "maxRuntimeMin": "N",
    REUSE: "BOOL",
    "attempt": "N",
    "rescues": "N",
    "link": "S",
    "holder": "S",
    "deadline": "S",
    "result": "S",
    ASKED_AT: "S",
    ANSWERED_AT: "S",
    HELD: "N",
    CLAIMED: "N",
    LAUNCHED: "N",
    FAILURES: "M {<cause>: N}",
    HOSTED: "BOOL",
    MACHINES: "BOOL",
}
"""The members of its value, with their types as docs/table.md writes them."""
PROVIDED, FAILED = "provided", "failed"
ANY_USAGE = "any"
"""The usage class of a request for whatever there is."""
_USAGE_CLASSES = {ANY_USAGE, *(each.value for each in UsageClass)}
_MOST_MACHINES, _MOST_PATTERNS = 100, 400
_LONGEST_RUNTIME = 120 * 60
"""In minutes, as the inputs allow it."""
_PATTERN = re.compile(r"[a-z0-9.*-]{1,30}")
_MINUTE = timedelta(minutes=1)


@frozen(kw_only=True)
class ProvisionedRun:
    """What the doors need to know of a RUN item."""

    label: str
    reuse: bool = True
    """Whether its machines may serve other runs afterwards."""
    link: str = ""
    """The URL of the run."""
    holder: str = ""
    """Which process holds the lease."""
    attempt: int = 0
    result: str = ""
    rescues: int = 0
    machines: bool = True
    """Whether it or an earlier one may have got machines for the label."""

    @property
    def may_leave_machines(self) -> bool:
        """Whether machines with the label may be of this provision or an earlier one; false if there is no item."""
        return self.attempt > 0 and self.machines


@frozen(kw_only=True)
class RunRequest:
    """What a provision is asked for, and until when it holds the label."""

    label: str
    resource_class: str
    usage_class: str
    """`on-demand`, `spot` or `any`."""
    count: int
    instance_types: tuple[str, ...]
    max_runtime: timedelta
    """0 for the pool's."""
    reuse: bool
    attempt: int
    link: str
    holder: str
    """Distinguishes this process from every other."""
    deadline: datetime
    """When the lease ends, if the process was killed."""
    asked_at: datetime
    """By this machine's clock, as `deadline`."""
    rescues: int = 0
    """The number of this rescue by refresh in this attempt, from 1; 0 if a job of the run provides."""


@frozen(kw_only=True)
class Answer:
    """What a provision has come to, for the history."""

    held: int = 0
    """How many of its machines an earlier attempt had left to the label; these three are 0 if it failed."""
    claimed: int = 0
    """How many came out of the pool."""
    launched: int = 0
    """How many EC2 launched for it."""
    failures: Mapping[str, int] = field(factory=dict)
    """How many requests to EC2 fell short by the value of `launch_causes.Cause`, and how many launched machines never
    got ready, as `NEVER_READY`."""
    hosted: bool = False
    """Whether a hosted runner takes the place of the machines."""
    machines: bool = True
    """Whether this provision or an earlier one may have got machines for the label."""
    skew: timedelta = timedelta()
    """How far AWS's clock is ahead of this machine's."""


@frozen(kw_only=True)
class KnownRun:
    """A whole RUN item."""

    request: RunRequest
    result: str
    """`PROVIDED`, `FAILED`, or "" while there is none."""

    def free_for(self, attempt: int, now: datetime) -> bool:
        """Whether a rescue in this attempt may take the label; the condition of `lease` decides."""
        over = self.result == "" and self.request.deadline < now
        return self.request.attempt < attempt or self.result == FAILED or over


def from_item(item: Mapping[str, Any]) -> ProvisionedRun:
    """Read a RUN item; machines may serve other runs unless it says that they may not, and has got any."""
    value = records.mapping(item, "value")
    machines = records.truth(value, MACHINES) is not False
    return ProvisionedRun(
        label=records.identifier_of(item),
        reuse=records.truth(value, REUSE) is not False or not machines,
        link=records.text(value, "link") or "",
        holder=records.text(value, "holder") or "",
        attempt=records.number(value, "attempt") or 0,
        result=records.text(value, "result") or "",
        rescues=records.number(value, "rescues") or 0,
        machines=machines,
    )


def requested(item: Mapping[str, Any]) -> KnownRun | None:
    """Read a RUN item whole; None if a member is missing or is none that `provision` writes."""
    value = records.mapping(item, "value")
    resource_class, usage_class = records.text(value, "resourceClass"), records.text(value, "usageClass")
    types, deadline = texts_in(value.get("instanceTypes")), records.read_time(records.text(value, "deadline") or "")
    count, attempt = records.number(value, "count") or 0, records.number(value, "attempt") or 0
    minutes, result = records.number(value, "maxRuntimeMin"), records.text(value, "result")
    typed = 1 <= len(types) <= _MOST_PATTERNS and all(map(_PATTERN.fullmatch, types))
    counted = 1 <= count <= _MOST_MACHINES and attempt >= 1
    if minutes is None or not 0 <= minutes <= _LONGEST_RUNTIME or deadline is None or not (typed and counted):
        return None
    if not resource_class or usage_class not in _USAGE_CLASSES or result not in {"", PROVIDED, FAILED}:
        return None
    request = RunRequest(
        label=records.identifier_of(item),
        resource_class=resource_class,
        usage_class=usage_class,
        count=count,
        instance_types=types,
        max_runtime=minutes * _MINUTE,
        reuse=records.truth(value, REUSE) is not False,
        attempt=attempt,
        link=records.text(value, "link") or "",
        holder=records.text(value, "holder") or "",
        deadline=deadline,
        asked_at=records.read_time(records.text(value, ASKED_AT) or "") or deadline,
        rescues=max(records.number(value, "rescues") or 0, 0),
    )
    return KnownRun(request=request, result=result)


def lease(table: str, request: RunRequest, now: datetime) -> dict[str, Any]:
    """Build the put that takes the label.

    The label is free if it has no item, or one of an earlier attempt or a failed provision, or one past its deadline. A
    job of the run may also take over what refresh has provided in this attempt.
    """
    free = [
        "attribute_not_exists(PK)",
        "#value.#attempt < :attempt",
        "#value.#result = :failed",
        "(#value.#result = :none AND #value.#deadline < :now)",
    ]
    names, values = _used("value", "attempt", "result", "deadline"), {}
    if not request.rescues:
        free.append("(#value.#result = :provided AND #value.#rescues > :never AND #value.#attempt = :attempt)")
        names, values = {**names, **_used("rescues")}, {":provided": {"S": PROVIDED}, ":never": {"N": "0"}}
    return {
        **_put(table, request, now, {"result": "", ASKED_AT: records.wire_time(request.asked_at)}),
        "ConditionExpression": " OR ".join(free),
        "ExpressionAttributeNames": names,
        "ExpressionAttributeValues": {
            **values,
            ":attempt": {"N": str(request.attempt)},
            ":failed": {"S": FAILED},
            ":none": {"S": ""},
            ":now": {"S": records.wire_time(now)},
        },
    }


def conclusion(
    table: str, request: RunRequest, result: str, now: datetime, answer: Answer | None = None
) -> dict[str, Any]:
    """Build the put of the result, on condition that this process still has the label; `now` is AWS's time."""
    answer = answer or Answer()
    answered = {
        "result": result,
        ASKED_AT: records.wire_time(request.asked_at + answer.skew),
        ANSWERED_AT: records.wire_time(now),
        HELD: answer.held,
        CLAIMED: answer.claimed,
        LAUNCHED: answer.launched,
        FAILURES: answer.failures,
        HOSTED: answer.hosted,
        MACHINES: answer.machines,
    }
    return {
        **_put(table, request, now, answered),
        "ConditionExpression": "#value.#holder = :holder",
        "ExpressionAttributeNames": _used("value", "holder"),
        "ExpressionAttributeValues": {":holder": {"S": request.holder}},
    }


def _used(*names: str) -> dict[str, str]:
    """Name attributes by aliases: some words are reserved in expressions, and DynamoDB adds to them."""
    return {f"#{name}": name for name in names}


def _put(table: str, request: RunRequest, now: datetime, state: Mapping[str, object]) -> dict[str, Any]:
    value = {
        "resourceClass": request.resource_class,
        "usageClass": request.usage_class,
        "count": request.count,
        "instanceTypes": request.instance_types,
        "maxRuntimeMin": request.max_runtime // _MINUTE,
        REUSE: request.reuse,
        "attempt": request.attempt,
        "rescues": request.rescues,
        "link": request.link,
        "holder": request.holder,
        "deadline": records.wire_time(request.deadline),
        **state,
    }
    expiry = records.expiry(now + records.RUN_LIFETIME)
    return {"TableName": table, "Item": records.item(records.RUN, request.label, now, value=value, expiresAt=expiry)}
