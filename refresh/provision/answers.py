"""What a provision has come to, as the history keeps it: where its machines came from, and what failed; pure."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from refresh.pool import runs
from refresh.provision import findings

if TYPE_CHECKING:
    from collections.abc import Collection

    from refresh.desired import DesiredProvision
    from refresh.provision.actual import Actual


def provided(actual: Actual, identifiers: Collection[str]) -> runs.Answer:
    """Count the machines with which a provision answers by where they came from."""
    numbers = Counter(map(actual.origin, identifiers))
    return runs.Answer(
        held=numbers[runs.HELD],
        claimed=numbers[runs.CLAIMED],
        launched=numbers[runs.LAUNCHED],
        failures=_failures(actual),
        skew=actual.skew,
    )


def failed(desired: DesiredProvision, actual: Actual) -> runs.Answer:
    """Describe a provision with too few machines: a hosted runner may take their place."""
    hosted = bool(desired.if_unavailable)
    return runs.Answer(failures=_failures(actual), hosted=hosted, machines=_machines(actual), skew=actual.skew)


def refused(actual: Actual) -> runs.Answer:
    """Describe a provision that was refused: what is wrong is to be corrected, so no hosted runner takes its place."""
    return runs.Answer(failures=_failures(actual), machines=_machines(actual), skew=actual.skew)


def _machines(actual: Actual) -> bool:
    """Whether machines with the label may be this provision's or an earlier one's, also if an answer was lost."""
    launches = actual.launches
    return actual.inherits or bool(actual.claimed or actual.lost or launches.answers or launches.under_way)


def _failures(actual: Actual) -> dict[str, int]:
    """Count requests to EC2 that fell short, once for each cause, and launched machines that never got ready."""
    failures: Counter[str] = Counter()
    for answer in actual.launches.answers:
        if answer.missing:
            failures.update({each.cause.value for each in answer.telling})
    launched = actual.launches.launched
    failures[runs.NEVER_READY] = sum(
        each in launched and why not in findings.HARMLESS for each, why in actual.given_up.items()
    )
    return {cause: number for cause, number in failures.items() if number}
