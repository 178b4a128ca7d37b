"""The launch template as EC2 and its record have it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from refresh.engine import tagging
from refresh.pool import records
from refresh.preflight.image_lookup import RootDevice
from refresh.reconciler.launch_template import content
from refresh.reconciler.runner_release.releases import Release


@frozen
class Version:
    """One version of the template as EC2 has it."""

    number: int
    default: bool
    fields: content.Fields


@frozen
class Listing:
    """Every version of the template, the newest first; no id and no versions while there is no template."""

    template_id: str = ""
    versions: tuple[Version, ...] = ()

    @property
    def default(self) -> Version | None:
        """The version that launches."""
        return next((version for version in self.versions if version.default), None)


@frozen
class Actual:
    """The template in EC2, its METADATA value as stored, and the runner release that it has to name."""

    listing: Listing
    recorded: Mapping[str, Any] | None
    release: Release
    root_device: RootDevice | None = None
    """None where the root volume is left as the image has it."""
    tags: tagging.Found = tagging.Found()  # noqa: RUF009 - it is frozen
    """Those of the template itself."""
    accepted: int | None = None
    """The version that this run created and EC2 found no fault with: the only one that may become the default."""
    fault: str = ""
    """What EC2 found wrong with the template, where this run created it; its first version is its default at once."""

    @property
    def proven(self) -> bool:
        """Whether EC2 is known to have found no fault with content that is as desired, or with an earlier default.

        A template is recorded only after that, and its default moves only to versions of which that is known.
        """
        recorded = records.text(records.mapping({"value": self.recorded}, "value"), "id")
        return self.accepted is not None or recorded == self.listing.template_id


@frozen
class Verdicts:
    """What EC2 answered to the templates and versions that this run created, by the template's id."""

    accepted: dict[str, int] = field(factory=dict)
    """The version in which EC2 found no fault."""
    faults: dict[str, str] = field(factory=dict)
    """What EC2 found wrong with a new template."""
