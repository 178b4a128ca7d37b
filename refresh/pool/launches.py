"""How many machines are launched: in which usage class and which subnets, one request after the other; pure.

EC2 takes few subnets in one request, and refuses two of one zone. So the subnets are asked for in groups, and one by
one once EC2 has refused a group for that.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from attrs import evolve, frozen

from refresh.pool.batches import batches
from refresh.pool.launch import Fleet, FleetAnswer
from refresh.pool.usage import UsageClass

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Attempt = tuple[UsageClass, int]
"""A usage class, and which of the groups of subnets."""
SUBNETS_PER_FLEET = 4
"""EC2 takes so many overrides with requirements in one request, and each subnet is one."""
_NONE: frozenset[Attempt] = frozenset()


@frozen(kw_only=True)
class Launches:
    """What EC2 was asked for, and what it has answered."""

    answers: tuple[FleetAnswer, ...] = ()
    under_way: Fleet | None = None
    """The fleet that EC2 has not answered for yet."""
    unanswered: Fleet | None = None
    """The fleet whose answer was lost. It is asked for again, unchanged: the same client token gives the same fleet."""
    refused: frozenset[Attempt] = frozenset()
    """What EC2 refused for a reason that will not pass while these launches last."""
    tried: frozenset[Attempt] = frozenset()
    """What was tried in this round."""
    requests: int = 0
    """How many requests were answered, so that each has a client token of its own."""
    one_by_one: bool = False
    """Whether EC2 refused several subnets in one request, since they are in the same zone."""

    @property
    def launched(self) -> frozenset[str]:
        """The ids of all launched machines."""
        return frozenset(each.id for answer in self.answers for each in answer.launched)

    def groups(self, subnet_ids: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        """Return the subnets in groups, each for one request."""
        return tuple(map(tuple, batches(subnet_ids, 1 if self.one_by_one else SUBNETS_PER_FLEET)))

    def attempts(self, usage_classes: Sequence[UsageClass], subnet_ids: Sequence[str]) -> Iterator[Attempt]:
        """Yield all that can be asked for, in order."""
        return itertools.product(usage_classes, range(len(self.groups(subnet_ids))))

    def next_attempt(self, usage_classes: Sequence[UsageClass], subnet_ids: Sequence[str]) -> Attempt | None:
        """Return what is to be asked for next in this round, if anything can be."""
        done = self.refused | self.tried
        return next((each for each in self.attempts(usage_classes, subnet_ids) if each not in done), None)

    def answered(self, answer: FleetAnswer, subnet_ids: Sequence[str]) -> Launches:
        """Return what is known after EC2 has answered for a fleet."""
        known = evolve(self, under_way=None, unanswered=None)
        if _in_one_zone(answer) and not known.one_by_one:
            answers = (*known.answers, answer) if answer.launched else known.answers
            return evolve(
                known, one_by_one=True, requests=known.requests + 1, tried=_NONE, refused=_NONE, answers=answers
            )
        groups = known.groups(subnet_ids)
        tried, refused = _NONE, _NONE
        if answer.missing and answer.shortfalls:
            usage, every = answer.fleet.usage_class, range(len(groups))
            # The pool's subnets may have changed since the request.
            tried = frozenset((usage, group) for group in every if groups[group] == answer.fleet.subnet_ids)
            if any(each.cause.of_account for each in answer.telling):
                refused = frozenset((usage, group) for group in every)
            elif not answer.worth_repeating:
                refused = tried
        if answer.lost:
            # EC2 may have launched: the same is asked for in the next round, and nothing else in this one.
            tried = frozenset(itertools.product(UsageClass, range(len(groups))))
        return evolve(
            known,
            answers=(*known.answers, answer),
            unanswered=answer.fleet if answer.lost else None,
            requests=known.requests if answer.lost else known.requests + 1,
            tried=known.tried | tried,
            refused=known.refused | refused,
        )


def _in_one_zone(answer: FleetAnswer) -> bool:
    several = len(answer.fleet.subnet_ids) > 1
    return several and any(each.same_zone for each in answer.shortfalls)
