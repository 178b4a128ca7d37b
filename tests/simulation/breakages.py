"""Deliberate breakages: each is a plausible mistake, and each must break a promise of the simulation."""

from __future__ import annotations

import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from unittest import mock

from attrs import evolve

from refresh import errors
from refresh.dynamodb import items
from refresh.engine.change import Done, Plan
from refresh.pool import ec2_instances, ownership
from refresh.pool.ec2_instances import Ec2State
from refresh.reconciler.garbage_collector import apply, observe, policy
from refresh.reconciler.garbage_collector.changes import Clean, Mark, Terminate
from refresh.reconciler.garbage_collector.restores import Restore
from refresh.reconciler.launch_template import apply as template_apply
from refresh.reconciler.launch_template import policy as template_policy
from refresh.reconciler.launch_template.actual import Actual as Template
from refresh.reconciler.launch_template.changes import CreateVersion, SetDefaultVersion, StoreScript
from refresh.reconciler.registration_token import apply as token_apply
from refresh.reconciler.resource_pools import policy as queue_policy
from refresh.reconciler.resource_pools.changes import CreateQueue, RecordPools

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager


def wrapped(target: object, name: str, wrap: Callable[..., Any]) -> AbstractContextManager[object]:
    """Replace a function by one that is given the original first."""
    original = getattr(target, name)
    return mock.patch.object(target, name, lambda *args, **kwargs: wrap(original, *args, **kwargs))


def forget_what_an_earlier_run_marked() -> AbstractContextManager[object]:
    """Terminate only what this run marked: the original's leak."""

    def wrap(original: Any, *args: Any) -> Any:
        verdict = original(*args)
        return None if isinstance(verdict, Terminate) else verdict

    return wrapped(policy, "_judge_marked", wrap)


def clean_while_it_shuts_down() -> AbstractContextManager[object]:
    """Take shutting-down for the end."""

    def wrap(original: Any, record: Any, instance: Any, now: Any) -> Any:
        return Clean(record) if instance.state is Ec2State.SHUTTING_DOWN else original(record, instance, now)

    return wrapped(policy, "_judge_marked", wrap)


def clean_what_ec2_does_not_show_yet() -> AbstractContextManager[object]:
    """Take an instance that EC2 does not know for gone at once."""
    return mock.patch.object(policy, "UNKNOWN_GRACE", -policy.UNKNOWN_GRACE)


_PASSED = "#threshold < :now"
_STATE_AND_PASSED = f"#state = :judged_state AND {_PASSED}"


def _with_condition(change: Callable[[str], str | None]) -> AbstractContextManager[object]:
    def wrap(original: Any, *args: Any) -> Any:
        (action,) = original(*args)
        update = dict(action["Update"])
        condition = change(update.pop("ConditionExpression"))
        return [{"Update": update | ({"ConditionExpression": condition} if condition else {})}]

    return wrapped(apply, "mark", wrap)


def mark_without_a_condition() -> AbstractContextManager[object]:
    """Overwrite whatever is there."""
    return _with_condition(lambda _: None)


def mark_on_the_state_alone() -> AbstractContextManager[object]:
    """Forget that a threshold can be renewed in place."""
    return _with_condition(lambda _: "#state = :judged_state")


def mark_whoever_has_it() -> AbstractContextManager[object]:
    """Forget the run id and the threshold that were judged, but not that it has passed."""
    return _with_condition(lambda condition: _STATE_AND_PASSED if condition.endswith(_PASSED) else condition)


def terminate_before_the_mark() -> AbstractContextManager[object]:
    """End it at once, since it has expired."""

    def wrap(original: Any, *args: Any) -> Any:
        verdict = original(*args)
        return Terminate(verdict.record.id) if isinstance(verdict, Mark) else verdict

    return wrapped(policy, "judge", wrap)


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


def swallow_errors_of_terminate() -> AbstractContextManager[object]:
    """Take any answer for success: the original's "likely no longer exists"."""

    def wrap(original: Any, *args: Any) -> Any:
        for outcome in original(*args):
            yield Done(outcome.change)

    return wrapped(apply, "terminate", wrap)


def believe_the_record_alone() -> AbstractContextManager[object]:
    """Forget EC2's own proof."""
    return mock.patch.object(ownership, "proven", return_value=True)


def believe_what_is_recorded_of_former_templates() -> AbstractContextManager[object]:
    """Trust the table alone, and forget that a living template may belong to another pool."""
    return mock.patch.object(observe, "_belongs_to_another_pool", return_value=False)


def forget_former_templates() -> AbstractContextManager[object]:
    """Forget the ids that the template had before it was made anew."""
    return mock.patch.object(ownership, "former_ids", return_value=())


def believe_restored_records() -> AbstractContextManager[object]:
    """Take the thresholds of a restored table for those of now."""
    return mock.patch.object(Restore, "covers", return_value=False)


def take_what_ec2_has_no_answer_for_as_gone() -> AbstractContextManager[object]:
    """Judge an instance in a disrupted zone as one that EC2 does not know."""

    def wrap(original: Any, *args: Any) -> Any:
        found, _ = original(*args)
        return found, frozenset()

    return wrapped(ec2_instances, "by_exact_id", wrap)


def adopt_at_once() -> AbstractContextManager[object]:
    """Forget that provision takes time to record."""
    return mock.patch.object(policy, "UNRECORDED_GRACE", -policy.UNRECORDED_GRACE)


def record_queues_before_they_exist() -> AbstractContextManager[object]:
    """Name the queues in the first pass already."""

    def wrap(original: Any, desired: Any, actual: Any) -> Any:
        plan = original(desired, actual)
        missing = [change for change in plan.changes if isinstance(change, CreateQueue)]
        if not missing:
            return plan
        pools = tuple(
            (each.resource_class, each.url or f"https://x/{each.resource_class.name}") for each in actual.pools
        )
        return Plan((RecordPools(pools, None), *plan.changes), plan.warnings)

    return wrapped(queue_policy, "plan", wrap)


def move_the_default_before_the_version_exists() -> AbstractContextManager[object]:
    """Save a pass."""

    def wrap(original: Any, desired: Any, actual: Any) -> Any:
        plan = original(desired, actual)
        changes = [
            SetDefaultVersion(change.template_id, change.latest, change.latest + 1)
            if isinstance(change, CreateVersion)
            else change
            for change in plan.changes
        ]
        return Plan(tuple(changes), plan.warnings)

    return wrapped(template_policy, "plan", wrap)


def store_a_script_last() -> AbstractContextManager[object]:
    """Make the template right first, since that is the longer chain."""

    def wrap(original: Any, desired: Any, actual: Any) -> Any:
        plan = original(desired, actual)
        scripts = [change.script for change in plan.changes if isinstance(change, StoreScript)]
        sooner = original(desired, evolve(actual, stored=scripts[0])) if scripts else plan
        return sooner if sooner.changes else plan

    return wrapped(template_policy, "plan", wrap)


def move_the_default_to_an_equal_version_that_was_found() -> AbstractContextManager[object]:
    """Save a version: take one for good because it is there."""

    def wrap(original: Any, desired: Any, actual: Any) -> Any:
        plan = original(desired, actual)
        changes = []
        for change in plan.changes:
            equal = (
                SetDefaultVersion(change.template_id, None, each.number)
                for each in actual.listing.versions
                if isinstance(change, CreateVersion) and each.fields == change.fields and not each.default
            )
            changes.append(next(equal, change))
        return Plan(tuple(changes), plan.warnings)

    return wrapped(template_policy, "plan", wrap)


def record_a_template_that_was_found() -> AbstractContextManager[object]:
    """Take a template for good because it is there."""
    return mock.patch.object(Template, "proven", new=True)


def pass_over_what_ec2_finds_wrong() -> AbstractContextManager[object]:
    """Take every version that was created for good."""
    return mock.patch.object(template_apply, "fault_in", return_value=None)


def record_a_template_that_was_deleted() -> AbstractContextManager[object]:
    """Trust the record instead of EC2: the template is never made anew."""

    def wrap(original: Any, desired: Any, actual: Any) -> Any:
        return Plan() if not actual.listing.template_id and actual.recorded else original(desired, actual)

    return wrapped(template_policy, "plan", wrap)


def tell_the_token() -> AbstractContextManager[object]:
    """Put the token into an error's text."""

    def wrap(_: Any, change: Any, __: Any, github: Any, *___: Any) -> None:
        issued = github.create_registration_token()
        raise errors.Unavailable("token", "X", f"{issued.token.reveal()} could not be stored after {change.before}")

    return wrapped(token_apply, "replace", wrap)


def forget_unprocessed_keys() -> AbstractContextManager[object]:
    """Take what one call gives for all there is."""

    def wrap(_: Any, dynamodb: Any, __: Any, table: str, keys: Any) -> Any:
        return dynamodb.batch_get_item(RequestItems={table: {"Keys": keys, "ConsistentRead": True}})["Responses"][table]

    return wrapped(items, "_read_batch", wrap)


BREAKAGES: dict[str, Callable[[], AbstractContextManager[object]]] = {
    re.sub("_", " ", breakage.__name__): breakage
    for breakage in (
        forget_what_an_earlier_run_marked,
        clean_while_it_shuts_down,
        clean_what_ec2_does_not_show_yet,
        mark_without_a_condition,
        mark_on_the_state_alone,
        mark_whoever_has_it,
        terminate_before_the_mark,
        read_one_page_only,
        forget_unprocessed_keys,
        read_what_may_be_old,
        swallow_errors_of_terminate,
        believe_the_record_alone,
        believe_what_is_recorded_of_former_templates,
        forget_former_templates,
        believe_restored_records,
        take_what_ec2_has_no_answer_for_as_gone,
        adopt_at_once,
        record_queues_before_they_exist,
        move_the_default_before_the_version_exists,
        move_the_default_to_an_equal_version_that_was_found,
        store_a_script_last,
        record_a_template_that_was_found,
        pass_over_what_ec2_finds_wrong,
        record_a_template_that_was_deleted,
        tell_the_token,
    )
}
