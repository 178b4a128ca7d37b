"""DynamoDB and GitHub: the short-lived token with which new instances register as runners.

It is valid for an hour and can be used any number of times:
https://docs.github.com/en/rest/actions/self-hosted-runners#create-a-registration-token-for-a-repository
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from attrs import frozen

from refresh.desired import REGISTRATION_TOKEN_LIFE, RunnerScope
from refresh.engine.component import attempt
from refresh.engine.registration import Item, Registration
from refresh.pool import names, records
from refresh.reconciler.registration_token import apply, policy
from refresh.reconciler.registration_token.actual import SCOPE, Actual

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome, Plan
    from refresh.ports import Clock, TokenIssuer
    from refresh.reconciler.dependencies import Dependencies
    from refresh.reconciler.registration_token.changes import ReplaceToken


@frozen
class RegistrationToken:
    """Keeps a token stored that is valid for long enough."""

    name: ClassVar[str] = "registration token"
    desired: DesiredState
    metadata: MetadataItems
    github: TokenIssuer
    clock: Clock

    def observe(self) -> Actual:
        """Read the stored token's expiry and scope, and never the token."""
        value = records.mapping(self.metadata.read(names.REGISTRATION_TOKEN_IDENTIFIER), "value")
        return Actual(
            present=bool(records.text(value, "token")),
            expires_at=records.text(value, "expires_at") or "",
            scope=records.text(value, SCOPE) or RunnerScope.REPOSITORY.value,
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[ReplaceToken]:
        """See `policy.plan`."""
        return policy.plan(self.desired, actual, now)

    def apply(self, changes: Sequence[ReplaceToken]) -> Iterator[Outcome]:
        """Replace the token."""
        for change in changes:
            yield attempt(change, apply.replace, change, self.desired, self.github, self.metadata, self.clock)

    def predict(self, actual: Actual, changes: Sequence[ReplaceToken], now: datetime) -> Actual:
        """Return what is stored after these changes."""
        expires_at = records.wire_time(now + REGISTRATION_TOKEN_LIFE)
        return Actual(present=True, expires_at=expires_at, scope=self.desired.runner_scope.value) if changes else actual


COMPONENT: Registration[Dependencies] = Registration(
    name=RegistrationToken.name,
    kept_in="an item of the table",
    keeps="valid for at least `registration-token-min-ttl`",
    changes="requests a new one from GitHub",
    checked="every run, by its stored expiry",
    items=(
        Item(
            names.REGISTRATION_TOKEN_IDENTIFIER,
            "M {token: S, timestamp: S, expires_at: S}",
            "what instances register with, when it was issued and until when it can be used; with "
            "`runner-scope: organization` it has `scope: S` too",
            "the instances; `provision`: no token, or `expires_at` in the past",
        ),
    ),
    after=("state table",),
    gates=lambda given: (given.require_administration,),
    build=lambda given: RegistrationToken(given.desired, given.prefetch.metadata, given.clients.github, given.clock),
)
