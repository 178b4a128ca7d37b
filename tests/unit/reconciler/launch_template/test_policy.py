"""The launch template's plan: repaired in steps that each leave a template that launches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from attrs import evolve

from refresh import errors
from refresh.agent.user_data import StoredScript
from refresh.desired import RootVolume
from refresh.engine import tagging
from refresh.engine.change import Difference, Plan
from refresh.engine.tagging import TagResource
from refresh.pool import records
from refresh.preflight.image_lookup import RootDevice
from refresh.reconciler.launch_template import content, policy, predict
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
from refresh.reconciler.runner_release.releases import Archive, Release
from tests.fakes.desired import IMAGE, OTHER_IMAGE, TEMPLATE, desired

if TYPE_CHECKING:
    from refresh.engine.change import Change

ID = "lt-0123456789abcdef0"
RELEASE = Release("2.335.1", Archive("https://x/x64.tar.gz", "a" * 64), Archive("https://x/arm64.tar.gz", ""))
ROOT_DEVICE = RootDevice(IMAGE, "/dev/xvda", 8)
TAGS = (("team", "ci"),)
RIGHT = content.comparable(content.desired_data(desired(), RELEASE, None))
WRONG = content.comparable(content.desired_data(desired(image=OTHER_IMAGE), RELEASE, None))
SCRIPT = StoredScript("#!/bin/bash\n" + "\n" * 200_000)
"""For which the user data has no room."""
IMAGE_DIFFERS = Difference("ImageId", OTHER_IMAGE, IMAGE)


def _recorded(template_id: str = ID, version: int = 1, former: tuple[str, ...] = ()) -> dict[str, Any]:
    record = RecordTemplate(template_id, version, former, RIGHT, None)
    return records.to_wire(policy.record_value(desired(), record))


RECORDED = _recorded()


def _listing(*fields: content.Fields, default: int = 1) -> Listing:
    """Give versions with these fields, numbered from 1."""
    versions = [Version(number, number == default, each) for number, each in enumerate(fields, 1)]
    return Listing(ID, tuple(reversed(versions)))


def _change(listing: Listing, recorded: Any = RECORDED, accepted: int | None = None, **wanted: Any) -> Change:
    """Give the only planned change."""
    (change,) = policy.plan(desired(**wanted), Actual(listing, recorded, RELEASE, accepted=accepted)).changes
    return change


@pytest.mark.parametrize(
    ("listing", "recorded", "latest", "before"),
    [
        (_listing(WRONG), RECORDED, 1, WRONG),
        (_listing(WRONG, RIGHT), RECORDED, 2, WRONG),
        (_listing(RIGHT, WRONG, default=2), RECORDED, 2, WRONG),
        (_listing(RIGHT, RIGHT, WRONG, default=3), RECORDED, 3, WRONG),
        (_listing(*[WRONG] * 13), RECORDED, 13, WRONG),
        (_listing(RIGHT, default=0), RECORDED, 1, ()),
        (Listing(ID), RECORDED, 0, ()),
        *(
            (listing, recorded, len(listing.versions), RIGHT)
            for listing in (_listing(RIGHT), _listing(RIGHT, RIGHT))
            for recorded in (None, {"S": "nonsense"}, records.to_wire({"name": TEMPLATE}), _recorded("lt-old"))
        ),
    ],
)
def test_a_version_is_created_unless_a_recorded_default_is_right(
    listing: Listing, recorded: Any, latest: int, before: content.Fields
) -> None:
    """An equal version may be faulty, and so may a template that no run recorded: EC2 reports faults only once."""
    change = _change(listing, recorded)
    assert isinstance(change, CreateVersion)
    assert (change.template_id, change.latest, change.before, change.fields) == (ID, latest, before, RIGHT)
    assert change.differences == content.differences(before, RIGHT)
    assert (str(change), change.note) == (f"create template version of {ID}", f"after version {latest}")


@pytest.mark.parametrize(
    ("listing", "before", "differences"),
    [
        (_listing(WRONG, RIGHT), "1", (IMAGE_DIFFERS,)),
        (_listing(RIGHT, RIGHT, WRONG, default=3), "3", (IMAGE_DIFFERS,)),
        (_listing(RIGHT, default=0), None, content.differences((), RIGHT)),
    ],
)
def test_the_version_that_ec2_accepted_in_this_run_becomes_the_default(
    listing: Listing, before: str | None, differences: tuple[Difference, ...]
) -> None:
    change = _change(listing, accepted=7)
    assert change == SetDefaultVersion(ID, int(before) if before else None, 7)
    assert str(change) == f"set default version of {ID}"
    assert change.differences == (Difference("default", before, "7"), *differences)


def test_a_version_that_ec2_shows_differently_from_what_was_sent_is_reported() -> None:
    """Another version would be no better."""
    with pytest.raises(errors.DidNotConverge, match=r"version 2 .*ImageId.*https://"):
        _change(_listing(RIGHT, WRONG, default=2), accepted=2)


@pytest.mark.parametrize(
    ("recorded", "former", "shown"),
    [
        (None, (), None),
        ({"S": "nonsense"}, (), None),
        (_recorded(version=2), (), f"{ID} version 2"),
        ({"M": {"name": {"S": "old"}, "version": {"N": "7"}}}, (), "old version 7"),
        (_recorded("lt-old", 7, ("lt-older",)), ("lt-older", "lt-old"), "lt-old version 7"),
    ],
)
def test_a_record_that_differs_is_written_and_keeps_former_ids(
    recorded: Any, former: tuple[str, ...], shown: str | None
) -> None:
    """Provision reads the name there; instances of former templates are proven ours by their ids."""
    change = _change(_listing(RIGHT), recorded, accepted=1)
    assert change == RecordTemplate(ID, 1, former, RIGHT, None)
    assert str(change) == "write template record"
    assert change.differences == (Difference("template", shown, f"{ID} version 1"),)


OF_THE_ORIGINAL = records.to_wire({"name": TEMPLATE})


@pytest.mark.parametrize(
    ("recorded", "wanted", "warnings"),
    [
        (OF_THE_ORIGINAL, {"original_modes": False}, (policy.TAKEN_OVER,)),
        (OF_THE_ORIGINAL, {"original_modes": True}, ()),
        *((recorded, {"original_modes": False}, ()) for recorded in (None, RECORDED, _recorded("lt-old"))),
    ],
)
def test_taking_over_a_pool_of_the_archived_action_without_its_modes_is_a_warning(
    recorded: Any, wanted: dict[str, bool], warnings: tuple[str, ...]
) -> None:
    """Its record has no id. The workflows that still use its provision and release would break."""
    planned = policy.plan(desired(**wanted), Actual(_listing(WRONG), recorded, RELEASE))
    assert planned.warnings == warnings


def test_versions_are_pruned_but_the_newest_ten_and_the_default() -> None:
    assert str(_change(_listing(RIGHT, *[WRONG] * 12))) == f"delete template versions 3 2 of {ID}"
    assert policy.plan(desired(), Actual(_listing(RIGHT, *[WRONG] * 10), RECORDED, RELEASE)) == Plan()


@pytest.mark.parametrize(
    ("wanted", "provisioned", "named"),
    [
        (RootVolume(8, None), False, ()),
        (RootVolume(None, "gp2"), False, ()),
        (RootVolume(None, "gp3"), True, ()),
        (RootVolume(7, "gp3"), False, ("root-volume-size", "7 GiB", "8 GiB")),
        (RootVolume(None, "gp2"), True, ("root-volume-type", "gp2", "gp3")),
    ],
)
def test_a_root_volume_that_nothing_could_be_launched_with_is_refused(
    wanted: RootVolume, *, provisioned: bool, named: tuple[str, ...]
) -> None:
    """Before the template is touched: a pool that launches nothing would be worse."""
    actual = Actual(Listing(), None, RELEASE, evolve(ROOT_DEVICE, provisioned=provisioned))
    if not named:
        assert policy.plan(desired(root_volume=wanted), actual).changes
        return
    with pytest.raises(errors.Refused) as refused:
        policy.plan(desired(root_volume=wanted), actual)
    assert all(each in str(refused.value) for each in (*named, IMAGE))


def test_a_template_without_the_desired_root_volume_gets_a_version() -> None:
    wanted = desired(root_volume=RootVolume(50, None))
    right = content.comparable(content.desired_data(wanted, RELEASE, ROOT_DEVICE))
    for fields, planned in ((right, []), (RIGHT, [CreateVersion])):
        plan = policy.plan(wanted, Actual(_listing(fields), RECORDED, RELEASE, ROOT_DEVICE))
        assert [type(change) for change in plan.changes] == planned


def test_a_template_is_created_with_its_tags_and_gets_lost_ones_back() -> None:
    create = _change(Listing(), None, tags=TAGS)
    assert isinstance(create, CreateTemplate)
    assert str(create) == f"create launch template {TEMPLATE}"
    assert (dict(RIGHT).items() <= dict(create.fields).items(), create.tags) == (True, TAGS)
    assert create.differences[-1] == Difference("tag team", None, "ci")
    actual = Actual(_listing(WRONG), RECORDED, RELEASE)
    plan = policy.plan(desired(tags=TAGS), actual)
    assert plan.changes[0] == TagResource(f"launch template {TEMPLATE}", ID, TAGS, ())
    assert [type(each) for each in plan.changes[1:]] == [CreateVersion]
    unread = policy.plan(desired(tags=TAGS), evolve(actual, tags=tagging.Found(unread="no.")))
    assert [TEMPLATE in refusal and "no." in refusal for refusal in unread.refusals] == [True]
    assert [type(each) for each in unread.changes] == [CreateVersion]


@pytest.mark.parametrize(
    ("listing", "accepted"), [(Listing(), None), (_listing(WRONG), None), (_listing(RIGHT), None), (_listing(WRONG), 2)]
)
@pytest.mark.parametrize("stored", [None, StoredScript("edited")])
def test_a_large_script_is_stored_before_a_version_names_it(
    listing: Listing, accepted: int | None, stored: StoredScript | None
) -> None:
    """Even if the default names it already: the item may have been deleted or edited."""
    wanted = desired(pre_runner_script=SCRIPT.text)
    actual = Actual(listing, RECORDED, RELEASE, accepted=accepted, stored=stored)
    (change,) = policy.plan(wanted, actual).changes
    assert change == StoreScript(SCRIPT, None)
    assert str(change) == f"store script {SCRIPT.identifier}"
    before = "6 bytes, sha256 1fb9f4097256" if stored else None
    assert change.differences == (Difference("script", before, f"200012 bytes, sha256 {SCRIPT.sha256[:12]}"),)
    assert "\n\n" not in repr(change)
    then = predict.predict(wanted, actual, [change])
    assert then == evolve(actual, stored=SCRIPT)
    assert not any(isinstance(each, StoreScript) for each in policy.plan(wanted, then).changes)


def test_a_script_that_fits_into_the_user_data_is_not_stored() -> None:
    assert isinstance(_change(_listing(RIGHT), pre_runner_script="true\n"), CreateVersion)


def test_the_prediction_is_what_the_changes_lead_to() -> None:
    tagged, new = desired(tags=TAGS), "(its new id)"
    made = predict.predict(tagged, Actual(Listing(), None, RELEASE), [CreateTemplate(TEMPLATE, WRONG, {}, TAGS)])
    first, second = Version(1, True, WRONG), Version(2, False, RIGHT)
    assert made == Actual(Listing(new, (first,)), None, RELEASE, tags=tagging.Found(TAGS), accepted=1)
    record = RecordTemplate(new, 2, (), RIGHT, None)
    steps: list[TemplateChange] = [
        CreateVersion(new, 1, WRONG, RIGHT, {}),
        SetDefaultVersion(new, 1, 2),
        record,
        TagResource("launch template", new, (("env", "prod"),), ()),
        DeleteVersions(new, (1,)),
    ]
    assert predict.predict(tagged, made, steps[:1]).listing.versions == (second, first)
    assert predict.predict(tagged, made, steps) == Actual(
        Listing(new, (evolve(second, default=True),)),
        records.to_wire(policy.record_value(tagged, record)),
        RELEASE,
        tags=tagging.Found((("env", "prod"), *TAGS)),
        accepted=2,
    )
