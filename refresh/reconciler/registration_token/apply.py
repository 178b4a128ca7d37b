"""GitHub and DynamoDB: replace the stored token without ever showing it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh import errors
from refresh.desired import RunnerScope
from refresh.pool import names, records
from refresh.reconciler.registration_token.actual import SCOPE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from refresh.desired import DesiredState
    from refresh.dynamodb.metadata_items import MetadataItems
    from refresh.ports import Clock, TokenIssuer
    from refresh.reconciler.registration_token.changes import ReplaceToken


def replace(
    change: ReplaceToken, desired: DesiredState, github: TokenIssuer, metadata: MetadataItems, clock: Clock
) -> None:
    """Ask GitHub for a token and store it, unless a longer-lived one was stored in the meantime."""
    issued = github.create_registration_token()
    now = clock.now()
    if issued.expires_at <= now:
        raise errors.Unavailable(
            "GitHub registration-token",
            "AlreadyExpired",
            f"the new token expires at {records.wire_time(issued.expires_at)}, but this machine's clock says "
            f"{records.wire_time(now)}, so it was not stored. Correct the clock.",
        )
    expires_at = records.wire_time(issued.expires_at)
    value = {
        "token": issued.token.reveal(),
        "timestamp": records.wire_time(now),
        "expires_at": expires_at,
    }
    if desired.runner_scope is not RunnerScope.REPOSITORY:
        value[SCOPE] = desired.runner_scope.value
    try:
        metadata.write(names.REGISTRATION_TOKEN_IDENTIFIER, value, not_longer_lived(change.before, expires_at))
    except errors.RefreshError:
        raise
    except Exception as error:  # noqa: BLE001 - its text may hold the token: libraries quote what they refuse to send
        raise errors.RefreshError(
            f"the token could not be stored: {type(error).__name__}. The next run tries again; if the error repeats, "
            f"report this line at {errors.ISSUES}."
        ) from None


def not_longer_lived(before: str, expires_at: str) -> Mapping[str, object]:
    """Return the condition that the stored token expires before `expires_at`.

    The first two arms let a token be replaced that cannot be compared: one without a readable expiry, and the very
    one that the plan judged.
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
