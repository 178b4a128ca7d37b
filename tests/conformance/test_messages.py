"""Messages in SQS as release sends them, and as the archived action receives them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors
from tests.fakes.memory.account import Account
from tests.fakes.memory.sqs import Sqs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conformance.conftest import Backend

ATTRIBUTES = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "3600"}
LONGEST = 900


@pytest.fixture
def queue(backend: Backend, unique: str) -> Iterator[str]:
    """Give the URL of an empty queue."""
    url = backend.sqs.create_queue(QueueName=unique, Attributes=ATTRIBUTES)["QueueUrl"]
    backend.wait(2)
    yield url
    if backend.name == "AWS":
        backend.sqs.delete_queue(QueueUrl=url)


def _entry(identifier: str, delay: int = 0) -> dict[str, Any]:
    return {"Id": identifier, "MessageBody": f"the message {identifier}", "DelaySeconds": delay}


def _send(backend: Backend, queue: str, *entries: dict[str, Any]) -> Any:
    return backend.sqs.send_message_batch(QueueUrl=queue, Entries=list(entries))


def _at_once(backend: Backend, queue: str, **more: Any) -> list[Any]:
    found: list[Any] = backend.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=0, **more).get("Messages", [])
    return found


def _in_the_end(backend: Backend, queue: str, **more: Any) -> Any:
    """Receive a message that is visible now or in some seconds."""
    for _ in range(60):
        if found := backend.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1, **more).get("Messages"):
            return found[0]
        backend.wait(1)
    pytest.fail("no message came")


def test_each_message_of_a_batch_is_answered_and_received(backend: Backend, queue: str) -> None:
    answer = _send(backend, queue, _entry("i-1"), _entry("i-2"))
    assert [each["Id"] for each in answer["Successful"]] == ["i-1", "i-2"]
    assert not answer.get("Failed")
    bodies = {_in_the_end(backend, queue)["Body"] for _ in range(2)}
    assert bodies == {"the message i-1", "the message i-2"}


def test_a_delayed_message_is_hidden_until_then(backend: Backend, queue: str) -> None:
    _send(backend, queue, _entry("i-1", LONGEST))
    assert _at_once(backend, queue) == []
    _send(backend, queue, _entry("i-2", 1))
    assert _in_the_end(backend, queue)["Body"] == "the message i-2"
    assert _at_once(backend, queue) == []


def test_one_message_alone_is_sent_with_a_delay_as_well(backend: Backend, queue: str) -> None:
    backend.sqs.send_message(QueueUrl=queue, MessageBody="one", DelaySeconds=LONGEST)
    assert _at_once(backend, queue) == []
    backend.sqs.send_message(QueueUrl=queue, MessageBody="two")
    assert _in_the_end(backend, queue)["Body"] == "two"
    with pytest.raises(errors.Rejected):
        backend.sqs.send_message(QueueUrl=queue, MessageBody="three", DelaySeconds=LONGEST + 1)


def test_a_received_message_is_hidden_and_comes_back_unless_it_is_deleted(backend: Backend, queue: str) -> None:
    """With another handle."""
    _send(backend, queue, _entry("i-1"))
    first = _in_the_end(backend, queue, VisibilityTimeout=1)
    again = _in_the_end(backend, queue)
    assert (again["MessageId"], again["Body"]) == (first["MessageId"], first["Body"])
    assert again["ReceiptHandle"] != first["ReceiptHandle"]
    assert _at_once(backend, queue) == []
    backend.sqs.delete_message(QueueUrl=queue, ReceiptHandle=again["ReceiptHandle"])
    backend.wait(31)
    assert _at_once(backend, queue) == []


def test_a_message_is_deleted_twice_without_an_error(backend: Backend, queue: str) -> None:
    _send(backend, queue, _entry("i-1"))
    handle = _in_the_end(backend, queue)["ReceiptHandle"]
    for _ in range(2):
        backend.sqs.delete_message(QueueUrl=queue, ReceiptHandle=handle)


@pytest.mark.wrong_on(moto="an older handle deletes the message")
def test_only_the_latest_handle_deletes_a_message(backend: Backend, queue: str) -> None:
    _send(backend, queue, _entry("i-1"))
    first = _in_the_end(backend, queue, VisibilityTimeout=1)
    _in_the_end(backend, queue, VisibilityTimeout=1)
    backend.sqs.delete_message(QueueUrl=queue, ReceiptHandle=first["ReceiptHandle"])
    # Not `_in_the_end`: where the message is gone, that would wait for a minute.
    backend.wait(2)
    assert backend.sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=2).get("Messages")


def test_what_is_no_handle_deletes_nothing(backend: Backend, queue: str) -> None:
    with pytest.raises(errors.Rejected):
        backend.sqs.delete_message(QueueUrl=queue, ReceiptHandle="nonsense")


def test_a_message_that_cannot_be_sent_is_refused_by_itself(backend: Backend, queue: str) -> None:
    """The others of its batch are sent."""
    answer = _send(backend, queue, _entry("i-1", LONGEST + 1), _entry("i-2"))
    assert [each["Id"] for each in answer["Successful"]] == ["i-2"]
    (failed,) = answer["Failed"]
    assert failed["Id"] == "i-1"
    error = errors.of_entry("sqs:SendMessageBatch", failed)
    assert (type(error), error.code) == (errors.Rejected, "InvalidParameterValue")
    assert _in_the_end(backend, queue)["Body"] == "the message i-2"


@pytest.mark.parametrize(
    ("identifiers", "code"),
    [
        ([], "EmptyBatchRequest"),
        ([f"i-{number}" for number in range(11)], "TooManyEntriesInBatchRequest"),
        (["i-1", "i-1"], "BatchEntryIdsNotDistinct"),
        (["i.1"], "InvalidBatchEntryId"),
    ],
)
def test_a_batch_that_cannot_be_sent_is_refused_whole(
    backend: Backend, queue: str, identifiers: list[str], code: str
) -> None:
    with pytest.raises(errors.Rejected) as caught:
        _send(backend, queue, *map(_entry, identifiers))
    assert caught.value.code.endswith(code)
    assert _at_once(backend, queue) == []


def test_a_queue_that_does_not_exist_takes_and_gives_no_message(backend: Backend, queue: str) -> None:
    absent = f"{queue}-x"
    for call in (
        lambda: _send(backend, absent, _entry("i-1")),
        lambda: backend.sqs.send_message(QueueUrl=absent, MessageBody="one"),
        lambda: _at_once(backend, absent),
        lambda: backend.sqs.delete_message(QueueUrl=absent, ReceiptHandle="x"),
    ):
        with pytest.raises(errors.NotFound):
            call()


def _in_memory() -> tuple[Account, Sqs, str]:
    account = Account()
    url = Sqs(account).create_queue(QueueName="x", Attributes=ATTRIBUTES)["QueueUrl"]
    account.clock.moment += timedelta(seconds=2)
    return account, Sqs(account), url


def test_in_memory_a_message_is_gone_after_the_retention_period() -> None:
    account, sqs, url = _in_memory()
    sqs.send_message(QueueUrl=url, MessageBody="one")
    account.clock.moment += timedelta(seconds=3600)
    assert sqs.receive_message(QueueUrl=url) == {}


def test_in_memory_a_short_poll_may_miss_a_message() -> None:
    account, sqs, url = _in_memory()
    sqs.send_message(QueueUrl=url, MessageBody="one")
    account.state.false_empty = 1
    assert sqs.receive_message(QueueUrl=url) == {}
    assert len(sqs.receive_message(QueueUrl=url)["Messages"]) == 1


def test_in_memory_sqs_may_refuse_a_message_for_its_own_reasons() -> None:
    account, sqs, url = _in_memory()
    account.refuse_message = lambda body: "InternalError" if body.endswith("i-1") else ""
    answer = sqs.send_message_batch(QueueUrl=url, Entries=[_entry("i-1"), _entry("i-2")])
    assert isinstance(errors.of_entry("sqs:SendMessageBatch", answer["Failed"][0]), errors.Unavailable)
    assert [each["Id"] for each in answer["Successful"]] == ["i-2"]


def test_in_memory_messages_outlive_a_snapshot() -> None:
    account, sqs, url = _in_memory()
    sqs.send_message(QueueUrl=url, MessageBody="one")
    restored = Account.restore(account.snapshot())
    assert Sqs(restored).receive_message(QueueUrl=url)["Messages"][0]["Body"] == "one"
