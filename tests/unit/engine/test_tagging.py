"""The owner's tags: only the wanted keys are compared and set, and what could not be read is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from refresh import errors
from refresh.engine import tagging
from refresh.engine.change import Difference
from refresh.engine.tagging import Found, TagResource

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

WANTED = (("cost-center", "42"), ("team", "ci"))
NAME, ADDRESS = "queue q", "https://sqs/q"
DENIED = errors.PermissionDenied("sqs:ListQueueTags", "AccessDenied", "no.")


def _refusing(error: errors.ApiError) -> Callable[[], Mapping[str, str]]:
    def read() -> Mapping[str, str]:
        raise error

    return read


def test_only_the_wanted_keys_are_looked_at() -> None:
    """Others tag it too."""
    found = tagging.look(WANTED, lambda: {"team": "web", "theirs": "x"})
    assert found == Found((("team", "web"),))


def test_where_no_tag_is_wanted_nothing_is_read() -> None:
    """It would be a call in every run."""
    assert tagging.look((), _refusing(DENIED)) == Found()


def test_a_resource_that_is_not_known_yet_counts_as_tagged() -> None:
    """It was made a moment ago, with its tags."""
    assert tagging.look(WANTED, _refusing(errors.NotFound("sqs:ListQueueTags", "X"))) == Found(WANTED)


def test_tags_that_cannot_be_read_are_refused_in_words_and_not_set() -> None:
    """The run fails for it, and goes on."""
    found = tagging.look(WANTED, _refusing(DENIED))
    assert found == Found(unread=str(DENIED))
    assert tagging.due(NAME, ADDRESS, WANTED, found) == ()
    assert tagging.refusals(NAME, found) == (f"the tags of queue q were not compared: {DENIED}",)


def test_refused_credentials_are_no_matter_of_tags() -> None:
    """Nothing more may be sent with them."""
    with pytest.raises(errors.CredentialsExpired):
        tagging.look(WANTED, _refusing(errors.CredentialsExpired("sqs:ListQueueTags", "ExpiredToken")))


def test_tags_as_wanted_are_not_set() -> None:
    """Nor are they refused."""
    assert tagging.due(NAME, ADDRESS, WANTED, Found(WANTED)) == ()
    assert tagging.refusals(NAME, Found(WANTED)) == ()


def test_one_change_sets_all_that_differ_and_no_other() -> None:
    """What differs is shown with what it was."""
    (change,) = tagging.due(NAME, ADDRESS, (*WANTED, ("env", "prod")), Found((("team", "ci"), ("env", "test"))))
    assert change == TagResource(NAME, ADDRESS, (("cost-center", "42"), ("env", "prod")), ())
    assert change.before == (("team", "ci"), ("env", "test"))
    assert change.differences == (Difference("cost-center", None, "42"), Difference("env", "test", "prod"))
    assert str(change) == "set tags of queue q"


def test_tags_that_are_set_replace_those_with_their_keys() -> None:
    """The others stay; the order is that of the keys."""
    assert Found((("b", "1"), ("c", "2"))).after((("c", "3"), ("a", "4"))) == Found(
        (("a", "4"), ("b", "1"), ("c", "3"))
    )


def test_tags_are_written_and_read_as_dynamodb_and_ec2_list_them() -> None:
    """A tag may have an empty value, which some answers leave out."""
    assert tagging.written(WANTED) == [{"Key": "cost-center", "Value": "42"}, {"Key": "team", "Value": "ci"}]
    assert tagging.by_key([*tagging.written(WANTED), {"Key": "empty"}]) == {**dict(WANTED), "empty": ""}
