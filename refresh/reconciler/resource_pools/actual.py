"""The queues and their record as SQS and the table have them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from refresh.desired import ResourceClass
from refresh.engine import tagging


@frozen
class Pool:
    """A resource class and its queue; `url` and `attributes` are empty while there is no queue."""

    resource_class: ResourceClass
    url: str = ""
    attributes: tuple[tuple[str, str], ...] = ()
    tags: tagging.Found = tagging.Found()  # noqa: RUF009 - it is frozen

    @property
    def queue(self) -> str:
        """Name its queue."""
        return self.url.rpartition("/")[2]


@frozen
class Actual:
    """The queues of every class that is desired or draining, and what is recorded of them."""

    pools: tuple[Pool, ...] = ()
    recorded: Mapping[str, Any] | None = None
    """The low-level value of `resource_class_config`, as stored."""
    draining: tuple[str, ...] = ()
    """Classes that are no longer desired but that living records still name."""
    dropped: tuple[tuple[str, str], ...] = ()
    """(class, queue URL) of recorded classes that are neither desired nor in use."""
