"""The owner's tags: only the wanted keys are compared and set, and unread tags are reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import errors
from refresh.engine import tagging
from refresh.engine.change import Difference
from refresh.engine.tagging import Found, TagResource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refresh.desired import Tags

WANTED = (("cost-center", "42"), ("team", "ci"))
NAME, ADDRESS = "queue q", "https://sqs/q"
DENIED = errors.PermissionDenied("sqs:ListQueueTags", "AccessDenied", "no.")


def _refusing(error: errors.ApiError) -> Callable[[], Mapping[str, str]]:
    def read() -> Mapping[str, str]:
        raise error

    return read


@pytest.mark.parametrize(
    ("wanted", "read", "found"),
    [
        pytest.param(WANTED, lambda: {"team": "web", "theirs": "x"}, Found((("team", "web"),)), id="others tag it too"),
        pytest.param((), _refusing(DENIED), Found(), id="nothing is read without a wanted tag"),
        pytest.param(WANTED, _refusing(errors.NotFound("x", "X")), Found(WANTED), id="created a moment ago, with them"),
        pytest.param(WANTED, _refusing(DENIED), Found(unread=str(DENIED)), id="denied"),
    ],
)
def test_only_the_wanted_tags_are_read(wanted: Tags, read: Callable[[], Mapping[str, str]], found: Found) -> None:
    assert tagging.look(wanted, read) == found


def test_refused_credentials_end_the_component() -> None:
    with pytest.raises(errors.CredentialsExpired):
        tagging.look(WANTED, _refusing(errors.CredentialsExpired("sqs:ListQueueTags", "ExpiredToken")))


def test_tags_are_not_set_where_they_are_as_wanted_or_could_not_be_read() -> None:
    """The run fails for unread tags."""
    unread = Found(unread=str(DENIED))
    assert [tagging.due(NAME, ADDRESS, WANTED, found) for found in (Found(WANTED), unread)] == [(), ()]
    assert tagging.refusals(NAME, Found(WANTED)) == ()
    (refusal,) = tagging.refusals(NAME, unread)
    assert all(each in refusal for each in (NAME, str(DENIED)))


def test_one_change_sets_all_tags_that_differ_and_no_others() -> None:
    (change,) = tagging.due(NAME, ADDRESS, (*WANTED, ("env", "prod")), Found((("team", "ci"), ("env", "test"))))
    assert change == TagResource(NAME, ADDRESS, (("cost-center", "42"), ("env", "prod")), ())
    assert change.before == (("team", "ci"), ("env", "test"))
    assert change.differences == (Difference("cost-center", None, "42"), Difference("env", "test", "prod"))
    assert str(change) == "set tags of queue q"


def test_set_tags_replace_those_with_their_keys_in_the_order_of_keys() -> None:
    after = Found((("b", "1"), ("c", "2"))).after((("c", "3"), ("a", "4")))
    assert after == Found((("a", "4"), ("b", "1"), ("c", "3")))


def test_tags_are_written_and_read_as_dynamodb_and_ec2_list_them() -> None:
    """Some answers omit an empty value."""
    assert tagging.written(WANTED) == [{"Key": "cost-center", "Value": "42"}, {"Key": "team", "Value": "ci"}]
    assert tagging.by_key([*tagging.written(WANTED), {"Key": "empty"}]) == {**dict(WANTED), "empty": ""}
