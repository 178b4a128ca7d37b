"""Which launch templates a pool had."""

from __future__ import annotations

from refresh.pool import ownership, records

ID = "lt-0123456789abcdef0"


def test_former_ids_are_the_newest_twenty_without_the_current_one() -> None:
    earlier = [f"lt-{number}" for number in range(30)]
    recorded = records.to_wire({"id": "lt-old", "formerIds": [*earlier, ID, ""]})
    assert ownership.former_ids(recorded, ID) == (*earlier[11:], "lt-old")
    assert ownership.former_ids(None, ID) == ()


def test_a_former_id_that_cannot_be_read_is_left_out() -> None:
    """Jobs can write to the table."""
    recorded = {"M": {"formerIds": {"L": [{"S": "lt-old"}, {"N": "1"}]}}}
    assert ownership.former_ids(recorded, ID) == ("lt-old",)
