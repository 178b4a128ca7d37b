"""The plan of the queues and of their record."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from refresh.engine import tagging
from refresh.engine.change import Difference
from refresh.engine.tagging import TagResource
from refresh.pool import records
from refresh.reconciler.resource_pools import policy, predict
from refresh.reconciler.resource_pools.actual import Actual, Pool
from refresh.reconciler.resource_pools.changes import CreateQueue, PoolChange, RecordPools, SetQueueAttributes
from tests.fakes.desired import LARGE, LARGE_QUEUE, XLARGE, desired

HOST = "https://sqs.eu-west-1.amazonaws.com"
XLARGE_QUEUE = "octo-widgets-xlarge-ci-pool"
LARGE_URL, XLARGE_URL = (f"{HOST}/123456789012/{queue}" for queue in (LARGE_QUEUE, XLARGE_QUEUE))
VISIBILITY, RETENTION = "VisibilityTimeout", "MessageRetentionPeriod"
RIGHT = ((VISIBILITY, "30"), (RETENTION, "3600"))
LONG = (RIGHT[0], (RETENTION, "345600"))
BOTH = ((LARGE, LARGE_URL), (XLARGE, XLARGE_URL))
POOLS = (Pool(LARGE, LARGE_URL, RIGHT), Pool(XLARGE, XLARGE_URL, RIGHT))
RECORDED = records.to_wire(policy.config(BOTH))
TAGS = (("team", "ci"),)


def _config(**urls: str) -> dict[str, Any]:
    return records.to_wire(policy.config([({"large": LARGE, "xlarge": XLARGE}[name], urls[name]) for name in urls]))


@pytest.mark.parametrize(
    ("idle", "retention"),
    [
        (timedelta(seconds=1), 3600),
        (timedelta(minutes=50), 3600),
        (timedelta(minutes=50, seconds=1), 7200),
        (timedelta(hours=1, minutes=50), 7200),
        (timedelta(days=1), 25 * 3600),
    ],
)
def test_a_message_outlives_its_idle_runner_by_ten_minutes_in_whole_hours(idle: timedelta, retention: int) -> None:
    """Rounded up, so that a small change of the idle time changes no queue."""
    assert policy.attributes(desired(max_idle_time=idle)) == (RIGHT[0], (RETENTION, str(retention)))


@pytest.mark.parametrize(
    ("recorded", "before"),
    [
        (None, None),
        ({"S": "nonsense"}, None),
        ({"M": {}}, None),
        (_config(large=LARGE_URL), "large"),
        (_config(xlarge="other", large=LARGE_URL), "large xlarge"),
        ({"M": {**RECORDED["M"], "large": {"M": {**RECORDED["M"]["large"]["M"], "cpu": {"S": "2"}}}}}, "large xlarge"),
        ({"M": {**RECORDED["M"], "gone": {"S": "nonsense"}}}, "gone large xlarge"),
    ],
)
def test_a_record_that_differs_is_replaced_as_a_whole(recorded: Any, before: str | None) -> None:
    """One item holds all classes: a crash leaves the old or the new."""
    (change,) = policy.plan(desired(), Actual(POOLS, recorded)).changes
    assert (change, str(change)) == (RecordPools(BOTH, None), "record resource class config")
    assert change.differences == (Difference("classes", before, "large xlarge"),)


@pytest.mark.parametrize("attributes", [(), RIGHT[:1], (("VisibilityTimeout", "0"), RIGHT[1]), (RIGHT[0], LONG[1])])
def test_attributes_that_differ_are_set_and_delay_no_record(attributes: tuple[tuple[str, str], ...]) -> None:
    """An existing queue is repaired, not created again."""
    plan = policy.plan(desired(), Actual((Pool(LARGE, LARGE_URL, attributes), POOLS[1])))
    assert plan.changes == (SetQueueAttributes(LARGE_URL, attributes, RIGHT), RecordPools(BOTH, None))
    assert str(plan.changes[0]) == f"set attributes of queue {LARGE_QUEUE}"
    before = {VISIBILITY: "(none)", RETENTION: "(none)", **dict(attributes)}
    shown = [f"{name}: {before[name]} -> {value}" for name, value in RIGHT if before[name] != value]
    assert list(map(str, plan.changes[0].differences)) == shown


@pytest.mark.parametrize("others", [POOLS[1:], (evolve(POOLS[1], attributes=LONG),)])
def test_each_warning_is_given_once_and_hides_no_other(others: tuple[Pool, ...]) -> None:
    """A lowered retention, of one queue or several; a class that is dropped; one that drains."""
    pools = (Pool(LARGE, LARGE_URL, LONG), *others)
    warnings = policy.plan(desired(), Actual(pools, None, ("old",), (("gone", "https://x/gone"),))).warnings
    expected = (("retention", "3600 s"), ("gone", "https://x/gone"), ("old",))
    for words, warning in zip(expected, warnings, strict=True):
        assert all(word in warning for word in words)


def test_a_raised_retention_is_not_warned_of() -> None:
    pools = (Pool(LARGE, LARGE_URL, (RIGHT[0], (RETENTION, "60"))), POOLS[1])
    assert policy.plan(desired(), Actual(pools, RECORDED)).warnings == ()


def test_queues_are_created_with_their_tags_and_get_lost_ones_back() -> None:
    (create,) = policy.plan(desired(tags=TAGS), Actual((Pool(LARGE),))).changes
    assert (create, str(create)) == (CreateQueue(LARGE_QUEUE, RIGHT, TAGS), f"create queue {LARGE_QUEUE}")
    tagged = (Difference(name, None, value) for name, value in (*RIGHT, ("tag team", "ci")))
    assert create.differences == tuple(tagged)
    pools = (POOLS[0], evolve(POOLS[1], tags=tagging.Found(unread="no.")))
    plan = policy.plan(desired(tags=TAGS), Actual(pools, RECORDED))
    assert plan.changes == (TagResource(f"queue {LARGE_QUEUE}", LARGE_URL, TAGS, ()),)
    assert [XLARGE_QUEUE in refusal and "no." in refusal for refusal in plan.refusals] == [True]


def test_the_prediction_is_what_the_changes_lead_to() -> None:
    found = tagging.Found((("env", "prod"),))
    changes: list[PoolChange] = [
        CreateQueue(XLARGE_QUEUE, RIGHT, TAGS),
        SetQueueAttributes(LARGE_URL, (), RIGHT[:1]),
        TagResource("queue", LARGE_URL, (("a", "1"),), ()),
        RecordPools(BOTH, None),
    ]
    actual = Actual((Pool(LARGE, LARGE_URL, (), found), Pool(XLARGE)), None, ("old",))
    large = Pool(LARGE, LARGE_URL, RIGHT[:1], tagging.Found((("a", "1"), *found.tags)))
    xlarge = Pool(XLARGE, XLARGE_URL, RIGHT, tagging.Found(TAGS))
    assert predict.predict(desired(tags=TAGS), actual, changes) == Actual((large, xlarge), RECORDED, ("old",))


@pytest.mark.parametrize(
    ("recorded", "url"),
    [
        (None, XLARGE_QUEUE),
        (_config(large="nowhere"), XLARGE_QUEUE),
        ({"M": {"large": {"S": "nonsense"}}}, XLARGE_QUEUE),
        (_config(large=f"{HOST}/9/any"), f"{HOST}/9/{XLARGE_QUEUE}"),
    ],
)
def test_a_new_queue_is_predicted_with_a_url_like_the_recorded_ones(recorded: Any, url: str) -> None:
    """By its name alone if no URL shows the account."""
    (pool,) = predict.predict(desired(), Actual((Pool(XLARGE),), recorded), [CreateQueue(XLARGE_QUEUE, RIGHT)]).pools
    assert pool == Pool(XLARGE, url, RIGHT)
