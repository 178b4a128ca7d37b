"""SQS as refresh relies on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import errors

if TYPE_CHECKING:
    from tests.conformance.conftest import Backend

ATTRIBUTES = {"VisibilityTimeout": "30", "MessageRetentionPeriod": "3600"}


def _create(backend: Backend, name: str) -> str:
    url = backend.sqs.create_queue(QueueName=name, Attributes=ATTRIBUTES)["QueueUrl"]
    backend.wait(2)
    return str(url)


def _delete(backend: Backend, name: str, url: str) -> None:
    if backend.name == "memory":
        backend.sqs.delete(name)
    else:
        backend.sqs.delete_queue(QueueUrl=url)


def test_an_equal_queue_is_created_again_without_an_error(backend: Backend, unique: str) -> None:
    """It gives the same URL, which ends in its name."""
    url = _create(backend, unique)
    assert url.endswith(f"/{unique}")
    assert _create(backend, unique) == url
    assert backend.sqs.get_queue_url(QueueName=unique)["QueueUrl"] == url


def test_a_queue_with_other_attributes_is_refused(backend: Backend, unique: str) -> None:
    """They are set, not created."""
    url = _create(backend, unique)
    with pytest.raises(errors.AlreadyExists):
        backend.sqs.create_queue(QueueName=unique, Attributes={**ATTRIBUTES, "VisibilityTimeout": "5"})
    backend.sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "5"})
    backend.wait(61)
    found = backend.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(ATTRIBUTES))
    assert found["Attributes"] == {**ATTRIBUTES, "VisibilityTimeout": "5"}


def test_a_queue_that_does_not_exist_is_not_found(backend: Backend, unique: str) -> None:
    """Neither by name nor by URL."""
    url = _create(backend, unique)
    _delete(backend, unique, url)
    backend.wait(61)
    with pytest.raises(errors.NotFound):
        backend.sqs.get_queue_url(QueueName=unique)
    with pytest.raises(errors.NotFound):
        backend.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=list(ATTRIBUTES))


@pytest.mark.wrong_on(moto="it has no cool-down")
def test_the_name_of_a_deleted_queue_is_blocked_for_a_minute(backend: Backend, unique: str) -> None:
    _delete(backend, unique, _create(backend, unique))
    with pytest.raises(errors.Rejected) as caught:
        _create(backend, unique)
    assert caught.value.code.endswith("QueueDeletedRecently")


@pytest.mark.parametrize("name", ["a.b", "x" * 81])
def test_queue_names_have_allowed_characters(backend: Backend, name: str) -> None:
    with pytest.raises(errors.Rejected):
        backend.sqs.create_queue(QueueName=name, Attributes=ATTRIBUTES)
