"""DynamoDB and GitHub: the short-lived token with which new instances register as runners.

https://docs.github.com/en/rest/actions/self-hosted-runners#create-a-registration-token-for-a-repository: it lives an
hour and can be used until then.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar

from attrs import field, frozen

from refresh import errors
from refresh.desired import REGISTRATION_TOKEN_LIFE, RunnerScope
from refresh.engine.change import Change, Difference, Plan
from refresh.engine.component import attempt
from refresh.pool import names, records
from refresh.text import lasting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.engine.change import Outcome
    from refresh.ports import Clock, TokenIssuer


_EXPIRED = "the stored one has expired"
_CLOCKS_APART = timedelta(minutes=15)
"""How far GitHub's clock may be ahead of ours."""
_SCOPE = "scope"


@frozen
class Actual:
    """The stored token without the token: whether there is one, and `expires_at` as it is written."""

    present: bool = False
    expires_at: str = ""
    scope: str = RunnerScope.REPOSITORY.value
    """Whose runners it registers."""


@frozen
class ReplaceToken(Change):
    """Ask GitHub for a new token and store it."""

    noun: ClassVar[str] = "registration_token"
    verb: ClassVar[str] = "replace"
    done: ClassVar[str] = "replaced"
    # Neither takes part in equality: one run asks GitHub once, however short-lived the answer looks to our clock.
    before: str = field(eq=False)
    reason: str = field(eq=False)

    @property
    def subject(self) -> str:
        return f"({self.reason})"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return (Difference("expires_at", self.before or None, "an hour after it is issued"),)


def plan(desired: DesiredState, actual: Actual, now: datetime) -> Plan[ReplaceToken]:
    """Plan a new token when the stored one is absent, unreadable or has too little or too much life left."""
    reason = _reason(desired, actual, now)
    warning = (
        f"the stored registration token expired at {actual.expires_at}: no instance could register since then. "
        "GitHub delays and drops scheduled runs; run this workflow more often or start it by workflow_dispatch."
    )
    changes = (ReplaceToken(actual.expires_at, reason),) if reason else ()
    return Plan(changes, (warning,) if reason == _EXPIRED else ())


def _reason(desired: DesiredState, actual: Actual, now: datetime) -> str:
    """Say why the stored token has to be replaced; "" where it is good."""
    expires_at = records.read_time(actual.expires_at)
    left = expires_at - now if expires_at else timedelta()
    if not actual.present:
        reason = "none is stored"
    elif actual.scope != desired.runner_scope.value:
        reason = f"the stored one registers runners of the {actual.scope}, not of the {desired.runner_scope.value}"
    elif expires_at is None:
        reason = "the stored one's expiry cannot be read"
    elif left > REGISTRATION_TOKEN_LIFE + _CLOCKS_APART:
        # Nobody but a job that writes to the table can have put it there, and no instance could register with it.
        reason = "the stored one claims to live longer than GitHub lets any"
    elif left >= desired.registration_token_min_ttl:
        reason = ""
    else:
        reason = f"the stored one has {lasting(left)} left" if left > timedelta() else _EXPIRED
    return reason


@frozen
class RegistrationToken:
    """Keeps the stored token alive long enough."""

    name: ClassVar[str] = "registration token"
    desired: DesiredState
    metadata: MetadataItems
    github: TokenIssuer
    clock: Clock

    def observe(self) -> Actual:
        """Read the stored token's expiry and scope."""
        value = records.mapping(self.metadata.read(names.REGISTRATION_TOKEN_IDENTIFIER), "value")
        return Actual(
            bool(records.text(value, "token")),
            records.text(value, "expires_at") or "",
            records.text(value, _SCOPE) or RunnerScope.REPOSITORY.value,
        )

    def plan(self, actual: Actual, now: datetime) -> Plan[ReplaceToken]:
        """See the module's `plan`."""
        return plan(self.desired, actual, now)

    def predict(self, actual: Actual, changes: Sequence[ReplaceToken], now: datetime) -> Actual:
        """Tell what will be stored once these changes are made."""
        expires_at = records.wire_time(now + REGISTRATION_TOKEN_LIFE)
        return Actual(present=True, expires_at=expires_at, scope=self.desired.runner_scope.value) if changes else actual

    def apply(self, changes: Sequence[ReplaceToken]) -> Iterator[Outcome]:
        """Replace the token."""
        for change in changes:
            yield attempt(change, self._replace, change.before)

    def _replace(self, before: str) -> None:
        issued = self.github.create_registration_token()
        now = self.clock.now()
        if issued.expires_at <= now:
            raise errors.Unavailable(
                "GitHub registration-token",
                "AlreadyExpired",
                f"the new token expires at {records.wire_time(issued.expires_at)} and it is {records.wire_time(now)} "
                "here; it was not stored. Compare this machine's clock.",
            )
        expires_at = records.wire_time(issued.expires_at)
        value = {
            "token": issued.token.reveal(),
            "timestamp": records.wire_time(now),
            "expires_at": expires_at,
        }
        # Left out for a repository's, so that the item is the original's.
        if self.desired.runner_scope is not RunnerScope.REPOSITORY:
            value[_SCOPE] = self.desired.runner_scope.value
        try:
            self.metadata.write(names.REGISTRATION_TOKEN_IDENTIFIER, value, _not_longer_lived(before, expires_at))
        except errors.RefreshError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text may hold the token
            # A library may quote what it refuses to send, and this is the token.
            raise errors.RefreshError(
                f"storing the token failed: {type(error).__name__}. The next run tries again; if it stays, report this "
                f"line at {errors.ISSUES}."
            ) from None


def _not_longer_lived(before: str, expires_at: str) -> Mapping[str, object]:
    """Build the condition under which a longer-lived token, stored meanwhile, is never replaced.

    The first two arms repair what cannot be compared: no readable expiry, or the very one that the plan judged.
    """
    return {
        "ConditionExpression": (
            "NOT attribute_type(#value.expires_at, :string)"
            " OR #value.expires_at = :before OR #value.expires_at < :after"
        ),
        "ExpressionAttributeNames": {"#value": "value"},
        "ExpressionAttributeValues": {
            ":string": {"S": "S"},
            ":before": {"S": before},
            ":after": {"S": expires_at},
        },
    }
