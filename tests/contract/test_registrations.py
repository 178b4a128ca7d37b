"""What components and the other parts register of themselves is complete."""

from __future__ import annotations

import itertools
import pkgutil

import refresh.reconciler
from refresh.dynamodb.metadata_items import SETTINGS
from refresh.pool import names, records
from refresh.pool.permissions import QUEUES, STATE_TABLE, Needs
from refresh.reconciler.registered import COMPONENTS
from tools.generated.roles import Role, merged


def test_every_folder_of_the_reconciler_is_a_registered_component() -> None:
    folders = {each.name for each in pkgutil.iter_modules(refresh.reconciler.__path__) if each.ispkg}
    assert {each.name.replace(" ", "_") for each in COMPONENTS} == folders
    assert len({each.name for each in COMPONENTS}) == len(folders)


def test_a_component_is_started_after_those_that_it_waits_for() -> None:
    started = itertools.accumulate(({each.name} for each in COMPONENTS), set.union, initial=set[str]())
    assert [each.name for each, before in zip(COMPONENTS, started, strict=False) if not {*each.after} <= before] == []


def test_every_metadata_item_and_the_settings_are_kept_by_one_component() -> None:
    kept = [(item.entity, item.identifier) for each in COMPONENTS for item in each.items]
    optional = [each for each in names.OPTIONAL_IDENTIFIERS if (records.METADATA, each) in kept]
    identifiers = (*names.METADATA_IDENTIFIERS, names.STORED_SCRIPTS, *optional)
    metadata = [(records.METADATA, identifier) for identifier in identifiers]
    assert sorted(kept) == sorted([*metadata, SETTINGS])


def test_a_call_of_two_parts_has_the_actions_and_statements_of_both() -> None:
    parts = {"sqs:TagQueue": Needs("a", QUEUES)}, {"sqs:TagQueue": Needs("b", STATE_TABLE, also={"x:Y": QUEUES})}
    (call,) = merged(parts).values()
    assert call.actions() == [("sqs:TagQueue", QUEUES), ("sqs:TagQueue", STATE_TABLE), ("x:Y", QUEUES)]
    assert Role("role", [call]).statements() == [(STATE_TABLE, ["sqs:TagQueue"]), (QUEUES, ["sqs:TagQueue", "x:Y"])]
