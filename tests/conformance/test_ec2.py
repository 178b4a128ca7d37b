"""EC2 as refresh relies on it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest

from refresh import errors

if TYPE_CHECKING:
    from tests.conformance.conftest import Backend

UNKNOWN = "i-0fffffffffffffff0"
DATA = {"ImageId": "ami-0123456789abcdef0"}


def _state(backend: Backend, instance_id: str) -> str | None:
    found = backend.ec2.describe_instances(
        Filters=[{"Name": "instance-id", "Values": [instance_id, UNKNOWN]}], MaxResults=1000
    )
    states = [each["State"]["Name"] for reservation in found["Reservations"] for each in reservation["Instances"]]
    return states[0] if states else None


def _launch(backend: Backend, **more: Any) -> str:
    assert backend.launch is not None
    return backend.launch(**more)


def test_a_filter_gives_what_exists(backend: Backend) -> None:
    """An unknown id in it fails nothing."""
    assert _state(backend, _launch(backend)) in {"pending", "running"}
    assert _state(backend, UNKNOWN) is None


def test_one_unknown_id_keeps_every_instance_alive(backend: Backend) -> None:
    """The error names it."""
    known = _launch(backend)
    with pytest.raises(errors.NotFound, match=UNKNOWN):
        backend.ec2.terminate_instances(InstanceIds=[known, UNKNOWN])
    assert _state(backend, known) in {"pending", "running"}


@pytest.mark.wrong_on(moto="terminated at the next look")
def test_a_terminated_instance_shuts_down_first(backend: Backend) -> None:
    """Nothing of it may be deleted before it has ended."""
    instance_id = _launch(backend)
    answer = backend.ec2.terminate_instances(InstanceIds=[instance_id])
    assert answer["TerminatingInstances"][0]["CurrentState"]["Name"] == "shutting-down"
    assert _state(backend, instance_id) == "shutting-down"
    backend.wait(120)
    assert _state(backend, instance_id) == "terminated"


def test_terminating_twice_is_no_error(backend: Backend) -> None:
    """A rerun after a crash does it."""
    instance_id = _launch(backend)
    backend.ec2.terminate_instances(InstanceIds=[instance_id])
    again = backend.ec2.terminate_instances(InstanceIds=[instance_id])
    assert again["TerminatingInstances"][0]["CurrentState"]["Name"] in {"shutting-down", "terminated"}


@pytest.mark.wrong_on(moto="it ends protected instances")
def test_a_protected_instance_keeps_its_zone_alive(backend: Backend) -> None:
    """And is refused by itself."""
    protected, neighbour = _launch(backend, protected=True), _launch(backend)
    with pytest.raises(errors.Rejected) as caught:
        backend.ec2.terminate_instances(InstanceIds=[protected, neighbour])
    assert caught.value.code == "OperationNotPermitted"
    assert _state(backend, neighbour) in {"pending", "running"}
    backend.ec2.terminate_instances(InstanceIds=[neighbour])


def _template(backend: Backend, name: str) -> str:
    backend.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=DATA)
    return str(_versions(backend, name)[0]["LaunchTemplateId"])


def _versions(backend: Backend, name: str) -> list[Any]:
    found = backend.ec2.describe_launch_template_versions(LaunchTemplateName=name, MaxResults=200)
    return sorted(found["LaunchTemplateVersions"], key=lambda each: each["VersionNumber"])


def test_template_names_are_unique(backend: Backend, unique: str) -> None:
    """So creating it can be repeated."""
    with pytest.raises(errors.NotFound):
        _versions(backend, unique)
    _template(backend, unique)
    with pytest.raises(errors.AlreadyExists):
        _template(backend, unique)
    (version,) = _versions(backend, unique)
    assert version["DefaultVersion"]


def test_a_new_version_is_not_the_default(backend: Backend, unique: str) -> None:
    """Until it is moved there, and only to one that exists."""
    template_id = _template(backend, unique)
    backend.ec2.create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData=DATA)
    assert [each["DefaultVersion"] for each in _versions(backend, unique)] == [True, False]
    with pytest.raises(errors.ApiError):
        backend.ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion="3")
    backend.ec2.modify_launch_template(LaunchTemplateId=template_id, DefaultVersion="2")
    assert [each["DefaultVersion"] for each in _versions(backend, unique)] == [False, True]


@pytest.mark.wrong_on(moto="a new version each time")
def test_the_same_client_token_gives_the_same_version(backend: Backend, unique: str) -> None:
    """A lost answer must not leave two."""
    template_id = _template(backend, unique)
    for _ in range(2):
        backend.ec2.create_launch_template_version(
            LaunchTemplateId=template_id, LaunchTemplateData=DATA, ClientToken=unique
        )
    assert len(_versions(backend, unique)) == 2


@pytest.mark.wrong_on(moto="it has no DeleteLaunchTemplateVersions")
def test_the_default_version_cannot_be_deleted(backend: Backend, unique: str) -> None:
    """The answer names it; the others go."""
    template_id = _template(backend, unique)
    backend.ec2.create_launch_template_version(LaunchTemplateId=template_id, LaunchTemplateData=DATA)
    answer = backend.ec2.delete_launch_template_versions(LaunchTemplateId=template_id, Versions=["1", "2"])
    assert [each["VersionNumber"] for each in answer["UnsuccessfullyDeletedLaunchTemplateVersions"]] == [1]
    assert len(_versions(backend, unique)) == 1


@pytest.mark.wrong_on(moto="it takes any size")
def test_user_data_has_16384_bytes_at_most(backend: Backend, unique: str) -> None:
    """Counted before base64."""

    def data(size: int) -> dict[str, str]:
        return {**DATA, "UserData": base64.b64encode(b"#" * size).decode()}

    backend.ec2.create_launch_template(LaunchTemplateName=unique, LaunchTemplateData=data(16_384))
    with pytest.raises(errors.Rejected):
        backend.ec2.create_launch_template(LaunchTemplateName=f"{unique}x", LaunchTemplateData=data(16_385))


@pytest.mark.wrong_on(moto="it takes any name")
def test_template_names_have_allowed_characters(backend: Backend) -> None:
    """Three at least, and no spaces."""
    for name in ("ab", "a b c"):
        with pytest.raises(errors.Rejected):
            backend.ec2.create_launch_template(LaunchTemplateName=name, LaunchTemplateData=DATA)
