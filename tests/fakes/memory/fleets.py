"""Instant fleets: which types, subnets and errors EC2 gives; the stand-ins in memory and on the server launch."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Protocol

from attrs import define, field, frozen

from tests.fakes.memory import instance_types, refusals
from tests.fakes.memory.instance_types import ON_DEMAND, SPOT, TYPES, InstanceType

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tests.fakes.memory.market import Market

MOST_REQUIREMENTS = 4
"""How many overrides of a call may have requirements: https://github.com/osbuild/osbuild-composer/pull/3946."""
_STRATEGIES = {None, "lowest-price", "price-capacity-optimized", "capacity-optimized"}


@frozen
class Source:
    """A launch template with its versions by number."""

    id: str
    default: int
    latest: int
    versions: Mapping[int, Mapping[str, Any]]


@frozen
class Pool:
    """Instances of a type in a subnet, from a version of a template."""

    template: str
    version: int
    data: Mapping[str, Any]
    type: InstanceType
    subnet: str
    zone: str
    max_price: float | None = None
    """The most that a spot instance may cost."""

    @property
    def described(self) -> dict[str, Any]:
        """Describe it as EC2 does next to instances and errors."""
        return _described(self.template, self.version, InstanceType=self.type.name, SubnetId=self.subnet)


@frozen
class Launch:
    """Instances that a fleet launches in a pool."""

    pool: Pool
    usage: str
    number: int
    tags: Mapping[str, str]


class Region(Protocol):
    """Where fleets are launched."""

    def template(self, name: str) -> Source | None:
        """Find a template by its id or name."""

    def zone(self, subnet: str) -> str | None:
        """Give the zone of a subnet; None for one that is not there."""

    def architecture(self, image: str) -> str:
        """Give the architecture of an image."""

    def fleet_id(self) -> str:
        """Give the id of a new fleet."""

    def launch(self, launch: Launch) -> list[str]:
        """Launch, and give the ids."""


def create(request: Mapping[str, Any], market: Market, region: Region) -> dict[str, Any]:
    """Answer CreateFleet; the same client token gives the same fleet, whatever has become of it."""
    market.require_accepted()
    token = request.get("ClientToken", "")
    if token in market.fleets:
        earlier, answer = market.fleets[token]
        if earlier != request:
            raise refusals.of_call("IdempotentParameterMismatch")
        return copy.deepcopy(answer)
    answer = _Fleet(request, market, region).answer()
    if token:
        market.fleets[token] = (copy.deepcopy(dict(request)), copy.deepcopy(answer))
    return answer


@define
class _Fleet:
    request: Mapping[str, Any]
    market: Market
    region: Region
    instances: list[dict[str, Any]] = field(factory=list)
    errors: list[dict[str, Any]] = field(factory=list)

    def answer(self) -> dict[str, Any]:
        if self.request["Type"] != "instant":
            # The program launches instant fleets only; a test that needs another type must stop here.
            raise NotImplementedError(f"fleets of type {self.request['Type']}")
        wanted = _wanted(self.request["TargetCapacitySpecification"])
        pools = {usage: list(self._pools(usage)) for usage in wanted}
        for each in pools.values():
            _require_different(each)
        fleet_id = self.region.fleet_id()
        for usage, number in wanted.items():
            self._fill(fleet_id, usage, pools[usage], number)
        return {"FleetId": fleet_id, "Errors": self.errors, "Instances": self.instances}

    def _pools(self, usage: str) -> Iterator[Pool]:
        configs = self.request["LaunchTemplateConfigs"]
        overrides = [each for config in configs for each in config["Overrides"]]
        if sum("InstanceRequirements" in each for each in overrides) > MOST_REQUIREMENTS:
            problem = "Your request contains more than the maximum allowed number of InstanceRequirements"
            raise refusals.of_call("InvalidParameterValue", f"{problem} ({MOST_REQUIREMENTS})")
        for config in configs:
            template, version, data = self._source(config["LaunchTemplateSpecification"])
            for override in config["Overrides"]:
                subnet = override["SubnetId"]
                zone = self._zone(subnet)
                bid = float(override["MaxPrice"]) if "MaxPrice" in override else None
                for type_ in self._types(override, usage, data):
                    yield Pool(template, version, data, type_, subnet, zone, bid)

    def _types(self, override: Mapping[str, Any], usage: str, data: Mapping[str, Any]) -> list[InstanceType]:
        if "InstanceRequirements" not in override:
            return [TYPES[override["InstanceType"]]]
        if "InstanceType" in override:
            problem = "InstanceType and InstanceRequirements are mutually exclusive"
            raise refusals.of_call("InvalidParameterCombination", problem)
        architecture = self.region.architecture(data["ImageId"])
        return instance_types.matching(override["InstanceRequirements"], usage, architecture)

    def _source(self, asked: Mapping[str, Any]) -> tuple[str, int, Mapping[str, Any]]:
        by_id = "LaunchTemplateId" in asked
        name = asked["LaunchTemplateId" if by_id else "LaunchTemplateName"]
        source = self.region.template(name)
        if source is None:
            code = f"InvalidLaunchTemplate{'Id.NotFound' if by_id else 'Name.NotFoundException'}"
            raise refusals.of_call(code, f"The specified launch template, with {name}, does not exist.")
        named = {"$Default": source.default, "$Latest": source.latest}
        version = named.get(asked["Version"]) or int(asked["Version"])
        if version not in source.versions:
            problem = f"Could not find the specified version {version} for the launch template with ID {source.id}."
            raise refusals.of_call("InvalidLaunchTemplateId.VersionNotFound", problem)
        return source.id, version, source.versions[version]

    def _zone(self, subnet: str) -> str:
        zone = self.region.zone(subnet)
        if zone is None:
            raise refusals.of_call("InvalidSubnetID.NotFound", f"The subnet ID '{subnet}' does not exist")
        return self.market.zones.get(subnet, zone)

    def _fill(self, fleet_id: str, usage: str, pools: list[Pool], wanted: int) -> None:
        """Launch in the cheapest pools; after some that failed EC2 tries no others."""
        options = self.request.get("SpotOptions" if usage == SPOT else "OnDemandOptions", {})
        if options.get("AllocationStrategy") not in _STRATEGIES:
            # A strategy that is not modelled must not be answered as if it were another.
            raise NotImplementedError(f"allocation strategy {options['AllocationStrategy']}")
        if not pools:
            self._note_no_type(usage)
        failed = 0
        for pool in sorted(pools, key=lambda each: each.type.price(usage)):
            if not wanted:
                break
            if failed == self.market.pools_tried:
                self._note(pool, usage, refusals.UNFULFILLABLE)
                continue
            number = self._launch(fleet_id, pool, usage, wanted)
            failed += number < wanted
            wanted -= number

    def _launch(self, fleet_id: str, pool: Pool, usage: str, wanted: int) -> int:
        if usage == SPOT and pool.max_price is not None and pool.max_price < pool.type.spot:
            self._note(pool, usage, refusals.PRICE_TOO_LOW)
            return 0
        number, limit = self.market.take(usage, pool.type, pool.subnet, wanted)
        if number:
            ids = self.region.launch(Launch(pool, usage, number, self._tags(pool, fleet_id)))
            self.instances.append(
                {
                    "LaunchTemplateAndOverrides": pool.described,
                    "Lifecycle": usage,
                    "InstanceIds": ids,
                    "InstanceType": pool.type.name,
                }
            )
        if limit:
            self._note(pool, usage, limit.code, limit.message, limit.free)
        return number

    def _tags(self, pool: Pool, fleet_id: str) -> dict[str, str]:
        return {
            **tags(pool.data.get("TagSpecifications", []), "instance"),
            **tags(self.request.get("TagSpecifications", []), "instance"),
            "aws:ec2launchtemplate:id": pool.template,
            "aws:ec2launchtemplate:version": str(pool.version),
            "aws:ec2:fleet-id": fleet_id,
        }

    def _note(self, pool: Pool, usage: str, code: str, message: str = "", limit: int = 0) -> None:
        values = {"type": pool.type.name, "zone": pool.zone, "subnet": pool.subnet, "limit": limit}
        found = message or refusals.of_pool(code, bid=pool.max_price, price=pool.type.spot, **values)
        self.errors.append(_error(pool.described, usage, code, found))

    def _note_no_type(self, usage: str) -> None:
        """Note that no type fits: without a pool EC2 can name only the subnets."""
        for config in self.request["LaunchTemplateConfigs"]:
            template, version, _ = self._source(config["LaunchTemplateSpecification"])
            for override in config["Overrides"]:
                described = _described(template, version, SubnetId=override["SubnetId"])
                message = refusals.of_pool(refusals.UNFULFILLABLE)
                self.errors.append(_error(described, usage, refusals.UNFULFILLABLE, message))


def tags(specifications: Iterable[Mapping[str, Any]], resource: str) -> dict[str, str]:
    """Give the tags for a type of resource."""
    found = [each for each in specifications if each["ResourceType"] == resource]
    return {tag["Key"]: tag["Value"] for each in found for tag in each["Tags"]}


def _wanted(capacity: Mapping[str, Any]) -> dict[str, int]:
    """Give how many instances of each usage class are wanted."""
    wanted = {
        ON_DEMAND: int(capacity.get("OnDemandTargetCapacity", 0)),
        SPOT: int(capacity.get("SpotTargetCapacity", 0)),
    }
    total = int(capacity["TotalTargetCapacity"])
    wanted[capacity.get("DefaultTargetCapacityType", ON_DEMAND)] += max(0, total - sum(wanted.values()))
    return {usage: number for usage, number in wanted.items() if number}


def _require_different(pools: list[Pool]) -> None:
    """Refuse two subnets of one zone: https://github.com/github-aws-runners/terraform-aws-github-runner/issues/2904."""
    places = [(pool.type.name, pool.zone) for pool in pools]
    if len(places) > len(set(places)):
        raise refusals.of_call("InvalidFleetConfig")


def _described(template: str, version: int, **overrides: str) -> dict[str, Any]:
    specification = {"LaunchTemplateId": template, "Version": str(version)}
    return {"LaunchTemplateSpecification": specification, "Overrides": overrides}


def _error(described: dict[str, Any], usage: str, code: str, message: str) -> dict[str, Any]:
    return {
        "LaunchTemplateAndOverrides": described,
        "Lifecycle": usage,
        "ErrorCode": code,
        "ErrorMessage": message,
    }
