"""The registration of a component: everything that the rest of the repository knows of it.

`refresh.reconciler.reconciliation` starts components from their registrations, and `make generated` writes from them
what pages, policies and templates say of components.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from attrs import field, frozen

from refresh.pool import records

if TYPE_CHECKING:
    from refresh.engine.component import Component, Gate
    from refresh.pool.permissions import Calls

GivenT = TypeVar("GivenT")


@frozen
class Item:
    """An item that a component keeps, as docs/table.md describes it."""

    identifier: str
    value: str
    """The types of its value, in DynamoDB's letters."""
    meaning: str
    read_by: str
    """Who else reads it, and what they refuse."""
    entity: str = records.METADATA


@frozen(kw_only=True)
class Registration(Generic[GivenT]):
    """A component as it is started and documented; the texts are in Markdown, with links from docs/."""

    name: str
    kept_in: str
    """Where in AWS or on GitHub is what it keeps."""
    keeps: str
    """What it is kept as."""
    changes: str
    """What the component does about a difference."""
    checked: str = "every run"
    """Which runs look at it."""
    calls: Calls = field(factory=dict)
    """Its calls to AWS."""
    items: tuple[Item, ...] = ()
    after: tuple[str, ...] = ()
    """The components that it waits for: the state table before it writes, others for what they hand over."""
    build: Callable[[GivenT], Component[Any, Any]]
    """Builds the component; it can read results only of the components in `after`."""
    gates: Callable[[GivenT], tuple[Gate, ...]] = lambda _: ()
    """Makes the gates before its writes, in addition to the account's and the table's."""
