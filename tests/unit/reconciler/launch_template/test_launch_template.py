"""Runs of the launch template's component against EC2 in memory."""

from __future__ import annotations

import base64
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import pytest
from attrs import define, field

from refresh import errors
from refresh.agent import user_data
from refresh.agent.user_data import StoredScript
from refresh.desired import Mode
from refresh.engine.component import Run
from refresh.engine.convergence import converge
from refresh.engine.shared_read import SharedRead
from refresh.pool import names, records
from refresh.reconciler.launch_template import LaunchTemplate, apply, content, observe
from refresh.reconciler.launch_template.changes import (
    CreateTemplate,
    CreateVersion,
    RecordTemplate,
    SetDefaultVersion,
    StoreScript,
)
from refresh.reconciler.prefetch import list_template_versions
from refresh.reconciler.runner_release.releases import Archive, Release
from tests.fakes.desired import IMAGE, OTHER_IMAGE, TEMPLATE, desired
from tests.fakes.items import Items, metadata
from tests.fakes.memory.account import Account, refused
from tests.fakes.memory.ec2 import Ec2, Template
from tests.fakes.serial import Serial, StillClock

if TYPE_CHECKING:
    from types_boto3_ec2 import EC2Client

    from refresh.engine.report import ComponentReport

ID = "lt-0123456789abcdef0"
IDENTIFIER = names.LAUNCH_TEMPLATE_IDENTIFIER
RELEASE = Release("2.335.1", Archive("https://x/x64.tar.gz", "a" * 64), Archive("https://x/arm64.tar.gz", ""))
RIGHT: dict[str, Any] = {**content.desired_data(desired(), RELEASE, None)}
WRONG = {**RIGHT, "ImageId": OTHER_IMAGE}
SCRIPT = "#!/bin/bash\n" + "\n" * 200_000
"""For which the user data has no room."""
STORED = StoredScript(SCRIPT)
FAULT = "The image id does not exist"
CREATE, CREATE_VERSION = "ec2:CreateLaunchTemplate", "ec2:CreateLaunchTemplateVersion"
MOVE, DELETE = "ec2:ModifyLaunchTemplate", "ec2:DeleteLaunchTemplateVersions"


@define
class _Ec2(Ec2):
    account: Account = field(factory=Account)
    repeated: int = 0
    """Answers that come only after the client has sent the request again."""
    undeletable: int = 0
    """The version that EC2 does not delete."""

    def _warning(self, data: Any) -> dict[str, Any]:
        self.repeated -= 1
        return {**super()._warning(data), "ResponseMetadata": {"RetryAttempts": int(self.repeated >= 0)}}

    def delete_launch_template_versions(self, **request: Any) -> dict[str, Any]:
        assert str(self.template.default) not in request["Versions"]
        if str(self.undeletable) not in request["Versions"]:
            return super().delete_launch_template_versions(**request)
        refused = {"VersionNumber": self.undeletable, "ResponseError": {"Code": "launchTemplateVersionInUse"}}
        return {"UnsuccessfullyDeletedLaunchTemplateVersions": [refused]}

    @property
    def template(self) -> Template:
        found: Template = self.account.state.templates[TEMPLATE]
        return found

    @property
    def numbers(self) -> list[int]:
        return sorted(self.template.versions)


def _with(*versions: dict[str, Any], kind: type[_Ec2] = _Ec2) -> _Ec2:
    ec2 = kind()
    numbered = dict(enumerate(versions, 1))
    ec2.account.state.templates[TEMPLATE] = Template(ID, TEMPLATE, numbered, latest=len(versions))
    return ec2


def _recorded() -> Items:
    """Give a record of which only the id is right."""
    return Items({IDENTIFIER: records.to_wire({"name": TEMPLATE, "id": ID})})


def _version(items: Items) -> int | None:
    return records.number(records.mapping(items.items.get(IDENTIFIER, {}), "value"), "version")


def _refresh(ec2: _Ec2, items: Items, mode: Mode = Mode.APPLY, **wanted: Any) -> ComponentReport:
    client, wish = cast("EC2Client", ec2), desired(**wanted)
    versions = SharedRead(Serial(), partial(list_template_versions, client, TEMPLATE))
    script = user_data.stored_script(wish.pre_runner_script)
    known = metadata(items, others=(script.identifier,) if script else ())
    component = LaunchTemplate(wish, client, known, versions, lambda: RELEASE, lambda: None)
    return converge(component, Run(mode=mode, clock=StillClock()), lambda: None).report


def test_an_empty_account_gets_a_template_and_its_record_once() -> None:
    ec2, items = _Ec2(), Items()
    assert not _refresh(ec2, items).failed
    assert _refresh(ec2, items).status == "as desired"
    assert (ec2.account.writes, _version(items)) == ([CREATE], 1)


def test_an_edited_template_is_repaired_version_first_then_default_then_record() -> None:
    ec2, items = _with(WRONG), Items()
    report = _refresh(ec2, items)
    assert [type(change) for change in report.done] == [CreateVersion, SetDefaultVersion, RecordTemplate]
    assert (report.failed, ec2.account.writes, _version(items)) == (False, [CREATE_VERSION, MOVE], 2)


def test_a_large_script_is_stored_once_and_before_the_version_that_names_it() -> None:
    ec2, items = _with(RIGHT), _recorded()
    report = _refresh(ec2, items, pre_runner_script=SCRIPT)
    assert not report.failed
    assert [type(change) for change in report.done] == [StoreScript, CreateVersion, SetDefaultVersion, RecordTemplate]
    assert items.items[STORED.identifier]["value"] == {"S": SCRIPT}
    sent = user_data.unpack(base64.b64decode(ec2.template.versions[2]["UserData"])).decode()
    assert f"export PRE_RUNNER_SCRIPT_SHA256={STORED.sha256}\n" in sent
    again = _refresh(ec2, items, pre_runner_script=SCRIPT)
    assert (again.status, items.calls.count("GetItem")) == ("as desired", 0)


def test_a_script_that_was_deleted_or_edited_is_stored_again_without_another_version() -> None:
    ec2, items = _with(RIGHT), _recorded()
    _refresh(ec2, items, pre_runner_script=SCRIPT)
    edited: list[Any] = [{"S": "rm -rf /"}, {"N": "1"}, {}, None]
    for value in edited:
        del items.items[STORED.identifier]
        if value is not None:
            items.items[STORED.identifier] = {"value": value}
        assert list(map(type, _refresh(ec2, items, pre_runner_script=SCRIPT).done)) == [StoreScript]
        assert items.items[STORED.identifier]["value"] == {"S": SCRIPT}
    assert ec2.account.writes == [CREATE_VERSION, MOVE]


def test_a_template_never_names_a_script_that_could_not_be_stored() -> None:
    """The default stays, and a later run goes on."""
    ec2, items = _with(RIGHT), _recorded()
    items.refusal = errors.PermissionDenied("dynamodb:PutItem", "AccessDeniedException")
    (failure,) = _refresh(ec2, items, pre_runner_script=SCRIPT).failures
    assert isinstance(failure.change, StoreScript)
    assert ec2.account.writes == []
    items.refusal = None
    assert not _refresh(ec2, items, pre_runner_script=SCRIPT).failed


def test_the_script_of_an_older_version_stays() -> None:
    """Instances may still boot from that version."""
    ec2, items = _with(RIGHT), _recorded()
    for script in (SCRIPT, SCRIPT + "#", ""):
        assert not _refresh(ec2, items, pre_runner_script=script).failed
    former = StoredScript(SCRIPT + "#").identifier
    assert {*items.items} == {IDENTIFIER, STORED.identifier, former}


def test_the_plan_of_an_empty_account_has_the_script_and_the_template() -> None:
    report = _refresh(_Ec2(), Items(), Mode.PLAN, pre_runner_script=SCRIPT)
    assert list(map(type, report.planned)) == [StoreScript]
    assert list(map(type, report.following)) == [CreateTemplate, RecordTemplate]


def test_a_version_that_is_listed_late_becomes_the_default_all_the_same() -> None:
    """EC2's answer has its number, so no run creates one more because of a late listing."""

    class _Late(_Ec2):
        def describe_launch_template_versions(self, **request: Any) -> dict[str, Any]:
            answer = super().describe_launch_template_versions(**request)
            return {"LaunchTemplateVersions": [{**answer["LaunchTemplateVersions"][-1], "DefaultVersion": True}]}

    ec2 = _with(WRONG, kind=_Late)
    report = _refresh(ec2, _recorded())
    assert (report.failed, len(report.pending)) == (False, 1)
    assert (ec2.account.writes, ec2.template.default) == ([CREATE_VERSION, MOVE], 2)


@pytest.mark.parametrize(("repeated", "created", "default"), [(1, 2, 3), (3, 3, 1)])
def test_the_answer_to_a_repeated_request_judges_no_version(repeated: int, created: int, default: int) -> None:
    """EC2 documents no warnings in it: another version is created for an answer of its own, three at most in a run."""
    ec2 = _with(WRONG)
    ec2.repeated = repeated
    report = _refresh(ec2, _recorded())
    assert (ec2.account.writes[:created], ec2.template.default) == ([CREATE_VERSION] * created, default)
    assert ["AnswerLost" in str(failure.error) for failure in report.failures] == [True] * (default == 1)


@pytest.mark.parametrize("raced", [False, True])
def test_a_template_whose_verdict_was_lost_is_judged_by_a_new_version(*, raced: bool) -> None:
    """Because the request was repeated, or because another run created it."""

    class _Raced(_Ec2):
        def create_launch_template(self, **request: Any) -> dict[str, Any]:
            super().create_launch_template(**request)
            return super().create_launch_template(**request)

    ec2, items = _Raced() if raced else _Ec2(), Items()
    ec2.repeated = 1
    assert not _refresh(ec2, items).failed
    assert (ec2.account.writes, _version(items)) == ([CREATE, CREATE_VERSION], 1)


def test_a_faulty_version_never_becomes_the_default_and_is_deleted() -> None:
    """The run fails with AWS's words, and so does each that follows, until the content is right."""
    ec2, items = _with(WRONG), _recorded()
    ec2.account.state.faults = {IMAGE: FAULT}
    for _ in range(2):
        (failure,) = _refresh(ec2, items).failures
        assert all(each in str(failure.error) for each in (CREATE_VERSION, "InvalidAMIID.NotFound", FAULT))
    assert ec2.account.writes == [CREATE_VERSION, DELETE] * 2
    assert (ec2.template.default, ec2.numbers) == (1, [1])
    ec2.account.state.faults = {}
    assert not _refresh(ec2, items).failed
    assert ec2.template.default == 4


def test_a_faulty_version_that_cannot_be_deleted_never_becomes_the_default() -> None:
    """Neither in this run nor in one that finds it."""
    ec2, items = _with(WRONG), _recorded()
    ec2.account.state.faults, ec2.undeletable = {IMAGE: FAULT}, 2
    (failure,) = _refresh(ec2, items).failures
    assert all(each in str(failure.error) for each in (FAULT, "Version 2", "launchTemplateVersionInUse"))
    assert (ec2.template.default, ec2.numbers) == (1, [1, 2])
    ec2.account.state.faults = {}
    assert not _refresh(ec2, items).failed
    assert (ec2.template.default, ec2.numbers) == (3, [1, 2, 3])


def test_a_faulty_template_is_reported_and_not_recorded_until_a_version_is_right() -> None:
    """Its first version is its default from the start; as it is not recorded, provision does not use it."""
    ec2, items = _Ec2(), Items()
    ec2.account.state.faults = {IMAGE: FAULT}
    report = _refresh(ec2, items)
    (refusal,) = report.refusals
    assert all(each in refusal for each in (CREATE, "InvalidAMIID.NotFound", FAULT))
    assert (report.failed, ec2.account.writes, items.puts) == (True, [CREATE], [])
    assert _refresh(ec2, items).failed
    assert (ec2.numbers, items.puts) == ([1], [])
    ec2.account.state.faults = {}
    assert not _refresh(ec2, items).failed
    assert _version(items) == 1
    assert _refresh(ec2, items).status == "as desired"


def test_every_fault_of_a_version_is_reported() -> None:
    faults = [{"Code": "A", "Message": "first"}, {"Code": "B", "Message": "second"}, {}]
    assert apply.fault_in({"Warning": {"Errors": faults}}) == ("A", "first B: second; Unknown:")
    assert apply.fault_in({}) is None


def test_versions_are_listed_newest_first_whatever_ec2s_order() -> None:
    listing = observe.listing([{"VersionNumber": each, "DefaultVersion": each == 2} for each in (2, 3, 1)])
    assert [(version.number, version.default) for version in listing.versions] == [(3, False), (2, True), (1, False)]


def test_old_versions_of_every_page_are_deleted_200_at_a_time_and_the_default_stays() -> None:
    ec2 = _with(*[RIGHT] * 300)
    assert not _refresh(ec2, _recorded()).failed
    assert [len(request["Versions"]) for _, request in ec2.account.requests] == [200, 89]
    assert ec2.numbers == [1, *range(291, 301)]


def test_a_version_that_cannot_be_deleted_fails_with_its_number() -> None:
    """EC2 answers such a call with success."""
    ec2 = _with(*[RIGHT] * 12)
    ec2.undeletable = 2
    (failure,) = _refresh(ec2, _recorded()).failures
    assert all(each in str(failure.error) for each in ("launchTemplateVersionInUse", "version 2"))


def test_a_refused_version_leaves_default_and_record_as_they_are() -> None:
    """A full quota of versions must not stop launches."""

    class _Full(_Ec2):
        def create_launch_template_version(self, **_: Any) -> dict[str, Any]:
            raise refused(CREATE_VERSION, "VersionLimitExceeded", "10000 versions")

    ec2, items = _with(WRONG, kind=_Full), Items()
    (failure,) = _refresh(ec2, items).failures
    assert isinstance(failure.error, errors.Rejected)
    assert (ec2.account.writes, items.puts) == ([], [])
