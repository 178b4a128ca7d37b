"""Deliberate breakages of release: each is a plausible mistake, and each must break a promise of the simulation."""

from __future__ import annotations

import re
from contextlib import ExitStack, contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from attrs import evolve

from refresh.desired import DesiredRelease
from refresh.dynamodb import items
from refresh.engine.change import Done
from refresh.pool import lifecycle, ownership, signals
from refresh.pool.ec2_instances import Ec2Instance
from refresh.release import apply, messages, policy
from refresh.release.changes import GiveBack, Offer, Reason, Retire, Terminate
from refresh.release.findings import Findings
from tests.simulation.breakages import wrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


def write_on_the_state_alone() -> AbstractContextManager[object]:
    """Forget that another run can have claimed it, or the same one renewed it."""

    def wrap(original: Any, *args: Any) -> Any:
        update: dict[str, Any] = original(*args)
        return {**update, "ConditionExpression": "#state = :judged_state"}

    return wrapped(lifecycle, "update", wrap)


@contextmanager
def give_back_what_has_expired() -> Iterator[None]:
    """Forget that an agent ends itself after its threshold."""

    def wrap(original: Any, *args: Any) -> Any:
        reason = original(*args)
        return None if reason is Reason.EXPIRED else reason

    with ExitStack() as stack:
        stack.enter_context(wrapped(policy, "_reason", wrap))
        stack.enter_context(mock.patch.object(apply, "Threshold", SimpleNamespace(AHEAD=_ANY, ANY=_ANY, PAST=_ANY)))
        yield


_ANY = lifecycle.Threshold.ANY


def give_back_what_never_ran() -> AbstractContextManager[object]:
    """Take a machine that has not registered yet for an idle one."""
    return mock.patch.object(policy, "_ENDED_BY_RELEASE", frozenset())


def send_the_message_before_the_write() -> AbstractContextManager[object]:
    """Send at once what the write will make true."""

    def wrap(original: Any, desired: Any, clients: Any, sender: Any, *more: Any) -> Any:
        settings, changes = more
        early = [Offer(each.record, each.at) for each in changes if isinstance(each, GiveBack)]
        list(messages.send(clients.sqs, sender.executor, settings, early))
        yield from original(desired, clients, sender, *more)

    return wrapped(apply, "apply", wrap)


def send_the_message_without_a_delay() -> AbstractContextManager[object]:
    """Forget that the agent needs time to leave its run."""
    return mock.patch.object(messages, "DELAY_SECONDS", 0)


def delay_the_message_as_the_original() -> AbstractContextManager[object]:
    """Delay it as the original does, which waits for the agent."""
    return mock.patch.object(messages, "DELAY_SECONDS", 3)


def note_the_message_before_it_is_sent() -> AbstractContextManager[object]:
    """Save a write: note the message together with the release."""

    def wrap(original: Any, table: Any, record: Any, written: Any, *args: Any) -> Any:
        more = {"offeredFor": written["threshold"]} if "threshold" in written else {}
        return original(table, record, {**written, **more}, *args)

    return wrapped(lifecycle, "update", wrap)


def swallow_refusals_of_messages() -> AbstractContextManager[object]:
    """Take any answer of SQS for success, as the original does."""

    def wrap(original: Any, sqs: Any, executor: Any, settings: Any, offers: Any) -> Any:
        for outcome in original(sqs, executor, settings, offers):
            yield Done(outcome.change)

    return wrapped(messages, "send", wrap)


def give_back_what_ec2_takes_back() -> AbstractContextManager[object]:
    """Read nothing of it in what agents report."""

    def wrap(original: Any, found: Any) -> Any:
        return {each: evolve(report, reclaimed_at=None) for each, report in original(found).items()}

    return wrapped(signals, "read_reports", wrap)


def offer_whatever_was_released_once() -> AbstractContextManager[object]:
    """Forget that another run may have had the machine since."""
    return mock.patch.object(policy, "_untouched", return_value=True)


def forget_what_an_earlier_release_left() -> AbstractContextManager[object]:
    """Look at nothing but the label: the original's leak."""
    return mock.patch.object(policy, "_judge_released")


def believe_the_record_alone() -> AbstractContextManager[object]:
    """Forget EC2's own proof."""
    return mock.patch.object(ownership, "proven", return_value=True)


def forget_protection() -> AbstractContextManager[object]:
    """Forget the owner's tag."""
    return mock.patch.object(Ec2Instance, "protected", new=False)


def end_all_because_one_was_never_used() -> AbstractContextManager[object]:
    """Take the machines of a label for one fleet, as the original does."""

    def wrap(original: Any, desired: Any, actual: Any, *args: Any) -> Any:
        states = {getattr(each.record, "state", "") for each in actual.machines}
        return Reason.NEVER_RAN if lifecycle.CREATED in states else original(desired, actual, *args)

    return wrapped(policy, "_reason", wrap)


def terminate_before_the_write() -> AbstractContextManager[object]:
    """End it at once, since it is to end."""

    def wrap(original: Any, *args: Any) -> Any:
        *more, changes = args
        early = [Terminate(each.record.id, each.label) for each in changes if isinstance(each, Retire)]
        list(original(*more, early))
        yield from original(*args)

    return wrapped(apply, "apply", wrap)


def forget_what_provision_was_asked_for() -> AbstractContextManager[object]:
    """Give every machine back that works."""
    return mock.patch.object(policy, "_reused", return_value=True)


def release_every_name() -> AbstractContextManager[object]:
    """Take every label of the run, as the original does."""
    return mock.patch.object(DesiredRelease, "has", lambda self, label: label.startswith(self.run_id))


def pass_over_unrecorded_machines() -> AbstractContextManager[object]:
    """Look at the table alone."""
    return mock.patch.object(policy, "_judge_unrecorded")


def take_no_answer_of_ec2_for_none() -> AbstractContextManager[object]:
    """Say nothing of what could not be ended."""
    return mock.patch.object(Findings, "_refusals", return_value=())


def _with_query(query: Callable[[Any, dict[str, Any]], Any]) -> AbstractContextManager[object]:
    def wrap(original: Any, dynamodb: Any, *args: Any) -> Any:
        return original(SimpleNamespace(query=lambda **request: query(dynamodb, request)), *args)

    return wrapped(items, "of_entity", wrap)


def read_one_page_only() -> AbstractContextManager[object]:
    """Forget LastEvaluatedKey."""
    return _with_query(lambda dynamodb, request: {"Items": dynamodb.query(**request)["Items"]})


def read_what_may_be_old() -> AbstractContextManager[object]:
    """Forget ConsistentRead."""
    return _with_query(lambda dynamodb, request: dynamodb.query(**{**request, "ConsistentRead": False}))


BREAKAGES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    re.sub("_", " ", breakage.__name__): breakage
    for breakage in (
        write_on_the_state_alone,
        give_back_what_has_expired,
        give_back_what_never_ran,
        send_the_message_before_the_write,
        send_the_message_without_a_delay,
        delay_the_message_as_the_original,
        note_the_message_before_it_is_sent,
        swallow_refusals_of_messages,
        give_back_what_ec2_takes_back,
        offer_whatever_was_released_once,
        forget_what_an_earlier_release_left,
        believe_the_record_alone,
        forget_protection,
        end_all_because_one_was_never_used,
        terminate_before_the_write,
        forget_what_provision_was_asked_for,
        release_every_name,
        pass_over_unrecorded_machines,
        take_no_answer_of_ec2_for_none,
        read_one_page_only,
        read_what_may_be_old,
    )
}
