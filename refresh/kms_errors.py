"""AWS KMS: what a service answers if it cannot use the key that encrypts its data.

DynamoDB uses the key on behalf of the caller, so the role of a run needs kms:Decrypt:
https://docs.aws.amazon.com/kms/latest/developerguide/services-dynamodb.html. The answers are
those of KMS inside those of the service.
"""

from __future__ import annotations

import re

from refresh import errors

_ABOUT_A_KEY = re.compile(r"AWSKMS|services\.kms|\bKMS key\b|not authorized to perform: kms:")
_CODE = re.compile(r"kms", re.IGNORECASE)
_ARN = re.compile(r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+")
_ACTION = re.compile(r"not authorized to perform: (kms:[A-Za-z]+)")
_NAMED = "the KMS key"
_UNNAMED = f"{_NAMED} that encrypts it"
_WHERE = "`aws dynamodb describe-table` shows it as SSEDescription"
_STATES = (
    (re.compile(r"Disabled"), f"Enable {_UNNAMED}"),
    (re.compile(r"InvalidState|pending deletion", re.IGNORECASE), f"Cancel the deletion of {_UNNAMED} and enable it"),
    (re.compile(r"NotFound"), f"Use another key: {_UNNAMED} does not exist"),
)
_THROTTLED = re.compile(r"Throttl")


def from_aws(operation: str, code: str, message: str) -> errors.ApiError | None:
    """Return the error for an answer about a key; None for any other answer."""
    if not (_CODE.match(code) or _ABOUT_A_KEY.search(message)) or "explicit deny" in message:
        return None
    answer = f"{code} {message}"
    if _THROTTLED.search(answer):
        return errors.Throttled(operation, code, message)
    remedy = next((remedy for words, remedy in _STATES if words.search(answer)), "")
    if not remedy:
        action = _ACTION.search(message)
        also = f" and {action[1]}" if action and action[1] != "kms:Decrypt" else ""
        remedy = (
            f"Allow kms:Decrypt{also} on {_UNNAMED} in the IAM policy of the role or user that the run uses, and in "
            "the key's policy if that does not delegate to IAM"
        )
    refused = errors.KeyUnusable(operation, code, message, remedy=f"{remedy}.")
    key = _ARN.search(message)
    return named(refused, key[0]) if key else refused


def named(error: errors.KeyUnusable, key: str) -> errors.KeyUnusable:
    """Name the key in the remedy; without a key, say where to look it up."""
    which = f"{_NAMED} {key}" if key else f"{_UNNAMED} ({_WHERE})"
    remedy = error.remedy.replace(_UNNAMED, which)
    return errors.KeyUnusable(error.operation, error.code, error.message, remedy=remedy)
