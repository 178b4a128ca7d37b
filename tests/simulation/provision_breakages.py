"""Deliberate breakages of provision: each is a plausible mistake, and each must break a promise of the simulation."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from attrs import evolve

from refresh.dynamodb import items
from refresh.pool import launch, lifecycle, ownership, readiness, runs, signals
from refresh.pool.ec2_instances import Ec2Instance
from refresh.pool.lifecycle import Threshold
from refresh.pool.signals import LEFT, REGISTERED, Signal
from refresh.provision import apply, candidates, component, findings, giving_back, look, policy, predict
from refresh.provision.changes import GiveUp, Record
from refresh.release import messages
from tests.simulation.breakages import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


def claim_on_the_state_alone() -> AbstractContextManager[object]:
    """Forget that another run can have claimed it, or that it can have expired."""

    def wrap(original: Any, *args: Any) -> Any:
        update: dict[str, Any] = original(*args)
        return {**update, "ConditionExpression": "#state = :judged_state"}

    return wrapped(lifecycle, "update", wrap)


def believe_what_every_machine_can_write() -> AbstractContextManager[object]:
    """Read the items of the original action although the role is known."""
    return wrapped(signals, "keys", lambda original, _, identifiers: original("", identifiers))


def overlook_what_ec2_takes_back() -> AbstractContextManager[object]:
    """Read heartbeat and signal alone."""

    def wrap(original: Any, found: Any) -> Any:
        return {each: evolve(report, reclaimed_at=None) for each, report in original(found).items()}

    return wrapped(signals, "read_reports", wrap)


def take_idle_for_ready() -> AbstractContextManager[object]:
    """Look at the state alone, neither at the heartbeat nor at the signal."""

    def wrap(_: Any, __: Any, record: Any) -> bool:
        return (record.state, record.run_id) == ("idle", "")

    return wrapped(candidates, "ready", wrap)


def claim_without_a_heartbeat() -> AbstractContextManager[object]:
    """Look at the signal alone."""
    return wrapped(candidates, "ready", lambda original, actual, *args: original(_all_beating(actual), *args))


def claim_what_has_not_left_its_run() -> AbstractContextManager[object]:
    """Look at the heartbeat alone."""
    return mock.patch.object(readiness, "_has_left", return_value=True)


def claim_what_was_given_back_just_now() -> AbstractContextManager[object]:
    """Believe a signal that is older than the record."""
    return mock.patch.object(readiness, "SETTLED_AFTER", -lifecycle.CREATED_FOR)


@contextmanager
def claim_what_has_expired() -> Iterator[None]:
    """Forget that an agent ends itself after its threshold."""

    def wrap(original: Any, desired: Any, known: Any, now: Any) -> Any:
        return original(desired, known, now - lifecycle.CREATED_FOR)

    with ExitStack() as stack:
        stack.enter_context(wrapped(candidates, "free", wrap))
        stack.enter_context(mock.patch.object(apply, "Threshold", SimpleNamespace(AHEAD=Threshold.ANY)))
        yield


def claim_any_kind() -> AbstractContextManager[object]:
    """Forget what was asked for."""
    return mock.patch.object(candidates, "fits", return_value=True)


def claim_what_has_served() -> AbstractContextManager[object]:
    """Forget that only unused machines were asked for."""
    return mock.patch.object(readiness, "never_served", return_value=True)


def send_one_client_token_in_all_rounds() -> AbstractContextManager[object]:
    """Forget that EC2 answers a token that it knows with the fleet that it has made."""

    def wrap(original: Any, table: str, label: str, attempt: int, *args: Any) -> Any:
        return original(table, label, attempt, 0, *args[1:])

    return wrapped(launch, "client_token", wrap)


def make_the_client_token_of_the_clock() -> AbstractContextManager[object]:
    """Take the milliseconds, as the original does."""

    def wrap(original: Any, desired: Any, actual: Any, *args: Any) -> Any:
        return evolve(original(desired, actual, *args), client_token=str(round(actual.looked_at.timestamp() * 1000)))

    return wrapped(policy, "_fleet", wrap)


def send_another_token_after_a_lost_answer() -> AbstractContextManager[object]:
    """Take no answer for a refusal."""

    def wrap(original: Any, *args: Any) -> Any:
        actual = original(*args)
        if actual.launches.unanswered is None:
            return actual
        launches = evolve(actual.launches, unanswered=None, requests=actual.launches.requests + 1)
        return evolve(actual, launches=launches)

    return wrapped(predict, "answered", wrap)


def give_back_with_an_immediate_message() -> AbstractContextManager[object]:
    """Forget that the agent needs time to leave its run."""
    return mock.patch.object(messages, "DELAY_SECONDS", 0)


def end_all_because_one_failed() -> AbstractContextManager[object]:
    """Take the machines of a label for one fleet, as the original does."""

    def wrap(original: Any, *args: Any) -> Any:
        held = original(*args)
        if not any(not each.back for each in held.failed):
            return held
        others = (*held.ready, *held.registered, *held.waiting)
        ended = tuple(GiveUp(each.id, back=False, why="the fleet failed") for each in others)
        return evolve(held, ready=(), registered=(), waiting=(), failed=(*held.failed, *ended))

    return wrapped(policy, "_held", wrap)


def launch_all_that_is_wanted() -> AbstractContextManager[object]:
    """Forget that some are there."""

    def wrap(original: Any, desired: Any, actual: Any, _missing: int, *args: Any) -> Any:
        return original(desired, actual, desired.count, *args)

    return wrapped(policy, "_acquired", wrap)


def launch_above_the_cap() -> AbstractContextManager[object]:
    """Forget how many machines the pool may have."""
    return mock.patch.object(findings, "room", return_value=100)


def replace_without_an_end() -> AbstractContextManager[object]:
    """Launch for as long as machines fail."""
    return mock.patch.object(policy, "tries_left", return_value=100)


def start_without_a_registration() -> AbstractContextManager[object]:
    """Take a machine that beats for one that is registered."""
    return mock.patch.object(Signal, "registered_for", return_value=True)


def start_by_the_signal_of_any_run() -> AbstractContextManager[object]:
    """Forget whose registration it is."""
    return mock.patch.object(Signal, "registered_for", lambda self, _: self.state in {REGISTERED, LEFT})


def start_without_a_heartbeat() -> AbstractContextManager[object]:
    """Take a registration for a living machine."""
    return wrapped(policy, "_held", lambda original, desired, actual, now: original(desired, _all_beating(actual), now))


def _all_beating(actual: Any) -> Any:
    beating = {each: evolve(actual.report(each), beat=actual.seen_at(each)) for each in actual.records}
    return evolve(actual, reports=beating)


def give_machines_too_much_time() -> AbstractContextManager[object]:
    """Forget the maximum runtime."""
    return mock.patch.object(policy, "_runtime", return_value=lifecycle.CREATED_FOR * 20)


def work_without_the_label() -> AbstractContextManager[object]:
    """Go on although another provision has it."""
    return mock.patch.object(look, "require_lease", return_value=look.Lease(rescued=True, inherits=True))


def take_the_label_from_anybody() -> AbstractContextManager[object]:
    """Write the run's item without a condition."""

    def wrap(original: Any, *args: Any) -> Any:
        return {**original(*args), "ConditionExpression": "attribute_not_exists(#value.#attempt) OR :none = :none"}

    return wrapped(runs, "lease", wrap)


def forget_what_an_earlier_attempt_launched() -> AbstractContextManager[object]:
    """Look at the table alone."""
    return mock.patch.object(apply, "_unrecorded", return_value=iter(()))


def record_complete_fleets_only() -> AbstractContextManager[object]:
    """Drop what EC2 has launched if that is less than was asked for, as the original does."""

    def wrap(original: Any, desired: Any, actual: Any, now: Any) -> Any:
        short = {each.id for answer in actual.launches.answers if answer.missing for each in answer.launched}
        return (each for each in original(desired, actual, now) if each.subject not in short)

    return wrapped(policy, "recorded", wrap)


def forget_a_record_that_was_not_written() -> AbstractContextManager[object]:
    """Take a machine that could not be recorded for another's."""

    def wrap(original: Any, actual: Any, outcomes: Any) -> Any:
        listed = tuple(outcomes)
        failed = {each.change.subject for each in listed if isinstance(each.change, Record)}
        known = original(actual, listed)
        return evolve(known, lost=known.lost | (failed - set(known.records)))

    return wrapped(predict, "after", wrap)


def give_nothing_back() -> AbstractContextManager[object]:
    """Leave what a failed provision has."""
    return mock.patch.object(giving_back, "give_up", return_value=[])


def believe_the_record_alone() -> AbstractContextManager[object]:
    """Forget EC2's own proof."""
    return mock.patch.object(ownership, "proven", return_value=True)


def forget_protection() -> AbstractContextManager[object]:
    """Forget the owner's tag."""
    return mock.patch.object(Ec2Instance, "protected", new=False)


def read_one_page_only() -> AbstractContextManager[object]:
    """Forget LastEvaluatedKey."""

    def wrap(original: Any, dynamodb: Any, *args: Any) -> Any:
        query = lambda **request: {"Items": dynamodb.query(**request)["Items"]}  # noqa: E731 - it is used at once
        return original(SimpleNamespace(query=query), *args)

    return wrapped(items, "of_entity", wrap)


def judge_by_old_heartbeats() -> AbstractContextManager[object]:
    """Read only the machines that have yet to register."""

    def wrap(original: Any, self: Any, identifiers: Any) -> Any:
        known = self._known()
        waiting = [each for each in identifiers if getattr(known.records.get(each), "state", "") != "running"]
        before = {each: known.report(each).beat for each in identifiers if each not in waiting}
        original(self, identifiers)
        found = self._known()
        old = {each: evolve(found.report(each), beat=beat) for each, beat in before.items() if beat}
        self._actual = evolve(found, reports={**found.reports, **old})

    return wrapped(component.Provisioning, "_read", wrap)


BREAKAGES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    re.sub("_", " ", breakage.__name__): breakage
    for breakage in (
        claim_on_the_state_alone,
        believe_what_every_machine_can_write,
        overlook_what_ec2_takes_back,
        take_idle_for_ready,
        claim_without_a_heartbeat,
        claim_what_has_not_left_its_run,
        claim_what_was_given_back_just_now,
        claim_what_has_expired,
        claim_any_kind,
        claim_what_has_served,
        send_one_client_token_in_all_rounds,
        make_the_client_token_of_the_clock,
        send_another_token_after_a_lost_answer,
        give_back_with_an_immediate_message,
        end_all_because_one_failed,
        launch_all_that_is_wanted,
        launch_above_the_cap,
        replace_without_an_end,
        start_without_a_registration,
        start_by_the_signal_of_any_run,
        start_without_a_heartbeat,
        give_machines_too_much_time,
        work_without_the_label,
        take_the_label_from_anybody,
        forget_what_an_earlier_attempt_launched,
        record_complete_fleets_only,
        forget_a_record_that_was_not_written,
        give_nothing_back,
        believe_the_record_alone,
        forget_protection,
        read_one_page_only,
        judge_by_old_heartbeats,
    )
}
