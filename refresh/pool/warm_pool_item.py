"""The METADATA item `warm_pool`: which machines refresh has launched to wait for a run, and is about to launch.

It is written before each launch, on condition that it is as read: of two runs at once only one launches. A launch whose
run was killed stays in it as pending, and is repeated with its client token. The form is that of docs/table.md; what
cannot be read in it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from attrs import evolve, field, frozen

from refresh.pool import records
from refresh.pool.usage import UsageClass

VALUE = (
    "M {version: S, proven: BOOL, unproven: N, launches: N, unready: M {<instance>: M {resourceClass: S, at: S}}, "
    "pending: M {<class>: M {token: S, label: S, count: N, usageClass: S, at: S}}}"
)
"""The types of its value, in DynamoDB's letters."""


@frozen(kw_only=True)
class Pending:
    """A launch of which it is not known yet what came of it."""

    token: str
    """The client token, from which those of the single requests are made."""
    label: str
    count: int
    usage_class: UsageClass
    at: datetime
    """When it was begun."""


@frozen(kw_only=True)
class Unready:
    """A machine that was launched and has not become ready yet, as far as a run has seen."""

    resource_class: str
    at: datetime
    """When its launch was begun."""


@frozen(kw_only=True)
class WarmState:
    """The value of the item."""

    version: str = ""
    """The template and its version that `proven` and `unready` are about."""
    proven: bool = False
    """Whether a machine of this version has become ready."""
    unproven: int = 0
    """How many versions in a row before this one were launched from without a machine that became ready."""
    launches: int = 0
    """How many launches there were; makes every value of the item another one."""
    unready: Mapping[str, Unready] = field(factory=dict)
    """By instance id."""
    pending: Mapping[str, Pending] = field(factory=dict)
    """By resource class."""

    def of(self, version: str) -> WarmState:
        """Return what is known of this version of the template; launches that are pending stay."""
        if version == self.version:
            return self
        unproven = 0 if self.proven else self.unproven + bool(self.unready)
        return evolve(self, version=version, proven=False, unproven=unproven, unready={})

    def until(self, latest: datetime) -> WarmState:
        """Return it without what was begun later, which no run can have written: it would never be over."""
        unready = {name: each for name, each in self.unready.items() if each.at <= latest}
        pending = {name: each for name, each in self.pending.items() if each.at <= latest}
        return evolve(self, unready=unready, pending=pending)

    def without(self, *resource_classes: str) -> WarmState:
        """Return it without the pending launches of these classes."""
        left = {name: each for name, each in self.pending.items() if name not in resource_classes}
        return evolve(self, pending=left)


def to_value(state: WarmState) -> dict[str, object]:
    """Return the value of the item."""
    return {
        "version": state.version,
        "proven": state.proven,
        "unproven": state.unproven,
        "launches": state.launches,
        "unready": {
            identifier: {"resourceClass": each.resource_class, "at": records.wire_time(each.at)}
            for identifier, each in state.unready.items()
        },
        "pending": {
            name: {
                "token": each.token,
                "label": each.label,
                "count": each.count,
                "usageClass": each.usage_class.value,
                "at": records.wire_time(each.at),
            }
            for name, each in state.pending.items()
        },
    }


def to_wire(state: WarmState) -> Mapping[str, Any]:
    """Return the value of the item in DynamoDB's low-level form."""
    return records.to_wire(to_value(state))


def from_value(wire: Mapping[str, Any] | None) -> WarmState:
    """Read the value of the item, in DynamoDB's low-level form; None if there is none."""
    value = records.mapping({"value": wire}, "value")
    unready, pending = records.mapping(value, "unready"), records.mapping(value, "pending")
    launched = {identifier: _unready(records.mapping(unready, identifier)) for identifier in unready}
    begun = {name: _pending(records.mapping(pending, name)) for name in pending}
    return WarmState(
        version=records.text(value, "version") or "",
        proven=records.truth(value, "proven") is True,
        unproven=max(records.number(value, "unproven") or 0, 0),
        launches=records.number(value, "launches") or 0,
        unready={
            identifier: each
            for identifier, each in launched.items()
            if each and records.INSTANCE_ID.fullmatch(identifier)
        },
        pending={name: each for name, each in begun.items() if each},
    )


def unchanged(before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return the condition that the stored value still is the one that was read."""
    if before is None:
        return {"ConditionExpression": "attribute_not_exists(#value)", "ExpressionAttributeNames": {"#value": "value"}}
    return {
        "ConditionExpression": "#value = :before",
        "ExpressionAttributeNames": {"#value": "value"},
        "ExpressionAttributeValues": {":before": before},
    }


def _unready(value: Mapping[str, Any]) -> Unready | None:
    at = records.read_time(records.text(value, "at") or "")
    return Unready(resource_class=records.text(value, "resourceClass") or "", at=at) if at else None


def _pending(value: Mapping[str, Any]) -> Pending | None:
    token, label, at = (records.text(value, name) or "" for name in ("token", "label", "at"))
    count, begun, usage = records.number(value, "count") or 0, records.read_time(at), records.text(value, "usageClass")
    if not token or not label or begun is None or count <= 0 or usage not in {each.value for each in UsageClass}:
        return None
    return Pending(token=token, label=label, count=count, usage_class=UsageClass(usage), at=begun)
