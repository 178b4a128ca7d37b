"""The launch template: compared field by field, repaired in safe steps, never deleted."""

from __future__ import annotations

import base64
import itertools
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import evolve

from refresh import errors
from refresh.desired import Mode, RootVolume
from refresh.engine import tagging
from refresh.engine.change import Difference, Plan
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.engine.shared_read import SharedRead
from refresh.engine.tagging import TagResource
from refresh.pool import names, ownership, records
from refresh.preflight.image_lookup import RootDevice
from refresh.reconciler.launch_template import LaunchTemplate, content, observe, policy, predict
from refresh.reconciler.launch_template.actual import Actual, Listing, Version
from refresh.reconciler.launch_template.changes import (
    CreateTemplate,
    CreateVersion,
    DeleteVersions,
    RecordTemplate,
    SetDefaultVersion,
    TemplateChange,
)
from refresh.reconciler.prefetch import list_template_versions
from refresh.reconciler.runner_release.releases import Archive, Release
from tests.fakes.desired import IMAGE, OTHER_IMAGE, TEMPLATE, desired
from tests.fakes.items import Items, metadata
from tests.fakes.serial import NOW, Serial, StillClock

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ec2 import EC2Client

    from refresh.desired import DesiredState
    from refresh.engine.report import ComponentReport

ID = "lt-0123456789abcdef0"
RELEASE = Release(
    "2.335.1", Archive("https://github.com/x64.tar.gz", "a" * 64), Archive("https://github.com/arm64.tar.gz", "")
)
IDENTIFIER = names.LAUNCH_TEMPLATE_IDENTIFIER
ROOT_DEVICE = RootDevice(IMAGE, "/dev/xvda", 8)
ABSENT = errors.NotFound("ec2:DescribeLaunchTemplateVersions", "InvalidLaunchTemplateName.NotFoundException")


def _data(wanted: DesiredState | None = None, **changed: Any) -> dict[str, Any]:
    wanted = wanted or desired()
    data = dict(content.desired_data(wanted, RELEASE, None))
    return {name: value for name, value in {**data, **changed}.items() if value is not None}


RIGHT = content.comparable(_data())
WRONG = content.comparable(_data(ImageId=OTHER_IMAGE))


def _recorded(template_id: str = ID, version: int = 1, *former: str) -> dict[str, Any]:
    return records.to_wire(
        {
            "name": TEMPLATE,
            "ami": IMAGE,
            "iamInstanceProfile": "runner-profile",
            "securityGroupIds": ["sg-1", "sg-2"],
            "userDataHash": content.digest(dict(RIGHT)["UserData"]),
            "userData": "",
            "userDataBase64": "",
            "id": template_id,
            "version": version,
            "formerIds": list(former),
        }
    )


def _listing(*fields: content.Fields, default: int = 1) -> Listing:
    """Give versions by number, the first one being 1."""
    versions = [Version(number, number == default, each) for number, each in enumerate(fields, 1)]
    return Listing(ID, tuple(reversed(versions)))


def _plan(listing: Listing, recorded: Mapping[str, Any] | None = None) -> Plan[TemplateChange]:
    return policy.plan(desired(), Actual(listing, recorded, RELEASE))


def test_a_template_as_desired_and_recorded_is_left_alone() -> None:
    """The plan is empty."""
    assert _plan(_listing(RIGHT), _recorded()) == Plan()


def test_without_a_template_one_is_created_and_nothing_else_is_done_before() -> None:
    """Its id is not known yet, so it cannot be recorded."""
    (change,) = _plan(Listing()).changes
    assert isinstance(change, CreateTemplate)
    assert (change.name, change.fields) == (TEMPLATE, RIGHT)


def test_a_template_that_differs_gets_a_version_before_the_default_moves() -> None:
    """So a crash between the two leaves a template that launches."""
    (change,) = _plan(_listing(WRONG), _recorded()).changes
    assert isinstance(change, CreateVersion)
    assert (change.latest, change.before, change.fields) == (1, WRONG, RIGHT)
    assert change.differences == (Difference("ImageId", OTHER_IMAGE, IMAGE),)


@pytest.mark.parametrize(
    "listing",
    [_listing(WRONG, RIGHT), _listing(RIGHT, WRONG, default=2), _listing(RIGHT, RIGHT, WRONG, default=3)],
)
def test_only_a_version_that_this_run_created_becomes_the_default(listing: Listing) -> None:
    """EC2 does not say again what is wrong with an equal one: it may be faulty, and its run may have died."""
    (change,) = _plan(listing, _recorded()).changes
    assert isinstance(change, CreateVersion)
    (change,) = policy.plan(desired(), Actual(listing, _recorded(), RELEASE, accepted=7)).changes
    assert change == SetDefaultVersion(ID, listing.default.number if listing.default else None, 7)


def test_a_template_without_a_default_gets_one() -> None:
    """EC2 always has one, but a listing may be late."""
    (change,) = _plan(_listing(RIGHT, default=0)).changes
    assert isinstance(change, CreateVersion)
    assert change.before == ()
    (change,) = policy.plan(desired(), Actual(_listing(RIGHT, default=0), None, RELEASE, accepted=2)).changes
    assert change == SetDefaultVersion(ID, None, 2)


@pytest.mark.parametrize(
    "recorded", [None, {"S": "nonsense"}, records.to_wire({"name": TEMPLATE}), _recorded("lt-old")]
)
def test_a_template_that_no_run_recorded_is_judged_before_it_is_recorded(recorded: Mapping[str, Any] | None) -> None:
    """Its creator may have died with EC2's answer; however many versions it has."""
    for listing in (_listing(RIGHT), _listing(RIGHT, RIGHT)):
        (change,) = _plan(listing, recorded).changes
        assert isinstance(change, CreateVersion)
        assert change.differences == ()


def test_a_version_that_ec2_shows_other_than_it_was_sent_is_reported() -> None:
    """Another one would be no better."""
    with pytest.raises(errors.DidNotConverge, match=r"EC2 shows version 2 other than it was sent \(ImageId\). Report"):
        policy.plan(desired(), Actual(_listing(RIGHT, WRONG, default=2), _recorded(), RELEASE, accepted=2))


@pytest.mark.parametrize(
    "recorded",
    [
        None,
        {"S": "nonsense"},
        _recorded(version=2),
        records.to_wire({"name": TEMPLATE}),
        records.to_wire({**dict.fromkeys(("userData", "userDataBase64"), ""), "name": TEMPLATE, "ami": "ami-1"}),
    ],
)
def test_a_record_that_differs_is_written_anew_once_the_default_is_right(recorded: Mapping[str, Any] | None) -> None:
    """Provision reads the name there."""
    (change,) = policy.plan(desired(), Actual(_listing(RIGHT), recorded, RELEASE, accepted=1)).changes
    assert isinstance(change, RecordTemplate)
    assert records.to_wire(policy.record_value(desired(), change)) == _recorded()


def test_a_template_that_was_made_anew_keeps_its_old_id_on_record() -> None:
    """Its instances still live, and are proven ours by it."""
    recorded = _recorded("lt-old", 7, "lt-older")
    (change,) = policy.plan(desired(), Actual(_listing(RIGHT), recorded, RELEASE, accepted=1)).changes
    assert isinstance(change, RecordTemplate)
    assert change.former_ids == ("lt-older", "lt-old")
    assert records.to_wire(policy.record_value(desired(), change)) == _recorded(ID, 1, "lt-older", "lt-old")


def test_former_ids_are_the_newest_twenty_without_the_present_one() -> None:
    """However often it was deleted."""
    recorded = _recorded("lt-old", 1, *(f"lt-{number}" for number in range(30)), ID, "")
    former = ownership.former_ids(recorded, ID)
    assert former == (*(f"lt-{number}" for number in range(11, 30)), "lt-old")
    assert ownership.former_ids(None, ID) == ()


def test_versions_are_pruned_but_the_newest_ten_and_the_default() -> None:
    """EC2 keeps 10,000 at most."""
    listing = _listing(RIGHT, *[WRONG] * 12)
    (change,) = _plan(listing, _recorded()).changes
    assert change == DeleteVersions(ID, (3, 2))
    assert _plan(_listing(RIGHT, *[WRONG] * 10), _recorded()) == Plan()


def test_what_was_pruned_is_not_pruned_again() -> None:
    """As a dry run predicts it."""
    actual = Actual(_listing(RIGHT, *[WRONG] * 12), _recorded(), RELEASE)
    changes = policy.plan(desired(), actual).changes
    after = predict.predict(desired(), actual, changes)
    assert len(after.listing.versions) == len(actual.listing.versions) - 2
    assert policy.plan(desired(), after).changes == ()


def test_nothing_is_pruned_before_the_default_is_right() -> None:
    """One of the old ones may be as desired."""
    (change,) = _plan(_listing(*[WRONG] * 13), _recorded()).changes
    assert isinstance(change, CreateVersion)


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"ImageId": OTHER_IMAGE}, "ImageId"),
        ({"IamInstanceProfile": {"Name": "other"}}, "IamInstanceProfile.Name"),
        ({"IamInstanceProfile": None}, "IamInstanceProfile.Name"),
        ({"SecurityGroupIds": ["sg-1"]}, "SecurityGroupIds"),
        ({"SecurityGroupIds": ["sg-1", "sg-2", "sg-3"]}, "SecurityGroupIds"),
        ({"SecurityGroupIds": ["sg-1", "sg-1"]}, "SecurityGroupIds"),
        ({"UserData": base64.b64encode(b"#!/bin/sh\n").decode()}, "UserData"),
        ({"UserData": "no base64"}, "UserData"),
        ({"UserData": base64.b64encode(b"\xff\xfe").decode()}, "UserData"),
        ({"UserData": None}, "UserData"),
        ({"InstanceInitiatedShutdownBehavior": "stop"}, "InstanceInitiatedShutdownBehavior"),
        ({"InstanceType": "t3.micro"}, "InstanceType"),
        ({"KeyName": "somebody"}, "KeyName"),
        ({"NetworkInterfaces": [{"DeviceIndex": 0}]}, "NetworkInterfaces"),
        ({"MetadataOptions": {"HttpTokens": "optional"}}, "MetadataOptions.HttpTokens"),
        ({"EbsOptimized": True}, "EbsOptimized"),
    ],
)
def test_every_field_that_differs_is_seen_and_named(changed: dict[str, Any], name: str) -> None:
    """Whoever edited it."""
    edited = content.comparable(_data(**changed))
    assert edited != RIGHT
    assert name in {each.name for each in content.differences(edited, RIGHT)}


def test_what_ec2_adds_by_itself_is_no_difference() -> None:
    """Defaults that it fills in, the order of groups, a state of its own, empty lists."""
    data = _data()
    answer = {
        **data,
        "SecurityGroupIds": ["sg-2", "sg-1", "sg-2"],
        "MetadataOptions": {**data["MetadataOptions"], "State": "pending", "HttpProtocolIpv6": "disabled"},
        "BlockDeviceMappings": [],
        "NetworkInterfaces": [],
        "CpuOptions": {},
    }
    assert content.comparable(answer) == RIGHT


@pytest.mark.shows("A22")
def test_ipv6_access_to_the_metadata_service_is_a_difference() -> None:
    """Only its default is not."""
    data = _data()
    options = {**data["MetadataOptions"], "HttpProtocolIpv6": "enabled"}
    assert content.comparable(_data(MetadataOptions=options)) != RIGHT


def test_user_data_is_shown_by_size_and_hash() -> None:
    """It is up to 16 KB of shell."""
    edited = content.comparable(_data(UserData=base64.b64encode(b"echo\n").decode()))
    (difference,) = content.differences(edited, RIGHT)
    assert difference.before == f"5 bytes, sha256 {content.digest('echo' + chr(10))[:12]}"
    assert content.differences((), RIGHT)[-1].before is None


@pytest.mark.shows("A22")
def test_the_content_is_what_the_contract_asks_for() -> None:
    """No instance type and no subnet; IMDSv2 with tags and one hop; a shutdown terminates."""
    data = _data(desired(metadata_hop_limit=2))
    payload = base64.b64decode(data.pop("UserData"))
    assert data == {
        "ImageId": IMAGE,
        "IamInstanceProfile": {"Name": "runner-profile"},
        "SecurityGroupIds": ["sg-1", "sg-2"],
        "InstanceInitiatedShutdownBehavior": "terminate",
        "MetadataOptions": {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 2,
            "InstanceMetadataTags": "enabled",
        },
    }
    for expected in (b"TABLE_NAME=octo-widgets-ci-table\n", b"RUNNER_VERSION=2.335.1\n", b"AWS_REGION=eu-west-1\n"):
        assert expected in payload


@pytest.mark.shows("B26")
def test_an_instance_profile_is_sent_as_what_it_is() -> None:
    """A name or an ARN."""
    arn = "arn:aws:iam::123456789012:instance-profile/runners"
    assert _data(desired(instance_profile=arn))["IamInstanceProfile"] == {"Arn": arn}


def test_the_changes_say_what_they_do() -> None:
    """As the log and the summary show them."""
    changes = (
        CreateTemplate(TEMPLATE, RIGHT, {}),
        CreateVersion(ID, 3, WRONG, RIGHT, {}),
        SetDefaultVersion(ID, 3, 4),
        SetDefaultVersion(ID, None, 4),
        RecordTemplate(ID, 4, (), RIGHT, None),
        DeleteVersions(ID, (2, 1)),
    )
    assert [str(change) for change in changes] == [
        f"create launch template {TEMPLATE}",
        f"create template version of {ID}",
        f"set default version of {ID}",
        f"set default version of {ID}",
        "write template record",
        f"delete template versions 2 1 of {ID}",
    ]
    assert changes[0].differences == content.differences((), RIGHT)
    assert changes[2].differences == (Difference("default", "3", "4"),)
    assert changes[3].differences == (Difference("default", None, "4"),)
    assert changes[4].differences == (Difference("template", None, f"{ID} version 4"),)


class _Ec2:
    """One template, as EC2 keeps it, its versions listed in pages of three; `requests` lists the writes."""

    def __init__(self, *data: dict[str, Any]) -> None:
        self.versions = dict(enumerate(data, 1))
        self.default = 1
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.refusals: dict[int, str] = {}
        self.faults: list[dict[str, str]] = []
        """What is wrong with each template and version that is made."""
        self.repeated = 0
        """Answers that come only after the client has sent the request again."""

    def describe_launch_template_versions(self, **request: Any) -> dict[str, Any]:
        assert request["LaunchTemplateName"] == TEMPLATE
        if not self.versions:
            raise ABSENT
        start = int(request.get("NextToken", "0"))
        page = list(itertools.islice(self.versions.items(), start, start + 3))
        answer: dict[str, Any] = {
            "LaunchTemplateVersions": [
                {
                    "LaunchTemplateId": ID,
                    "VersionNumber": number,
                    "DefaultVersion": number == self.default,
                    "LaunchTemplateData": data,
                }
                for number, data in page
            ]
        }
        if start + 3 < len(self.versions):
            answer["NextToken"] = str(start + 3)
        return answer

    def create_launch_template(self, **request: Any) -> dict[str, Any]:
        self.requests.append(("CreateLaunchTemplate", request))
        self.versions[1] = request["LaunchTemplateData"]
        return {"LaunchTemplate": {"LaunchTemplateId": ID}, **self._judged()}

    def create_launch_template_version(self, **request: Any) -> dict[str, Any]:
        self.requests.append(("CreateLaunchTemplateVersion", request))
        number = max(self.versions) + 1
        self.versions[number] = request["LaunchTemplateData"]
        return {"LaunchTemplateVersion": {"VersionNumber": number}, **self._judged()}

    def _judged(self) -> dict[str, Any]:
        self.repeated -= 1
        metadata = {"ResponseMetadata": {"RetryAttempts": int(self.repeated >= 0)}}
        return {**metadata, "Warning": {"Errors": self.faults}} if self.faults else metadata

    def modify_launch_template(self, **request: Any) -> None:
        self.requests.append(("ModifyLaunchTemplate", request))
        self.default = int(request["DefaultVersion"])

    def delete_launch_template_versions(self, **request: Any) -> dict[str, Any]:
        self.requests.append(("DeleteLaunchTemplateVersions", request))
        refused = []
        for number in map(int, request["Versions"]):
            assert number != self.default
            if number in self.refusals:
                refused.append({"VersionNumber": number, "ResponseError": {"Code": self.refusals[number]}})
            else:
                del self.versions[number]
        return {"UnsuccessfullyDeletedLaunchTemplateVersions": refused}

    @property
    def writes(self) -> list[str]:
        return [operation for operation, _ in self.requests]


def _component(ec2: _Ec2, items: Items, wanted: DesiredState) -> LaunchTemplate:
    client = cast("EC2Client", ec2)
    versions = SharedRead(Serial(), partial(list_template_versions, client, TEMPLATE))
    return LaunchTemplate(wanted, client, metadata(items), versions, lambda: RELEASE, lambda: ROOT_DEVICE)


def _refresh(ec2: _Ec2, items: Items, **changes: Any) -> ComponentReport:
    component = _component(ec2, items, desired(**changes))
    return converge(component, Run(mode=Mode.APPLY, clock=StillClock()), lambda: None).report


def test_an_empty_account_gets_a_template_and_its_record() -> None:
    """And the next run has nothing to do."""
    ec2, items = _Ec2(), Items()
    assert not _refresh(ec2, items).failed
    assert items.items[IDENTIFIER]["value"] == _recorded()
    writes = list(ec2.writes)
    assert writes == ["CreateLaunchTemplate"]
    assert _refresh(ec2, items).status == "as desired"
    assert ec2.writes == writes


def test_an_edited_template_is_repaired_version_first_then_default_then_record() -> None:
    """Each step is planned only once the one before was read back."""
    ec2, items = _Ec2(_data(ImageId=OTHER_IMAGE)), Items()
    report = _refresh(ec2, items)
    assert not report.failed
    assert ec2.writes == ["CreateLaunchTemplateVersion", "ModifyLaunchTemplate"]
    assert [type(change) for change in report.done] == [CreateVersion, SetDefaultVersion, RecordTemplate]
    assert items.items[IDENTIFIER]["value"] == _recorded(version=2)


def test_a_version_that_is_listed_late_becomes_the_default_all_the_same() -> None:
    """EC2's answer has its number, so no run creates one more because of a late listing."""

    class _Late(_Ec2):
        def describe_launch_template_versions(self, **request: Any) -> dict[str, Any]:
            answer = super().describe_launch_template_versions(**request)
            shown = [{**each, "DefaultVersion": True} for each in answer["LaunchTemplateVersions"][:1]]
            return {"LaunchTemplateVersions": shown}

    ec2 = _Late(_data(ImageId=OTHER_IMAGE))
    report = _refresh(ec2, Items({IDENTIFIER: _recorded()}))
    assert (report.failed, len(report.pending)) == (False, 1)
    assert (ec2.writes, ec2.default) == (["CreateLaunchTemplateVersion", "ModifyLaunchTemplate"], 2)


@pytest.mark.parametrize(("repeated", "created"), [(1, 2), (3, 3)])
def test_an_answer_to_a_repeated_request_judges_no_version(repeated: int, created: int) -> None:
    """EC2 documents no warnings in it: another version is created for an answer of its own, three at most in a run."""
    ec2, items = _Ec2(_data(ImageId=OTHER_IMAGE)), Items({IDENTIFIER: _recorded()})
    ec2.repeated = repeated
    report = _refresh(ec2, items)
    assert ec2.writes[:created] == ["CreateLaunchTemplateVersion"] * created
    if repeated == 1:
        assert (report.failed, ec2.default) == (False, 3)
        return
    (failure,) = report.failures
    assert str(failure.error).startswith("Unavailable: ec2:CreateLaunchTemplateVersion: AnswerLost: EC2 answered only")
    assert ec2.default == 1


def test_a_template_whose_answer_is_that_to_a_repeated_request_is_judged_by_a_version() -> None:
    """As one that another run created."""
    ec2, items = _Ec2(), Items()
    ec2.repeated = 1
    assert not _refresh(ec2, items).failed
    assert ec2.writes == ["CreateLaunchTemplate", "CreateLaunchTemplateVersion"]
    assert items.items[IDENTIFIER]["value"] == _recorded()


FAULTS = [
    {"Code": "InvalidAMIID.NotFound", "Message": "The image id does not exist"},
    {"Code": "InvalidParameterValue", "Message": "Invalid IAM Instance Profile name"},
]


def test_a_version_with_which_aws_finds_fault_never_becomes_the_default() -> None:
    """It fails with AWS's words and is deleted, so the next run, and the one after, asks anew; until it is right."""
    ec2, items = _Ec2(_data(ImageId=OTHER_IMAGE)), Items({IDENTIFIER: _recorded()})
    ec2.faults = FAULTS
    for _ in range(2):
        report = _refresh(ec2, items)
        (failure,) = report.failures
        assert str(failure.error) == (
            "Rejected: ec2:CreateLaunchTemplateVersion: InvalidAMIID.NotFound: The image id does not exist "
            "InvalidParameterValue: Invalid IAM Instance Profile name. The default was left as it is. Correct what AWS "
            "names; the next run tries again."
        )
    assert ec2.writes == ["CreateLaunchTemplateVersion", "DeleteLaunchTemplateVersions"] * 2
    assert (ec2.default, sorted(ec2.versions)) == (1, [1])
    ec2.faults = []
    assert not _refresh(ec2, items).failed
    assert ec2.default == 2


def test_a_faulty_version_that_cannot_be_deleted_never_becomes_the_default() -> None:
    """Neither in this run nor in one that finds it."""
    ec2, items = _Ec2(_data(ImageId=OTHER_IMAGE)), Items({IDENTIFIER: _recorded()})
    ec2.faults, ec2.refusals = FAULTS, {2: "unexpectedError"}
    (failure,) = _refresh(ec2, items).failures
    assert "Version 2 could not be deleted, and does not become the default: Rejected" in str(failure.error)
    assert (ec2.default, sorted(ec2.versions)) == (1, [1, 2])
    ec2.faults = []
    assert not _refresh(ec2, items).failed
    assert (ec2.default, sorted(ec2.versions)) == (3, [1, 2, 3])


def test_a_template_with_which_aws_finds_fault_is_not_recorded_until_a_version_is_right() -> None:
    """Its first version is its default from the start; unrecorded, no one launches from it, and every run tells."""
    ec2, items = _Ec2(), Items()
    ec2.faults = FAULTS
    report = _refresh(ec2, items)
    (refusal,) = report.refusals
    assert report.failed
    assert refusal.startswith("Rejected: ec2:CreateLaunchTemplate: InvalidAMIID.NotFound: The image id does not exist")
    assert "The template is there, and not recorded, so provision does not use it." in refusal
    assert (ec2.writes, items.puts) == (["CreateLaunchTemplate"], [])
    assert _refresh(ec2, items).failed
    assert (sorted(ec2.versions), items.puts) == ([1], [])
    ec2.faults = []
    assert not _refresh(ec2, items).failed
    assert IDENTIFIER in items.items
    assert _refresh(ec2, items).status == "as desired"


def test_every_page_of_versions_is_read_newest_first() -> None:
    """Also when EC2 lists them in another order."""
    listing = observe.listing(list_template_versions(cast("EC2Client", _Ec2(*[_data()] * 8)), TEMPLATE))
    assert listing.template_id == ID
    assert [version.number for version in listing.versions] == [8, 7, 6, 5, 4, 3, 2, 1]
    assert [version.number for version in listing.versions if version.default] == [1]


def test_no_template_is_no_versions() -> None:
    """`NotFound` is an answer."""
    assert observe.listing(list_template_versions(cast("EC2Client", _Ec2()), TEMPLATE)) == Listing()


def test_old_versions_are_deleted_200_at_a_time_and_the_default_stays() -> None:
    """However many there are."""
    ec2 = _Ec2(*[_data()] * 300)
    items = Items({IDENTIFIER: _recorded()})
    assert not _refresh(ec2, items).failed
    assert [len(request["Versions"]) for _, request in ec2.requests] == [200, 89]
    assert sorted(ec2.versions) == [1, *range(291, 301)]


def test_a_version_that_cannot_be_deleted_is_told_by_number() -> None:
    """EC2 answers such a call with success."""
    ec2 = _Ec2(*[_data()] * 12)
    ec2.refusals[2] = "launchTemplateVersionInUse"
    report = _refresh(ec2, Items({IDENTIFIER: _recorded()}))
    (failure,) = report.failures
    assert "launchTemplateVersionInUse" in str(failure.error)
    assert "version 2" in str(failure.error)


def test_a_refused_version_leaves_the_default_as_it_is() -> None:
    """A full quota of versions must not stop launches."""

    class _Full(_Ec2):
        def create_launch_template_version(self, **_: Any) -> dict[str, Any]:
            raise errors.Rejected("ec2:CreateLaunchTemplateVersion", "VersionLimitExceeded", "10000 versions")

    ec2, items = _Full(_data(ImageId=OTHER_IMAGE)), Items()
    report = _refresh(ec2, items)
    assert report.failed
    assert (ec2.writes, items.puts) == ([], [])


def test_a_template_that_another_run_created_first_is_taken_over() -> None:
    """Two runs on an empty account."""

    class _Raced(_Ec2):
        def create_launch_template(self, **request: Any) -> dict[str, Any]:
            super().create_launch_template(**request)
            raise errors.AlreadyExists("ec2:CreateLaunchTemplate", "InvalidLaunchTemplateName.AlreadyExistsException")

    ec2, items = _Raced(), Items()
    report = _refresh(ec2, items)
    assert not report.failed
    assert ec2.writes == ["CreateLaunchTemplate", "CreateLaunchTemplateVersion"], "what EC2 told the other is not known"
    assert items.items[IDENTIFIER]["value"] == _recorded()


def test_the_release_names_what_is_installed() -> None:
    """Another release is another template."""
    ec2, items = _Ec2(), Items()
    _refresh(ec2, items)
    component = _component(ec2, items, desired())
    newer = evolve(component, release=lambda: evolve(RELEASE, version="2.336.0"))
    (change,) = newer.plan(newer.observe(), NOW).changes
    assert [each.name for each in change.differences] == ["UserData"]


@pytest.mark.parametrize(
    ("wanted", "provisioned", "problem"),
    [
        (RootVolume(8, None), False, ""),
        (RootVolume(None, "gp2"), False, ""),
        (
            RootVolume(7, "gp3"),
            False,
            "root-volume-size: 7 GiB, but ami-0123456789abcdef0 needs 8 GiB; write a larger size, or leave it out. No",
        ),
        (RootVolume(None, "gp3"), True, ""),
        (
            RootVolume(None, "gp2"),
            True,
            "root-volume-type: gp2 has no IOPS or throughput to set, as ami-0123456789abcdef0 does; write gp3. No",
        ),
    ],
)
def test_a_root_volume_with_which_nothing_could_be_launched_is_refused(
    wanted: RootVolume, *, provisioned: bool, problem: str
) -> None:
    """Before the template is touched; a run that was green and a pool that launches nothing would be worse."""
    actual = Actual(Listing(), None, RELEASE, evolve(ROOT_DEVICE, provisioned=provisioned))
    if not problem:
        assert policy.plan(desired(root_volume=wanted), actual).changes
        return
    with pytest.raises(errors.Refused, match=problem) as caught:
        policy.plan(desired(root_volume=wanted), actual)
    assert "No instance could be launched, so the template was left as it is." in str(caught.value)


def test_tags_of_a_version_that_lack_their_value_are_compared_all_the_same() -> None:
    """Whoever made it by hand must not stop the collector, which reads every version."""
    odd = content.comparable({"TagSpecifications": [{"ResourceType": "instance", "Tags": [{"Key": "team"}, {}]}]})
    assert odd == (("TagSpecifications.instance.", ""), ("TagSpecifications.instance.team", ""))


TAGS = (("team", "ci"),)


@pytest.mark.parametrize(
    ("volume", "asked"),
    [
        (RootVolume(50, "gp3"), {"VolumeSize": 50, "VolumeType": "gp3"}),
        (RootVolume(50, None), {"VolumeSize": 50}),
        (RootVolume(None, "gp2"), {"VolumeType": "gp2"}),
    ],
)
def test_a_root_volume_is_encrypted_and_ends_with_its_instance(volume: RootVolume, asked: dict[str, Any]) -> None:
    """What is left out is the image's own."""
    data = content.desired_data(desired(root_volume=volume), RELEASE, ROOT_DEVICE)
    assert data["BlockDeviceMappings"] == [
        {"DeviceName": "/dev/xvda", "Ebs": {"Encrypted": True, "DeleteOnTermination": True, **asked}}
    ]


def test_instances_and_volumes_get_the_owner_s_tags() -> None:
    """Through the template that launches them."""
    tags = [{"Key": "team", "Value": "ci"}]
    assert _data(desired(tags=TAGS))["TagSpecifications"] == [
        {"ResourceType": "instance", "Tags": tags},
        {"ResourceType": "volume", "Tags": tags},
    ]


def test_the_instance_verifies_the_archive_of_its_own_architecture() -> None:
    """Each with its own checksum."""
    release = evolve(RELEASE, arm64=Archive("https://github.com/arm64.tar.gz", "b" * 64))
    payload = content.desired_payload(desired(), release).decode()
    assert f"RUNNER_SHA256_X64={'a' * 64}\n" in payload
    assert f"RUNNER_SHA256_ARM64={'b' * 64}\n" in payload


def test_whatever_is_said_of_a_device_counts() -> None:
    """Of its volume and of itself; one field each, named after the device."""
    devices = [
        {"DeviceName": "/dev/xvda", "Ebs": {"VolumeSize": 50, "Encrypted": True}, "NoDevice": ""},
        {"DeviceName": "/dev/xvdb", "VirtualName": "ephemeral0"},
    ]
    assert content.comparable({"BlockDeviceMappings": devices}) == (
        ("BlockDeviceMappings./dev/xvda.Encrypted", "True"),
        ("BlockDeviceMappings./dev/xvda.NoDevice", ""),
        ("BlockDeviceMappings./dev/xvda.VolumeSize", "50"),
        ("BlockDeviceMappings./dev/xvdb.VirtualName", "ephemeral0"),
    )


def test_a_field_that_nobody_foresaw_is_compared_whatever_its_order() -> None:
    """As JSON; times are what EC2's answers have besides."""
    assert content.comparable({"SpotOptions": [{"b": NOW, "a": 1}], "KeyName": "x"}) == (
        ("KeyName", "x"),
        ("SpotOptions", '[{"a": 1, "b": "2026-01-31 09:05:00+00:00"}]'),
    )
    assert content.comparable({"TagSpecifications": [{"ResourceType": "instance"}]}) == ()


def test_user_data_that_is_not_quite_base64_is_compared_as_it_is() -> None:
    """Decoded leniently it could pass for ours."""
    assert content.comparable({"UserData": "ZW No bwo="}) == (("UserData", "ZW No bwo="),)


def test_both_sides_of_user_data_are_told_by_size_and_hash() -> None:
    """And what changed between them line by line."""
    (difference,) = content.differences((("UserData", "a\n"),), (("UserData", "b\n"),))
    assert difference == Difference(
        "UserData",
        f"2 bytes, sha256 {content.digest('a' + chr(10))[:12]}",
        f"2 bytes, sha256 {content.digest('b' + chr(10))[:12]}",
        ("--- user data now", "+++ user data wanted", "@@ -1 +1 @@", "-a", "+b"),
    )


def test_a_former_id_that_cannot_be_read_is_none() -> None:
    """Jobs can write the table."""
    recorded = {"M": {"formerIds": {"L": [{"S": "lt-old"}, {"N": "1"}]}}}
    assert ownership.former_ids(recorded, ID) == ("lt-old",)


def test_a_template_is_made_with_its_tags_and_gets_them_back() -> None:
    """Before the next step of what launches; those that cannot be read are told."""
    tagged = desired(tags=TAGS)
    (create,) = policy.plan(tagged, Actual(Listing(), None, RELEASE)).changes
    assert isinstance(create, CreateTemplate)
    assert create.tags == TAGS
    assert create.differences[-1] == Difference("tag team", None, "ci")
    plan = policy.plan(tagged, Actual(_listing(WRONG), None, RELEASE))
    assert plan.changes[0] == TagResource(f"launch template {TEMPLATE}", ID, TAGS, ())
    assert [type(each) for each in plan.changes[1:]] == [CreateVersion]
    unread = policy.plan(tagged, Actual(_listing(WRONG), None, RELEASE, tags=tagging.Found(unread="no.")))
    assert unread.refusals == (f"the tags of launch template {TEMPLATE} were not compared: no.",)
    assert [type(each) for each in unread.changes] == [CreateVersion]


def test_volumes_that_the_image_keeps_end_with_their_instance_where_that_is_asked_for() -> None:
    """Whatever else is said of the root volume holds."""
    device = evolve(ROOT_DEVICE, kept=(ROOT_DEVICE.name, "/dev/sdb"))
    ending = {"DeviceName": "/dev/sdb", "Ebs": {"DeleteOnTermination": True}}
    data = content.desired_data(desired(delete_volumes_on_termination=True), RELEASE, device)
    assert data["BlockDeviceMappings"] == [{"DeviceName": device.name, "Ebs": {"DeleteOnTermination": True}}, ending]
    both = desired(delete_volumes_on_termination=True, root_volume=RootVolume(50))
    data = content.desired_data(both, RELEASE, device)
    root = {"Encrypted": True, "DeleteOnTermination": True, "VolumeSize": 50}
    assert data["BlockDeviceMappings"] == [{"DeviceName": device.name, "Ebs": root}, ending]
    assert "BlockDeviceMappings" not in content.desired_data(both, RELEASE, None)
    assert "BlockDeviceMappings" not in content.desired_data(desired(), RELEASE, device)


def test_a_template_with_the_root_volume_that_is_asked_for_is_left_alone() -> None:
    """One without it is not."""
    wanted = desired(root_volume=RootVolume(50, None))
    right = content.comparable(content.desired_data(wanted, RELEASE, ROOT_DEVICE))
    actual = Actual(_listing(right), _recorded(), RELEASE, ROOT_DEVICE)
    assert policy.plan(wanted, actual) == Plan()
    (change,) = policy.plan(wanted, evolve(actual, listing=_listing(RIGHT))).changes
    assert isinstance(change, CreateVersion)
    assert (change.template_id, change.latest) == (ID, 1)


def test_a_default_that_moves_is_shown_with_what_it_changes() -> None:
    """From which version to which, and field by field; from nothing where there is no default."""
    (change,) = policy.plan(desired(), Actual(_listing(WRONG, RIGHT), None, RELEASE, accepted=2)).changes
    image = Difference("ImageId", OTHER_IMAGE, IMAGE)
    assert change == SetDefaultVersion(ID, 1, 2)
    assert change.differences == (Difference("default", "1", "2"), image)
    (change,) = policy.plan(desired(), Actual(_listing(RIGHT, default=0), None, RELEASE, accepted=1)).changes
    assert change.differences == (Difference("default", None, "1"), *content.differences((), RIGHT))


def test_a_template_without_a_version_gets_its_first() -> None:
    """A listing may be late in both."""
    (change,) = _plan(Listing(ID)).changes
    assert isinstance(change, CreateVersion)
    assert (change.template_id, change.latest, change.note) == (ID, 0, "after version 0")


@pytest.mark.parametrize(
    ("recorded", "before"),
    [
        (None, None),
        ({"S": "nonsense"}, None),
        (_recorded("lt-old", 7), "lt-old version 7"),
        ({"M": {"name": {"S": "old"}, "version": {"N": "7"}}}, "old version 7"),
    ],
)
def test_the_record_shows_which_template_it_named(recorded: Any, before: str | None) -> None:
    """By its id, or by its name where it had none."""
    (change,) = policy.plan(desired(), Actual(_listing(RIGHT), recorded, RELEASE, accepted=1)).changes
    assert change.differences == (Difference("template", before, f"{ID} version 1"),)


def test_what_will_be_is_what_the_changes_say() -> None:
    """A dry run tells what would follow by it."""
    tagged = desired(tags=TAGS)
    made = predict.predict(tagged, Actual(Listing(), None, RELEASE), [CreateTemplate(TEMPLATE, WRONG, {}, TAGS)])
    new = "(its new id)"
    assert made == Actual(Listing(new, (Version(1, True, WRONG),)), None, RELEASE, tags=tagging.Found(TAGS), accepted=1)
    record = RecordTemplate(new, 2, (), RIGHT, None)
    steps: list[TemplateChange] = [
        CreateVersion(new, 1, WRONG, RIGHT, {}),
        SetDefaultVersion(new, 1, 2),
        record,
        TagResource("launch template", new, (("env", "prod"),), ()),
        DeleteVersions(new, (1,)),
    ]
    assert predict.predict(tagged, made, steps[:1]).listing.versions == (
        Version(2, False, RIGHT),
        Version(1, True, WRONG),
    )
    assert predict.predict(tagged, made, steps) == Actual(
        Listing(new, (Version(2, True, RIGHT),)),
        records.to_wire(policy.record_value(tagged, record)),
        RELEASE,
        tags=tagging.Found((("env", "prod"), *TAGS)),
        accepted=2,
    )
