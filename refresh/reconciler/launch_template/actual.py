"""The launch template as EC2 and its record have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from refresh.agent.user_data import StoredScript
from refresh.engine import tagging
from refresh.pool import records
from refresh.preflight.image_lookup import RootDevice
from refresh.reconciler.launch_template import content
from refresh.reconciler.runner_release.releases import Release


@frozen
class Version:
    """A version of the template as EC2 has it."""

    number: int
    default: bool
    fields: content.Fields


@frozen
class Listing:
    """Every version of the template, the newest first; empty while there is no template."""

    template_id: str = ""
    versions: tuple[Version, ...] = ()

    @property
    def default(self) -> Version | None:
        """The version that launches."""
        return next((version for version in self.versions if version.default), None)


@frozen
class Actual:
    """The template in EC2, its METADATA value as stored, and what it must contain."""

    listing: Listing
    recorded: Mapping[str, Any] | None
    release: Release
    root_device: RootDevice | None = None
    """None if the root volume stays as the image has it."""
    tags: tagging.Found = tagging.Found()  # noqa: RUF009 - it is frozen
    """The tags of the template itself."""
    accepted: int | None = None
    """The version that this run created and in which EC2 found no fault: only this one may become the default."""
    fault: str = ""
    """What EC2 found wrong with the template that this run created; its first version is its default at once."""
    stored: StoredScript | None = None
    """What the item of the desired script has; None if there is none, or if the user data has the script."""

    @property
    def proven(self) -> bool:
        """Whether EC2 has accepted a version of this template, in this run or before it was recorded.

        A template is recorded only after that.
        """
        return self.accepted is not None or self._recorded_id == self.listing.template_id

    @property
    def of_the_original(self) -> bool:
        """Whether the archived action has written the record, which names no id then."""
        return self.recorded is not None and not self._recorded_id

    @property
    def _recorded_id(self) -> str | None:
        return records.text(records.mapping({"value": self.recorded}, "value"), "id")


@frozen
class Verdicts:
    """What EC2 answered to the templates and versions that this run created, by the template's id."""

    accepted: dict[str, int] = field(factory=dict)
    """The version in which EC2 found no fault."""
    faults: dict[str, str] = field(factory=dict)
    """What EC2 found wrong with a new template."""
