"""The messages to the original's `provision`: their form, their batches, and what is not sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve

from refresh import errors
from refresh.engine.change import Done, Failed, Postponed
from refresh.pool.settings import ClassSettings
from refresh.release import messages
from refresh.release.changes import Offer
from tests.fakes.desired import LARGE_QUEUE
from tests.fakes.memory import sqs
from tests.fakes.serial import NOW, Serial
from tests.unit.release import pools
from tests.unit.release.pools import AHEAD, IDS, SETTINGS, released

if TYPE_CHECKING:
    from refresh.engine.change import Outcome
    from refresh.pool.settings import Settings
    from tests.simulation.pool import Pool

OFFERS = [Offer(released(number), NOW) for number in range(12)]


def _send(pool: Pool, offers: list[Offer], settings: Settings = SETTINGS) -> list[Outcome]:
    return list(messages.send(cast("Any", pool.sqs), Serial(), settings, offers))


def _sent(pool: Pool, queue: str = LARGE_QUEUE) -> list[str]:
    return [json.loads(each.body)["id"] for each in pool.account.state.queues[queue].messages]


def test_a_message_has_the_form_and_the_types_that_the_original_reads() -> None:
    body = messages.body(released(), SETTINGS.classes["large"])
    assert json.loads(body) == {
        "id": IDS[0],
        "resourceClass": "large",
        "instanceType": "c7i.large",
        "cpu": 2,
        "mmem": 4096,
        "usageClass": "on-demand",
        "threshold": AHEAD,
    }


def test_messages_are_sent_ten_in_a_call_and_seen_once_the_agent_has_deregistered() -> None:
    pool = pools.made()
    assert _send(pool, OFFERS) == list(map(Done, OFFERS))
    assert [len(request["Entries"]) for _, request in pool.account.requests] == [10, 2]
    assert _sent(pool) == IDS
    sent = pool.account.state.queues[LARGE_QUEUE].messages
    assert {(each.visible_at - each.sent_at).total_seconds() for each in sent} == {60}


def test_each_class_has_its_queue() -> None:
    pool = pools.made()
    pool.account.state.queues["small"] = evolve(pool.account.state.queues[LARGE_QUEUE], messages=[])
    small = Offer(released(3, resource_class="small"), NOW)
    classes = {**SETTINGS.classes, "small": ClassSettings(cpu=1, memory_mib=512, queue_url=sqs.url("small"))}
    _send(pool, [OFFERS[0], small, OFFERS[1]], evolve(SETTINGS, classes=classes))
    assert (_sent(pool), _sent(pool, "small")) == (IDS[:2], [IDS[3]])
    assert json.loads(pool.account.state.queues["small"].messages[0].body)["cpu"] == 1


@pytest.mark.parametrize(
    ("code", "kind"), [("InternalError", errors.Unavailable), ("InvalidMessageContents", errors.Rejected)]
)
def test_a_message_that_is_refused_alone_fails_alone(code: str, kind: type[errors.ApiError]) -> None:
    pool = pools.made()
    pool.account.refuse_message = lambda body: code if IDS[1] in body else ""
    first, second, third = _send(pool, OFFERS[:3])
    assert (first, third) == (Done(OFFERS[0]), Done(OFFERS[2]))
    assert isinstance(second, Failed)
    assert (second.change, type(second.error)) == (OFFERS[1], kind)
    assert _sent(pool) == [IDS[0], IDS[2]]


class _Refusing:
    """Stands for SQS, and refuses every call."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send_message_batch(self, **_: Any) -> None:
        """Refuse."""
        raise self.error


DOWN = errors.Unavailable("sqs:SendMessageBatch", "InternalError", "down.")


@pytest.mark.parametrize(
    ("error", "outcomes"),
    [(DOWN, [Failed(each, DOWN) for each in OFFERS]), (errors.Interrupted("stop"), list(map(Postponed, OFFERS)))],
)
def test_a_call_that_is_refused_or_stopped_concerns_its_messages(error: Exception, outcomes: list[Outcome]) -> None:
    assert list(messages.send(cast("Any", _Refusing(error)), Serial(), SETTINGS, OFFERS)) == outcomes


def test_a_queue_that_is_gone_fails_the_messages_of_its_class() -> None:
    pool = pools.made()
    pool.sqs.delete(LARGE_QUEUE)
    (outcome,) = _send(pool, OFFERS[:1])
    assert isinstance(outcome, Failed)


def test_expired_credentials_end_the_release() -> None:
    expired = errors.CredentialsExpired("sqs:SendMessageBatch", "ExpiredToken")
    with pytest.raises(errors.CredentialsExpired):
        list(messages.send(cast("Any", _Refusing(expired)), Serial(), SETTINGS, OFFERS))


def test_one_message_that_makes_a_batch_fail_is_isolated() -> None:
    """A record may hold a text so long that SQS refuses all ten."""
    pool = pools.made()
    send = pool.sqs.send_message_batch

    class Limited:
        def send_message_batch(self, **request: Any) -> Any:
            if any(each["Id"] == IDS[4] for each in request["Entries"]):
                raise errors.Rejected("sqs:SendMessageBatch", "BatchRequestTooLong")
            return send(**request)

    outcomes = list(messages.send(cast("Any", Limited()), Serial(), SETTINGS, OFFERS[:10]))
    assert [each.change for each in outcomes] == OFFERS[:10]
    assert [each.change for each in outcomes if isinstance(each, Failed)] == [OFFERS[4]]
    assert sorted(_sent(pool)) == [*IDS[:4], *IDS[5:10]]
