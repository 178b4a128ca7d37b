"""Shared reads: begun once, cached until they are invalidated."""

from __future__ import annotations

import pytest

from refresh import errors
from refresh.engine.shared_read import LazyRead, SharedRead
from tests.fakes.serial import Serial


def test_a_shared_read_starts_immediately_and_is_cached_until_it_is_invalidated() -> None:
    answers = iter("abc")
    shared = SharedRead(Serial(), lambda: next(answers))
    assert next(answers) == "b"
    assert (shared.first(), shared(), shared()) == ("a", "a", "a")
    shared.invalidate()
    assert (shared(), shared(), shared.first()) == ("c", "c", "a")


def test_a_lazy_read_starts_when_it_is_needed() -> None:
    answers = iter("ab")
    lazy = LazyRead(Serial(), lambda: next(answers))
    assert next(answers) == "a"
    assert (lazy(), lazy()) == ("b", "b")


def test_the_error_of_a_shared_read_is_raised_where_it_is_needed_until_it_is_invalidated() -> None:
    answers = iter([errors.NotFound("dynamodb:GetItem", "ResourceNotFoundException"), None])

    def read() -> str:
        if error := next(answers):
            raise error
        return "there"

    shared = SharedRead(Serial(), read)
    for each in (shared.first, shared):
        with pytest.raises(errors.NotFound):
            each()
    shared.invalidate()
    assert shared() == "there"
