"""What provision does next: claim, launch, start, give up, wait or answer; pure.

Machines are judged one by one, never as a fleet: one that does not become ready costs nothing but itself.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import frozen

from refresh.pool import launch, lifecycle, names
from refresh.pool.records import InstanceRecord, read_time
from refresh.pool.runs import FAILED, PROVIDED
from refresh.provision import answers, candidates, findings
from refresh.provision.changes import Claim, Conclude, GiveUp, Launch, Record, Renew, Start
from refresh.provision.judgement import judge

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from refresh.desired import DesiredProvision
    from refresh.pool.launches import Attempt
    from refresh.pool.runs import RunRequest
    from refresh.provision.actual import Actual
    from refresh.provision.changes import ProvisionChange

ROUND_EVERY, LATER_ROUND_EVERY = timedelta(seconds=10), timedelta(seconds=30)
"""How often everything is tried again while machines are missing: in the first minute, and later."""
_FIRST_ROUNDS = timedelta(minutes=1)
SOON, LATER = timedelta(seconds=0.5), timedelta(seconds=2)
_SOON_FOR = timedelta(seconds=15)
"""How long a claimed machine is looked at often: by then it usually has registered."""
_MOST_LOST = 4
"""After how many lost claims the pool is read again: a run with an old list loses one claim after the other."""
_RENEWED_AFTER = timedelta(minutes=1)
"""How much of the maximum runtime may be gone when the jobs start."""


@frozen(kw_only=True)
class Step:
    """What to do next."""

    changes: tuple[ProvisionChange, ...] = ()
    problems: tuple[str, ...] = ()
    """Why there are too few machines; set once this is certain."""
    refused: bool = False
    """Whether the problems are mistakes to correct, which a hosted runner must not hide."""
    wait: timedelta = timedelta()
    """How long nothing is to do; then machines are looked at again."""
    look: bool = False
    """Whether the whole pool is to be read again."""


@frozen(kw_only=True)
class _Held:
    """The machines that have the label."""

    ready: tuple[InstanceRecord, ...]
    registered: tuple[InstanceRecord, ...]
    """Those that are only to be set to `running`."""
    waiting: tuple[InstanceRecord, ...]
    """Those that have yet to register."""
    failed: tuple[GiveUp, ...]

    @property
    def number(self) -> int:
        """How many may become ready, or are."""
        return len(self.ready) + len(self.registered) + len(self.waiting)


def plan(desired: DesiredProvision, request: RunRequest, actual: Actual, now: datetime, chance: random.Random) -> Step:
    """Plan the next step; `now` is AWS's time. Nothing is left to do if neither changes nor a wait are planned."""
    if actual.result:
        return Step()
    if problems := tuple(findings.refusals(desired, actual, now)):
        mine = actual.claimed | actual.launches.launched
        back = [
            GiveUp(each.id, back=True, why=findings.TOO_FEW) for each in of_label(desired, actual) if each.id in mine
        ]
        failed = Conclude(request, FAILED, now, answers.refused(actual))
        return Step(changes=(*back, failed), problems=problems, refused=True)
    held = _held(desired, actual, now)
    changes: list[ProvisionChange] = [*held.failed, *recorded(desired, actual, now)]
    coming = actual.launches.under_way.count if actual.launches.under_way else 0
    coming += len(changes) - len(held.failed)
    missing = desired.count - held.number - coming
    outdated = bool(held.failed) and actual.outdated(now)
    if missing > 0 and not outdated:
        changes += _acquired(desired, actual, missing, now, chance)
    elif not coming and len(held.ready) + len(held.registered) >= desired.count:
        return Step(changes=(*changes, *_provided(desired, request, actual, held, now)))
    runtime = _runtime(desired, actual)
    changes += [Start(desired.label, each, now + runtime, now) for each in held.registered]
    # While others boot, or EC2 has no capacity, a short maximum runtime would end those that are ready.
    ending = (each for each in held.ready if each.expires and each.expires < now + runtime / 3)
    changes += [Renew(desired.label, each, now + runtime, now) for each in ending]
    if changes:
        return Step(changes=tuple(changes))
    return _without_changes(desired, request, actual, held, missing, now)


def _look_first(actual: Actual) -> bool:
    """Whether the pool is to be read before another machine is claimed."""
    return actual.failed_since_look or actual.lost_since_look >= _MOST_LOST


def _without_changes(  # noqa: PLR0913, PLR0917 - what is wanted, what there is, and what is missing
    desired: DesiredProvision, request: RunRequest, actual: Actual, held: _Held, missing: int, now: datetime
) -> Step:
    """Wait, begin another round, or answer."""
    if missing > 0 and _look_first(actual):
        return Step(look=True)
    possible = missing <= 0 or _possible(desired, actual, now)
    coming = desired.count - missing
    if coming > len(held.ready) and (possible or coming >= desired.fewest):
        return Step(wait=_pause(held, now))
    if missing > 0 and possible and len(held.ready) < desired.fewest:
        early = now - actual.began_at < _FIRST_ROUNDS
        due = actual.looked_at + (ROUND_EVERY if early else LATER_ROUND_EVERY)
        return Step(wait=min(due - now, LATER)) if due > now else Step(look=True)
    return _answered(desired, request, actual, held, now)


def _held(desired: DesiredProvision, actual: Actual, now: datetime) -> _Held:
    ready, registered, waiting, failed = [], [], [], []
    for record in of_label(desired, actual):
        why = judge(desired, actual, record, now)
        signal = actual.report(record.id).signal
        if why is not None:
            failed.append(GiveUp(record.id, back=why == findings.ASKED_OTHERWISE, why=why))
        elif record.state == lifecycle.RUNNING:
            ready.append(record)
        elif signal and signal.registered_for(desired.label) and actual.beats_on(record.id):
            registered.append(record)
        else:
            waiting.append(record)
    return _Held(ready=tuple(ready), registered=tuple(registered), waiting=tuple(waiting), failed=tuple(failed))


def judged(desired: DesiredProvision, actual: Actual, now: datetime) -> list[str]:
    """List the machines whose agents' reports matter: those of the label, and those that the run could claim."""
    mine = [each.id for each in of_label(desired, actual)]
    known = actual.lost | actual.given_up.keys()
    free = (each.id for each in candidates.free(desired, actual.records.values(), now))
    return [*mine, *(each for each in free if each not in known)]


def of_label(desired: DesiredProvision, actual: Actual) -> Iterator[InstanceRecord]:
    """Yield the machines that have the label, those that work first."""
    states = (lifecycle.RUNNING, lifecycle.CLAIMED, lifecycle.CREATED)
    found = [
        each
        for each in actual.records.values()
        if isinstance(each, InstanceRecord)
        and each.run_id == desired.label
        and each.state in states
        and each.id not in actual.given_up
    ]
    yield from sorted(found, key=lambda each: states.index(each.state))


def recorded(desired: DesiredProvision, actual: Actual, now: datetime) -> Iterator[Record]:
    """Record what EC2 has launched, but for machines that another process has recorded: they are not this one's."""
    for answer in actual.launches.answers:
        for each in answer.launched:
            if each.id not in actual.records and each.id not in actual.lost:
                yield Record(
                    desired.label, desired.resource_class, each, _until(desired, now, lifecycle.CREATED_FOR), now
                )


def _acquired(
    desired: DesiredProvision, actual: Actual, missing: int, now: datetime, chance: random.Random
) -> list[ProvisionChange]:
    """Claim what is missing, and launch the rest once nothing can be claimed any more."""
    missing = min(missing, tries_left(desired, actual))
    if missing <= 0 or _look_first(actual) or now >= actual.began_at + desired.timeout:
        return []
    if findings.token_left(actual, now) >= findings.CLAIM_NEEDS:
        drawn = candidates.chosen(desired, actual, missing, now, chance)
        if drawn:
            threshold = _until(desired, now, lifecycle.CLAIMED_FOR)
            return [Claim(desired.label, each, threshold, now) for each in drawn]
    due = _next_attempt(desired, actual, now)
    if due is None or actual.launches.under_way:
        return []
    number = min(missing, findings.room(desired, actual, now))
    return [Launch(_fleet(desired, actual, due, number))] if number > 0 else []


def tries_left(desired: DesiredProvision, actual: Actual) -> int:
    """How many more machines may be claimed or launched: each that fails is replaced once.

    An answer counts even if its machines are of no use, such as known ones.
    """
    launched = sum(len(answer.launched) for answer in actual.launches.answers)
    return 2 * desired.count - len(actual.claimed) - launched


def _possible(desired: DesiredProvision, actual: Actual, now: datetime) -> bool:
    """Whether more machines may come, now or in another round."""
    in_time = now < actual.began_at + desired.timeout
    left = set(_attempts(desired, actual)) - actual.launches.refused
    registers = findings.token_left(actual, now) >= findings.LAUNCH_NEEDS
    return in_time and registers and bool(left) and tries_left(desired, actual) > 0


def _attempts(desired: DesiredProvision, actual: Actual) -> Iterator[Attempt]:
    return actual.launches.attempts(desired.launched_as, actual.settings.subnet_ids)


def _next_attempt(desired: DesiredProvision, actual: Actual, now: datetime) -> Attempt | None:
    """Return what is to be launched next in this round, if anything can be."""
    if findings.token_left(actual, now) < findings.LAUNCH_NEEDS:
        return None
    return actual.launches.next_attempt(desired.launched_as, actual.settings.subnet_ids)


def _fleet(desired: DesiredProvision, actual: Actual, attempt: Attempt, number: int) -> launch.Fleet:
    unanswered = actual.launches.unanswered
    if unanswered:
        return unanswered
    usage, group = attempt
    resource_class = actual.settings.classes[desired.resource_class]
    table = names.table(desired.repository)
    return launch.Fleet(
        template_id=actual.settings.template_id,
        subnet_ids=actual.launches.groups(actual.settings.subnet_ids)[group],
        cpu=resource_class.cpu,
        memory_mib=resource_class.memory_mib,
        instance_types=desired.instance_types,
        usage_class=usage,
        count=number,
        max_price_over_lowest=desired.max_price_over_lowest,
        label=desired.label,
        client_token=launch.client_token(table, desired.label, actual.holder, actual.launches.requests, usage, number),
    )


def _pause(held: _Held, now: datetime) -> timedelta:
    claimed = [each for each in held.waiting if each.state == lifecycle.CLAIMED]
    recent = any((read_time(each.updated_at) or now) > now - _SOON_FOR for each in claimed)
    return SOON if recent or not held.waiting else LATER


def _provided(
    desired: DesiredProvision, request: RunRequest, actual: Actual, held: _Held, now: datetime
) -> Iterator[ProvisionChange]:
    """Start or renew the machines, give the others back, and write the result, all together."""
    runtime = _runtime(desired, actual)
    wanted = [*held.ready, *held.registered][: desired.count]
    for each in wanted:
        if each.state != lifecycle.RUNNING:
            yield Start(desired.label, each, now + runtime, now)
        elif _is_of_before(actual, each) or (each.expires and each.expires < now + runtime - _RENEWED_AFTER):
            yield Renew(desired.label, each, now + runtime, now)
    for each in (*held.ready, *held.registered, *held.waiting):
        if each not in wanted:
            yield GiveUp(each.id, back=True, why=findings.SURPLUS)
    yield Conclude(request, PROVIDED, now, answers.provided(actual, [each.id for each in wanted]))


def _is_of_before(actual: Actual, record: InstanceRecord) -> bool:
    """Whether a machine works since an earlier attempt.

    A refresh may be about to end it, since the run was over. Of its mark and the renewal only one succeeds.
    """
    since = read_time(record.updated_at)
    return since is None or since < actual.began_at.replace(microsecond=0)


def _answered(desired: DesiredProvision, request: RunRequest, actual: Actual, held: _Held, now: datetime) -> Step:
    """Answer with fewer machines than wanted: enough for the jobs to start, or too few."""
    problems = (findings.shortage(desired, actual, len(held.ready), now),)
    if len(held.ready) >= desired.fewest:
        return Step(changes=tuple(_provided(desired, request, actual, held, now)), problems=problems)
    every = (*held.ready, *held.registered, *held.waiting)
    back = [GiveUp(each.id, back=True, why=findings.TOO_FEW) for each in every]
    failed = Conclude(request, FAILED, now, answers.failed(desired, actual))
    return Step(changes=(*back, failed), problems=problems)


def _until(desired: DesiredProvision, now: datetime, usual: timedelta) -> datetime:
    """Return the threshold of a machine that has yet to register."""
    return now + (lifecycle.RESCUED_FOR if desired.rescues else usual)


def _runtime(desired: DesiredProvision, actual: Actual) -> timedelta:
    return desired.max_runtime or actual.settings.max_runtime
