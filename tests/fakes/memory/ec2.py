"""EC2 in memory: launch templates, and instances that take a minute to die and are forgotten after an hour."""

from __future__ import annotations

import base64
import fnmatch
import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from attrs import define, field

from tests.fakes.instance_items import PROVISION_TAGS
from tests.fakes.memory import fleets
from tests.fakes.memory.account import Account, operation, refused

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSIONS_PER_PAGE = 200
_USER_DATA_LIMIT = 16384
_NAME = re.compile(r"[a-zA-Z0-9().\-/_]{3,128}")
DYING = timedelta(seconds=60)
REMEMBERED = timedelta(hours=1)
ALIVE = ("pending", "running", "stopping", "stopped")


@define
class Template:
    """A launch template; versions by number."""

    id: str
    name: str
    versions: dict[int, dict[str, Any]]
    default: int = 1
    latest: int = 1
    tokens: dict[str, int] = field(factory=dict)
    tags: dict[str, str] = field(factory=dict)


@define
class Instance:
    """An instance; `ended_at` is when it began to shut down."""

    id: str
    launched_at: datetime
    tags: dict[str, str]
    zone: str = "a"
    protected: bool = False
    """Termination protection."""
    alive: str = "running"
    ended_at: datetime | None = None
    hidden_until: datetime | None = None
    """EC2 answers late: until then no description shows it."""
    type: str = "t3.micro"
    lifecycle: str = "on-demand"
    subnet: str = ""

    def shown(self, now: datetime) -> bool:
        """Whether a description shows it."""
        return self.state(now) is not None and (self.hidden_until is None or now >= self.hidden_until)

    def state(self, now: datetime) -> str | None:
        """Give its state; None once EC2 has forgotten it."""
        if self.ended_at is None:
            return self.alive
        if now - self.ended_at < DYING:
            return "shutting-down"
        return "terminated" if now - self.ended_at < REMEMBERED else None


@define
class Bucket:
    """Tokens, by which EC2 limits how many resources an API changes."""

    size: float
    a_second: float
    left: float
    filled_at: datetime | None = None

    def take(self, name: str, number: int, now: datetime) -> None:
        """Take tokens, or refuse the request as a whole."""
        passed = (now - self.filled_at).total_seconds() if self.filled_at else 0.0
        self.left, self.filled_at = min(self.size, self.left + passed * self.a_second), now
        if number > self.left:
            raise refused(name, "RequestLimitExceeded", "Request limit exceeded.", 503)
        self.left -= number


@define
class Ec2:
    """The operations that are used, one method each."""

    account: Account

    def launch(self, template: str | None = None, number: int = 1, **more: Any) -> list[Instance]:
        """Launch from a template's default, tagged as EC2 and provision tag."""
        tags = {**PROVISION_TAGS, **more.pop("tags", {})}
        if template:
            found: Template = self.account.state.templates[template]
            tags |= {"aws:ec2launchtemplate:id": found.id, "aws:ec2launchtemplate:version": str(found.default)}
        launched = [
            Instance(self.account.next_id("i"), self.account.clock.now(), dict(tags), **more) for _ in range(number)
        ]
        self.account.state.instances.update({each.id: each for each in launched})
        return launched

    def state(self, instance_id: str) -> str | None:
        """Give an instance's state; None for one that EC2 does not know."""
        found = self.account.state.instances.get(instance_id)
        return found.state(self.account.clock.now()) if found else None

    @operation("ec2:CreateFleet", writes=True)
    def create_fleet(self, **request: Any) -> dict[str, Any]:
        """Launch an instant fleet, as far as the account's market has instances; the errors name what it had not."""
        return fleets.create(request, self.account.state.market, _Region(self.account))

    @operation("ec2:DescribeInstances")
    def describe_instances(self, **request: Any) -> dict[str, Any]:
        """Give a page of what the one filter matches, or these ids; what EC2 has forgotten is not there.

        A disrupted zone fails what does not name ids, and what names one in it.
        """
        now, disrupted = self.account.clock.now(), self.account.state.disrupted
        asked, known = request.get("InstanceIds"), self.account.state.instances
        down = refused("ec2:DescribeInstances", "InternalError", "An internal error has occurred.", 500)
        if asked is not None:
            if missing := [each for each in asked if each not in known or not known[each].shown(now)]:
                problem = f"The instance IDs '{', '.join(missing)}' do not exist"
                raise refused("ec2:DescribeInstances", "InvalidInstanceID.NotFound", problem)
            if any(known[each].zone in disrupted for each in asked):
                raise down
            return {"Reservations": [{"Instances": [_described(known[each], now)]} for each in asked]}
        if disrupted:
            raise down
        (condition,) = request["Filters"]
        if len(condition["Values"]) > 200:
            raise refused("ec2:DescribeInstances", "FilterLimitExceeded")
        found = [
            each for each in self.account.state.instances.values() if each.shown(now) and _matches(each, condition)
        ]
        start, most = int(request.get("NextToken", "0")), request["MaxResults"]
        answer: dict[str, Any] = {
            "Reservations": [{"Instances": [_described(each, now)]} for each in found[start : start + most]]
        }
        if start + most < len(found):
            answer["NextToken"] = str(start + most)
        return answer

    @operation("ec2:TerminateInstances", writes=True)
    def terminate_instances(self, **request: Any) -> dict[str, Any]:
        """End them all, or none where one is unknown; a protected one saves its whole zone.

        Each takes a token from a bucket of 1,000 that gets 20 a second.
        """
        now, known = self.account.clock.now(), self.account.state.instances
        terminations: Bucket = self.account.state.terminations or Bucket(1000, 20, 1000)
        self.account.state.terminations = terminations
        terminations.take("ec2:TerminateInstances", len(request["InstanceIds"]), now)
        for each in request["InstanceIds"]:
            if each not in known or known[each].state(now) is None:
                problem = f"The instance ID '{each}' does not exist"
                raise refused("ec2:TerminateInstances", "InvalidInstanceID.NotFound", problem)
        chosen = [known[each] for each in request["InstanceIds"]]
        saved = {each.zone for each in chosen if each.protected}
        for each in chosen:
            if each.zone not in saved and each.ended_at is None:
                each.ended_at = now
        if saved:
            blamed = next(each.id for each in chosen if each.protected)
            problem = f"The instance '{blamed}' may not be terminated. Modify its 'disableApiTermination' attribute."
            raise refused("ec2:TerminateInstances", "OperationNotPermitted", problem)
        return {
            "TerminatingInstances": [
                {"InstanceId": each.id, "CurrentState": {"Name": each.state(now)}} for each in chosen
            ]
        }

    @operation("ec2:DescribeLaunchTemplateVersions")
    def describe_launch_template_versions(self, **request: Any) -> dict[str, Any]:
        """Give a page of versions, the newest first."""
        template = self._asked_for(request)
        start = int(request.get("NextToken", "0"))
        numbers = sorted(template.versions, reverse=True)
        answer: dict[str, Any] = {
            "LaunchTemplateVersions": [
                {
                    "LaunchTemplateId": template.id,
                    "LaunchTemplateName": template.name,
                    "VersionNumber": number,
                    "DefaultVersion": number == template.default,
                    "LaunchTemplateData": template.versions[number],
                }
                for number in numbers[start : start + VERSIONS_PER_PAGE]
            ]
        }
        if start + VERSIONS_PER_PAGE < len(numbers):
            answer["NextToken"] = str(start + VERSIONS_PER_PAGE)
        return answer

    @operation("ec2:DescribeLaunchTemplates")
    def describe_launch_templates(self, **request: Any) -> dict[str, Any]:
        """Describe one template by its name."""
        (name,) = request["LaunchTemplateNames"]
        template = self._asked_for({"LaunchTemplateName": name})
        return {"LaunchTemplates": [{"Tags": [{"Key": key, "Value": value} for key, value in template.tags.items()]}]}

    @operation("ec2:CreateTags", writes=True)
    def create_tags(self, **request: Any) -> None:
        """Set tags of a template."""
        for each in request["Resources"]:
            template = self._template("ec2:CreateTags", {"LaunchTemplateId": each})
            template.tags.update({tag["Key"]: tag["Value"] for tag in request["Tags"]})

    @operation("ec2:DescribeImages")
    def describe_images(self, **request: Any) -> dict[str, Any]:
        """Describe images: all boot from 8 GiB and exist, unless the account overrides them."""
        volume = {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 8}}
        usual = {"State": "available", "RootDeviceName": "/dev/xvda", "BlockDeviceMappings": [volume]}
        return {
            "Images": [
                {"ImageId": each, **usual, **self.account.state.images.get(each, {})} for each in request["ImageIds"]
            ]
        }

    @operation("ec2:DescribeSubnets")
    def describe_subnets(self, **request: Any) -> dict[str, Any]:
        """Give the VPC of each subnet that is there."""
        return {"Subnets": [{"SubnetId": each, "VpcId": vpc} for each, vpc in self._placed(request)]}

    @operation("ec2:DescribeSecurityGroups")
    def describe_security_groups(self, **request: Any) -> dict[str, Any]:
        """Give the VPC of each security group that is there."""
        return {"SecurityGroups": [{"GroupId": each, "VpcId": vpc} for each, vpc in self._placed(request)]}

    @operation("ec2:DescribeSecurityGroupVpcAssociations")
    def describe_security_group_vpc_associations(self, **_: Any) -> dict[str, Any]:
        """Give none."""
        return {"SecurityGroupVpcAssociations": []}

    def _placed(self, request: dict[str, Any]) -> list[tuple[str, str]]:
        (condition,) = request["Filters"]
        placed = [(each, self.account.state.vpcs.get(each, "vpc-1")) for each in condition["Values"]]
        return [(each, vpc) for each, vpc in placed if vpc]

    def _asked_for(self, request: dict[str, Any]) -> Template:
        wanted = request.get("LaunchTemplateId") or request["LaunchTemplateName"]
        for template in self.account.state.templates.values():
            if wanted in (template.id, template.name):
                return cast("Template", template)
        kind = "Id.NotFound" if "LaunchTemplateId" in request else "Name.NotFoundException"
        raise refused("ec2:DescribeLaunchTemplateVersions", f"InvalidLaunchTemplate{kind}", wanted)

    @operation("ec2:CreateLaunchTemplate", writes=True)
    def create_launch_template(self, **request: Any) -> dict[str, Any]:
        """Create a template with its first version, and warn of what is wrong with it."""
        name = request["LaunchTemplateName"]
        if not _NAME.fullmatch(name):
            raise refused("ec2:CreateLaunchTemplate", "InvalidLaunchTemplateName.MalformedException", name)
        if name in self.account.state.templates:
            raise refused("ec2:CreateLaunchTemplate", "InvalidLaunchTemplateName.AlreadyExistsException", name)
        data = _checked("ec2:CreateLaunchTemplate", request["LaunchTemplateData"])
        tags = {tag["Key"]: tag["Value"] for each in request.get("TagSpecifications", []) for tag in each["Tags"]}
        template = Template(self.account.next_id("lt"), name, {1: data}, tags=tags)
        self.account.state.templates[name] = template
        return {"LaunchTemplate": {"LaunchTemplateId": template.id}, **self._warning(data)}

    @operation("ec2:CreateLaunchTemplateVersion", writes=True)
    def create_launch_template_version(self, **request: Any) -> dict[str, Any]:
        """Add a version, and warn of what is wrong with it; the same client token gives the same one, unwarned."""
        template = self._template("ec2:CreateLaunchTemplateVersion", request)
        token = request.get("ClientToken", "")
        if token in template.tokens:
            return {"LaunchTemplateVersion": {"VersionNumber": template.tokens[token]}}
        data = _checked("ec2:CreateLaunchTemplateVersion", request["LaunchTemplateData"])
        template.latest += 1
        template.versions[template.latest] = data
        if token:
            template.tokens[token] = template.latest
        return {"LaunchTemplateVersion": {"VersionNumber": template.latest}, **self._warning(data)}

    def _warning(self, data: Mapping[str, Any]) -> dict[str, Any]:
        fault = self.account.state.faults.get(data["ImageId"])
        return {"Warning": {"Errors": [{"Code": "InvalidAMIID.NotFound", "Message": fault}]}} if fault else {}

    @operation("ec2:ModifyLaunchTemplate", writes=True)
    def modify_launch_template(self, **request: Any) -> None:
        """Move the default to a version that exists."""
        template = self._template("ec2:ModifyLaunchTemplate", request)
        number = int(request["DefaultVersion"])
        if number not in template.versions:
            raise refused("ec2:ModifyLaunchTemplate", "InvalidLaunchTemplateId.VersionNotFound", str(number))
        template.default = number

    @operation("ec2:DeleteLaunchTemplateVersions", writes=True)
    def delete_launch_template_versions(self, **request: Any) -> dict[str, Any]:
        """Delete versions; the default is refused in the answer."""
        template = self._template("ec2:DeleteLaunchTemplateVersions", request)
        failed = []
        for number in map(int, request["Versions"]):
            if number == template.default:
                problem = {"Code": "unexpectedError", "Message": "is the default"}
                failed.append({"VersionNumber": number, "ResponseError": problem})
            else:
                template.versions.pop(number, None)
        return {"UnsuccessfullyDeletedLaunchTemplateVersions": failed}

    def _template(self, name: str, request: Mapping[str, Any]) -> Template:
        for template in self.account.state.templates.values():
            if template.id == request["LaunchTemplateId"]:
                found: Template = template
                return found
        raise refused(name, "InvalidLaunchTemplateId.NotFound", request["LaunchTemplateId"])


@define
class _Region:
    """Where fleets launch: in the account's memory."""

    account: Account

    def template(self, name: str) -> fleets.Source | None:
        """Find a template."""
        for each in self.account.state.templates.values():
            if name in (each.id, each.name):
                return fleets.Source(each.id, each.default, each.latest, each.versions)
        return None

    def zone(self, subnet: str) -> str | None:
        """Give each subnet a zone of its own."""
        return f"zone of {subnet}" if self.account.state.vpcs.get(subnet, "vpc-1") else None

    def architecture(self, image: str) -> str:
        """Give that of the account's images."""
        return str(self.account.state.images.get(image, {}).get("Architecture", "x86_64"))

    def fleet_id(self) -> str:
        """Give the next one."""
        return self.account.next_id("fleet")

    def launch(self, launch: fleets.Launch) -> list[str]:
        """Start instances, which descriptions may show later."""
        now, market = self.account.clock.now(), self.account.state.market
        launched = [
            Instance(
                self.account.next_id("i"),
                now,
                dict(launch.tags),
                zone=launch.pool.zone,
                hidden_until=now + market.shown_after if market.shown_after else None,
                type=launch.pool.type.name,
                lifecycle=launch.usage,
                subnet=launch.pool.subnet,
            )
            for _ in range(launch.number)
        ]
        self.account.state.instances.update({each.id: each for each in launched})
        return [each.id for each in launched]


def _checked(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    if len(base64.b64decode(data.get("UserData", ""), validate=True)) > _USER_DATA_LIMIT:
        raise refused(name, "InvalidUserData.Malformed", "User data is limited to 16384 bytes")
    return dict(data)


def _matches(instance: Instance, condition: Mapping[str, Any]) -> bool:
    if condition["Name"] == "instance-id":
        value: str | None = instance.id
    else:
        value = instance.tags.get(condition["Name"].removeprefix("tag:"))
    # In EC2's filters `*` and `?` stand for other characters.
    return value is not None and any(fnmatch.fnmatchcase(value, each) for each in condition["Values"])


def _described(instance: Instance, now: datetime) -> dict[str, Any]:
    return {
        "InstanceId": instance.id,
        "State": {"Name": instance.state(now)},
        "InstanceType": instance.type,
        **({"InstanceLifecycle": instance.lifecycle} if instance.lifecycle == "spot" else {}),
        "LaunchTime": instance.launched_at,
        "Tags": [{"Key": key, "Value": value} for key, value in instance.tags.items()],
    }
