"""Errors: what a failed entry of a batch becomes."""

from __future__ import annotations

from typing import Any

import pytest

from refresh import errors


@pytest.mark.parametrize(
    ("entry", "kind"),
    [
        ({"Code": "InvalidParameterValue", "SenderFault": True}, errors.Rejected),
        ({"Code": "InternalError", "SenderFault": False}, errors.Unavailable),
        ({"Code": "InternalError"}, errors.Unavailable),
        ({"Code": "RequestThrottled", "SenderFault": True}, errors.Throttled),
    ],
)
def test_a_failed_entry_of_a_batch_becomes_the_error_of_its_fault(
    entry: dict[str, Any], kind: type[errors.ApiError]
) -> None:
    error = errors.of_entry("sqs:SendMessageBatch", {"Id": "i-1", "Message": "because", **entry})
    assert type(error) is kind
    assert (error.operation, error.code, error.message) == ("sqs:SendMessageBatch", entry["Code"], "because")


def test_a_failed_entry_without_a_reason_is_unavailable() -> None:
    error = errors.of_entry("sqs:SendMessageBatch", {"Id": "i-1"})
    assert (type(error), error.code, error.message) == (errors.Unavailable, "Unknown", "")
