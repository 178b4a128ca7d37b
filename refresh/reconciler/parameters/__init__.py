"""DynamoDB: the operational parameters that provision and release read at each use."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.pool import names, records
from refresh.reconciler.parameters import policy
from refresh.reconciler.parameters.actual import Actual

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.parameters.changes import WriteParameter


@frozen
class Parameters:
    """Keeps the parameters as desired."""

    name: ClassVar[str] = "parameters"
    desired: DesiredState
    metadata: MetadataItems

    def observe(self) -> Actual:
        """Read each parameter's item."""
        items = {identifier: self.metadata.read(identifier) for identifier in policy.values(self.desired)}
        return Actual({identifier: item["value"] for identifier, item in items.items() if "value" in item})

    def plan(self, actual: Actual, now: datetime) -> Plan[WriteParameter]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`."""
        return policy.plan(self.desired, actual)

    def apply(self, changes: Sequence[WriteParameter]) -> Iterator[Outcome]:
        """Write each parameter."""
        for change in changes:
            yield attempt(change, self.metadata.write, change.identifier, change.value)

    def predict(self, actual: Actual, changes: Sequence[WriteParameter], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """Return what is stored after these changes."""
        return Actual({**actual.values, **{change.identifier: records.to_wire(change.value) for change in changes}})


COMPONENT: Registration[Dependencies] = Registration(
    name=Parameters.name,
    kept_in="items of the table",
    keeps="idle time, runtime, subnets",
    changes="writes them",
    items=(
        Item(
            names.IDLE_TIME_IDENTIFIER,
            "N",
            "seconds that an idle runner stays",
            "`release`: absent, 0, or not a number",
        ),
        Item(
            names.MAX_RUNTIME_IDENTIFIER,
            "N",
            "minutes from claim to release",
            "`provision`: absent, 0 or less",
        ),
        Item(
            names.SUBNET_IDS_IDENTIFIER,
            "L of S",
            "where instances are launched; a set of texts would pass `provision`'s check and then break its launch",
            "`provision`: absent or empty",
        ),
    ),
    after=("state table",),
    gates=lambda given: (given.preflight.parameters,),
    build=lambda given: Parameters(given.desired, given.prefetch.metadata),
)
