"""CreateFleet on moto, which cannot choose types by attributes: the stand-in in memory chooses, and moto launches."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

from attrs import frozen
from moto.core.responses import ActionResult
from moto.ec2.responses.fleets import Fleets
from moto.ec2.utils import random_fleet_id

from refresh import errors
from tests.fakes.memory import fleets, refusals
from tests.fakes.memory.market import Market

MARKET = Market()
"""What launches meet, on every server of this process: they share moto's accounts as well."""
_MEMBERS = (
    "ClientToken",
    "LaunchTemplateConfigs",
    "OnDemandOptions",
    "SpotOptions",
    "TagSpecifications",
    "TargetCapacitySpecification",
    "Type",
)
_create_other = Fleets.create_fleet


@frozen
class _Region:
    """Where fleets launch: in moto's backend of a region."""

    backend: Any

    def template(self, name: str) -> fleets.Source | None:
        """Find a template."""
        for each in self.backend.launch_templates.values():
            if name in (each.id, each.name):
                versions = {version.number: version.data for version in each.versions}
                return fleets.Source(each.id, each.default_version_number, each.latest_version_number, versions)
        return None

    def zone(self, subnet: str) -> str | None:
        """Give the one that moto has put it in."""
        found = [each for zones in self.backend.subnets.values() for each in zones.values() if each.id == subnet]
        return str(found[0].availability_zone) if found else None

    def architecture(self, image: str) -> str:
        """Give that of moto's image."""
        return str(self.backend.amis[image].architecture) if image in self.backend.amis else "x86_64"

    def fleet_id(self) -> str:
        """Give the next one."""
        return random_fleet_id()

    def launch(self, launch: fleets.Launch) -> list[str]:
        """Run instances from the template."""
        pool = launch.pool
        reservation = self.backend.run_instances(
            image_id="",
            count=launch.number,
            user_data=None,
            security_group_names=[],
            instance_type=pool.type.name,
            is_instance_type_default=False,
            region_name=self.backend.region_name,
            subnet_id=pool.subnet,
            instance_market_options="spot" if launch.usage == "spot" else None,
            launch_template={"LaunchTemplateId": pool.template, "Version": str(pool.version)},
            tags={
                "instance": dict(launch.tags),
                "volume": fleets.tags(pool.data.get("TagSpecifications", []), "volume"),
            },
        )
        return [each.id for each in reservation.instances]


def _create_fleet(response: Any) -> ActionResult | tuple[str, dict[str, int]]:
    """Answer a call, in place of moto where the fleet is instant."""
    given = {name: response._get_param(name) for name in _MEMBERS}
    if given["Type"] != "instant":
        return _create_other(response)
    request = {name: value for name, value in given.items() if value is not None}
    try:
        return ActionResult(fleets.create(request, MARKET, _Region(response.ec2_backend)))
    except errors.ApiError as error:
        code, message = escape(error.code), escape(error.message)
        refusal = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>"
        )
        return refusal, {"status": refusals.status(error.code)}


def forget() -> None:
    """Launch everything again, and know no client token."""
    MARKET.reset()
    MARKET.fleets.clear()


Fleets.create_fleet = _create_fleet  # type: ignore[method-assign, assignment] # it knows no attributes
