"""What is kept of a provision for the history: where its machines came from, and what failed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from refresh.pool.launch_causes import Cause
from refresh.pool.launches import Launches
from refresh.pool.runs import Answer
from refresh.provision import answers, findings
from tests.unit.provision import pools
from tests.unit.provision.pools import IDS, answer, desired, fleet, launched

SKEW = timedelta(seconds=2)


def test_machines_are_counted_by_where_they_came_from() -> None:
    launches = Launches(answers=(answer(launched(0), launched(1), asked=fleet(2)),))
    seen = pools.actual(launches=launches, claimed=frozenset({IDS[2]}), skew=SKEW)
    assert answers.provided(seen, IDS[1:5]) == Answer(held=2, claimed=1, launched=1, skew=SKEW)


def test_a_request_that_fell_short_counts_once_for_each_cause() -> None:
    """EC2 lists a cause for each type and subnet; causes of a complete fleet cost nothing."""
    short = answer(launched(0), causes=[Cause.CAPACITY, Cause.CAPACITY, Cause.QUOTA], asked=fleet(2))
    complete = answer(launched(1), causes=[Cause.CAPACITY])
    seen = pools.actual(launches=Launches(answers=(short, short, complete)))
    assert answers.failed(desired(), seen).failures == {"capacity": 2, "quota": 2}


def test_launched_machines_that_never_got_ready_count_and_others_do_not() -> None:
    launches = Launches(answers=(answer(launched(0), launched(1), launched(2), asked=fleet(3)),))
    given_up = {
        IDS[0]: findings.SCRIPT_FAILED,
        IDS[1]: findings.SURPLUS,
        IDS[2]: findings.SILENT,
        IDS[3]: findings.SILENT,
    }
    seen = pools.actual(launches=launches, given_up=given_up)
    assert answers.provided(seen, []).failures == {"never ready": 2}


@pytest.mark.parametrize("hosted", ["", "ubuntu-latest"])
def test_a_hosted_runner_takes_the_place_after_a_shortage_and_not_after_a_refusal(hosted: Any) -> None:
    seen = pools.actual(skew=SKEW)
    assert answers.failed(desired(if_unavailable=hosted), seen) == Answer(hosted=bool(hosted), skew=SKEW)
    assert answers.refused(seen) == Answer(skew=SKEW)


@pytest.mark.parametrize(
    ("changed", "machines"),
    [
        ({}, False),
        ({"inherits": True}, True),
        ({"claimed": frozenset(IDS[:1])}, True),
        ({"lost": frozenset(IDS[:1])}, True),
        ({"launches": Launches(answers=(answer(),))}, True),
        ({"launches": Launches(under_way=fleet(1))}, True),
    ],
)
def test_a_provision_that_has_failed_tells_whether_it_may_have_got_machines(
    changed: dict[str, Any], *, machines: bool
) -> None:
    seen = pools.actual(**{"inherits": False, **changed})
    assert answers.failed(desired(), seen).machines is machines
    assert answers.refused(seen).machines is machines
