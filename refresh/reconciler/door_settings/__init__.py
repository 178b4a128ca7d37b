"""DynamoDB: the SETTINGS item, from which our `provision` and `release` read what they need of the pool.

It repeats what METADATA items hold, without the registration token: the roles of `provision` and `release` may not read
METADATA. So it is compared after the components that keep those items have ended, whether they succeeded or not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from refresh import errors
from refresh.engine.change import Skipped
from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.pool import names, records, settings
from refresh.preflight import read_or_error
from refresh.reconciler.door_settings import observe, policy, predict
from refresh.reconciler.launch_template import LaunchTemplate
from refresh.reconciler.parameters import Parameters
from refresh.reconciler.registration_token import RegistrationToken
from refresh.reconciler.resource_pools import ResourcePools
from refresh.reconciler.state_table import StateTable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.engine.report import ComponentReport
    from refresh.ports import Clock
    from refresh.preflight.profile_lookup import Profile
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.door_settings.actual import Actual
    from refresh.reconciler.door_settings.changes import WriteSettings


@frozen
class DoorSettings:
    """Keeps the item equal to what METADATA items hold."""

    name: ClassVar[str] = "door settings"
    desired: DesiredState
    metadata: MetadataItems
    reports: Callable[[], tuple[ComponentReport, ...]]
    """Waits for the components that keep METADATA items."""
    require_table: Callable[[], None]
    """Raises if the state table cannot be written to."""
    profile: Callable[[], Profile]
    """Waits for IAM's description of the instance profile."""
    clock: Clock

    def observe(self) -> Actual:
        """Wait for the other components and IAM, then read the items; in mode plan as they are going to be written."""
        due = observe.due(self.desired, self.reports(), self.clock.now())
        role = observe.runner_role(self.desired, read_or_error(self.profile))
        return observe.observe(self.metadata, due, role)

    def plan(self, actual: Actual, now: datetime) -> Plan[WriteSettings]:  # noqa: ARG002 - the protocol's shape
        """See `policy.plan`; if the table is the reason why nothing is recorded, that is reported."""
        try:
            return policy.plan(self.desired, actual)
        except errors.Blocked:
            self.require_table()
            raise

    def apply(self, changes: Sequence[WriteSettings]) -> Iterator[Outcome]:
        """Write the item; if another run was first, have all items read again: it knows something newer."""
        for change in changes:
            value, condition = settings.to_value(change.settings), policy.unchanged(change.before)
            identifier, entity = names.SETTINGS_IDENTIFIER, records.SETTINGS
            outcome = attempt(change, self.metadata.write, identifier, value, condition, entity=entity)
            if isinstance(outcome, Skipped):
                self.metadata.read_again()
            yield outcome

    def predict(self, actual: Actual, changes: Sequence[WriteSettings], now: datetime) -> Actual:  # noqa: ARG002 - the protocol's shape
        """See `predict.predict`."""
        return predict.predict(actual, changes)


COMPONENT: Registration[Dependencies] = Registration(
    name=DoorSettings.name,
    kept_in="an item of the table",
    keeps="what our `provision` and `release` need to know of the pool, without a secret",
    changes="writes it",
    items=(
        Item(
            names.SETTINGS_IDENTIFIER,
            "M {repository: S, server: S, classes: M {<class>: M {cpu: N, mmem: N, queueUrl: S}}, subnetIds: L of S, "
            "templateName: S, templateId: S, templateVersion: N, idleTimeSec: N, maxRuntimeMin: N, "
            "tokenValidUntil: S, maxInstances: M {<class>: N}, originalModes: BOOL, runnerRoleId: S}",
            "the owner of the pool, as in the item `pool`; what METADATA holds of classes, subnets, template, idle "
            "time and maximum runtime; until when the registration token can be used, empty if there is none; how "
            "many instances a class may have; whether the original action's modes still work; the unique id of the "
            "role in the instance profile, which the keys of the instances' reports have",
            "our `provision` and `release`: an item without one of the others; `templateVersion` may be absent, and "
            "`runnerRoleId` too, as long as IAM has not shown it",
            records.SETTINGS,
        ),
    ),
    after=(StateTable.name, LaunchTemplate.name, ResourcePools.name, Parameters.name, RegistrationToken.name),
    build=lambda given: DoorSettings(
        given.desired, given.prefetch.metadata, given.reports, given.require_table, given.profile, given.clock
    ),
)
