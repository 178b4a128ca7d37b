"""Where the seconds went between a claim or a launch and a registered runner: from what arrived at AWS, and when."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from attrs import frozen

from tests.instance.metadata import AGENT

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tests.fakes.aws_server import Arrival


@frozen
class _Call:
    """A call to look for: who makes it, and what is in its body."""

    by_agent: bool
    operation: str
    parts: tuple[str, ...] = ()

    def matches(self, arrival: Arrival, label: str) -> bool:
        """Whether it is this call, for the label."""
        found = (each.replace("LABEL", label).encode() in arrival.body for each in self.parts)
        return arrival.signer.startswith(AGENT) is self.by_agent and arrival.operation == self.operation and all(found)


_READS_RECORD = _Call(True, "dynamodb:GetItem", ("TYPE#INSTANCE",))
_MOMENTS = {
    "provision takes the label": _Call(False, "dynamodb:PutItem", ("TYPE#RUN", "LABEL")),
    "it claims": _Call(False, "dynamodb:UpdateItem", ("LABEL",)),
    "it launches": _Call(False, "ec2:CreateFleet", ("LABEL",)),
    "it records the machine": _Call(False, "dynamodb:TransactWriteItems", ("created", "LABEL")),
    "the machine has booted (UD_OK)": _Call(True, "dynamodb:PutItem", ("UD_OK", "LABEL")),
    "the agent reads the token": _Call(True, "dynamodb:GetItem", ("gh_registration_token",)),
    "the runner is registered (UD_REG_OK)": _Call(True, "dynamodb:PutItem", ("UD_REG_OK", "LABEL")),
    "provision reads that": _Call(False, "dynamodb:BatchGetItem"),
    "it starts the run": _Call(False, "dynamodb:TransactWriteItems", ("running", "LABEL")),
}


def calls(arrivals: Iterable[Arrival], *, of_agents: bool = False) -> dict[str, int]:
    """Count the calls of the action, or those of the agents; never the test's own."""
    made = (each.operation for each in arrivals if not each.ours and each.signer.startswith(AGENT) is of_agents)
    return dict(sorted(Counter(made).items()))


def phases(arrivals: Sequence[Arrival], label: str, began: float, ended: float) -> list[tuple[str, float]]:
    """Give the seconds that each moment on the way to the machine of a label came after the one before it.

    `began` and `ended` are those of provision, on the clock of `time.monotonic`.
    """
    made = [each for each in arrivals if not each.ours]
    moments = [("", began), *_moments(made, label), ("it has ended", ended)]
    return [(name, at - before) for (_, before), (name, at) in itertools.pairwise(moments)]


def _moments(made: Sequence[Arrival], label: str) -> Iterator[tuple[str, float]]:
    """Look for each moment after the one before it; those that a claim or a launch has not are left out."""
    place = 0
    for name, call in _MOMENTS.items():
        found = next((each for each in range(place, len(made)) if call.matches(made[each], label)), None)
        if found is None:
            continue
        if "reads the token" in name:
            # The read that showed it the run; the watch of its threshold reads the record as well.
            read = [each for each in range(place, found) if _READS_RECORD.matches(made[each], label)]
            yield from [("the agent reads its record", made[each].at) for each in read[-1:]]
        yield name, made[found].at
        place = found + 1
