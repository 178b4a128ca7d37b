"""SQS: the messages by which the original's `provision` finds idle machines, ten in a call.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html; the form of a message
is that of docs/table.md.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from refresh import errors
from refresh.engine.change import Done, Failed, Postponed
from refresh.pool.batches import batches

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    from types_boto3_sqs import SQSClient

    from refresh.engine.change import Outcome
    from refresh.pool.records import InstanceRecord
    from refresh.pool.settings import ClassSettings, Settings
    from refresh.release.changes import Offer

DELAY_SECONDS = 60
"""How long a message is invisible: by then the machine's agent has removed its registration on GitHub."""
_PER_CALL = 10


def body(record: InstanceRecord, resource_class: ClassSettings) -> str:
    """Write a message as the original's `release` does; the threshold is that of the record."""
    return json.dumps(
        {
            "id": record.id,
            "resourceClass": record.resource_class,
            "instanceType": record.instance_type,
            "cpu": resource_class.cpu,
            "mmem": resource_class.memory_mib,
            "usageClass": record.usage_class,
            "threshold": record.threshold,
        }
    )


def send(sqs: SQSClient, executor: Executor, settings: Settings, offers: Sequence[Offer]) -> Iterator[Outcome]:
    """Send the message of each machine to its class's queue, and yield an outcome for each."""
    by_class: dict[str, list[Offer]] = {}
    for offer in offers:
        by_class.setdefault(offer.record.resource_class, []).append(offer)
    under_way = [
        executor.submit(_send, sqs, settings.classes[name], some)
        for name, alike in by_class.items()
        for some in batches(alike, _PER_CALL)
    ]
    for each in under_way:
        yield from each.result()


def _send(sqs: SQSClient, resource_class: ClassSettings, offers: list[Offer]) -> list[Outcome]:
    try:
        answer = sqs.send_message_batch(
            QueueUrl=resource_class.queue_url,
            Entries=[
                {
                    "Id": offer.record.id,
                    "MessageBody": body(offer.record, resource_class),
                    "DelaySeconds": DELAY_SECONDS,
                }
                for offer in offers
            ],
        )
    except errors.Interrupted:
        return [Postponed(offer) for offer in offers]
    except errors.CredentialsExpired:
        raise
    except errors.ApiError as error:
        if isinstance(error, errors.Rejected) and len(offers) > 1:
            # SQS refuses a batch as a whole, for the length of its texts for example: halve it, to fail only those.
            middle = len(offers) // 2
            halves = (offers[:middle], offers[middle:])
            return [outcome for half in halves for outcome in _send(sqs, resource_class, half)]
        return [Failed(offer, error) for offer in offers]
    refused = {each["Id"]: each for each in answer.get("Failed", [])}
    return [
        Failed(offer, errors.of_entry("sqs:SendMessageBatch", refused[offer.record.id]))
        if offer.record.id in refused
        else Done(offer)
        for offer in offers
    ]
