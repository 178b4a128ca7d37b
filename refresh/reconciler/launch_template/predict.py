"""What the changes to the launch template lead to; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from attrs import evolve

from refresh.engine import tagging
from refresh.engine.tagging import TagResource
from refresh.pool import records
from refresh.reconciler.launch_template import policy
from refresh.reconciler.launch_template.actual import Actual, Listing, Version
from refresh.reconciler.launch_template.changes import (
    CreateTemplate,
    CreateVersion,
    DeleteVersions,
    RecordTemplate,
    SetDefaultVersion,
    StoreScript,
    TemplateChange,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from refresh.desired import DesiredState

_NEW_ID = "(its new id)"
"""Stands for the id of a template that is yet to be created."""


def predict(desired: DesiredState, actual: Actual, changes: Sequence[TemplateChange]) -> Actual:
    """Return the versions and the record after these changes."""
    for change in changes:
        listing = actual.listing
        match change:
            case StoreScript(script=script):
                actual = evolve(actual, stored=script)
            case CreateTemplate():
                listing = Listing(_NEW_ID, (Version(1, default=True, fields=change.fields),))
                actual = evolve(actual, tags=tagging.Found(change.tags), accepted=1)
            case TagResource(tags=tags):
                actual = evolve(actual, tags=actual.tags.after(tags))
            case CreateVersion():
                added = Version(change.latest + 1, default=False, fields=change.fields)
                actual = evolve(actual, accepted=added.number)
                listing = evolve(listing, versions=(added, *listing.versions))
            case SetDefaultVersion(version=version):
                versions = (evolve(each, default=each.number == version) for each in listing.versions)
                listing = evolve(listing, versions=tuple(versions))
            case RecordTemplate():
                actual = evolve(actual, recorded=records.to_wire(policy.record_value(desired, change)))
            case DeleteVersions(versions=gone):
                versions = (each for each in listing.versions if each.number not in gone)
                listing = evolve(listing, versions=tuple(versions))
            case _:
                assert_never(change)
        actual = evolve(actual, listing=listing)
    return actual
