"""The image, run as GitHub runs it: the demo's acts, bad input, and what is left for the next step to read."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import jsonschema  # type: ignore[import-untyped] # its stubs are not among our packages
import pytest

from tests.container.conftest import INSIDE
from tests.fakes import app, canaries
from tests.fakes.literals import HOSTILE_FILES, OUTPUTS, TEN_BAD_INPUTS
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.container.hosted import Step
    from tests.container.stage import RemoteStage
    from tests.fakes.world import World

ASSUME = "sts:AssumeRoleWithWebIdentity"
pytestmark = [pytest.mark.xdist_group("container"), pytest.mark.timeout(600)]


def _finished(step: Step, code: int = 0) -> Step:
    assert step.finish() == code, step.printed
    return step


def test_the_acts_of_the_demo(step: Callable[..., Step], stage: RemoteStage, contained: World) -> None:
    """Create everything, change nothing, repair, plan without a write, end what expired and clean up behind it."""
    created = _finished(step())
    clients = contained.clients()
    assert created.outputs["changed"] == "true"
    assert (len(contained.items(clients)), len(contained.queues(clients))) == (9, 7)

    stage.forget_calls()
    unchanged = _finished(step())
    assert (stage.writes, unchanged.outputs["changed"], unchanged.outputs["plan"]) == ([], "false", "[]")
    assert len(stage.calls) <= 14

    clients.ec2.create_launch_template_version(
        LaunchTemplateName=contained.template, LaunchTemplateData={"ImageId": "ami-0fedcba9876543210"}
    )
    clients.ec2.modify_launch_template(LaunchTemplateName=contained.template, DefaultVersion="2")
    repaired = _finished(step())
    assert contained.default_version(clients)["LaunchTemplateData"]["ImageId"] == contained.inputs["ami"]
    assert repaired.outputs["launch-template-version"] == "3"

    *expired, at_work = contained.launch(clients, 4)
    for each in expired:
        contained.record(clients, each)
    contained.record(clients, at_work, state="running", runId="4711", threshold="2999-01-01T00:00:00Z")
    stage.forget_calls()
    planned = _finished(step(mode="plan"))
    assert (stage.writes, planned.outputs["drift"], planned.outputs["changed"]) == ([], "true", "false")

    ended = _finished(step())
    assert sorted(json.loads(ended.outputs["terminated-instance-ids"])) == sorted(expired)
    states = contained.states(clients)
    assert {states[each] for each in expired} == {"terminated"}
    assert states[at_work] == "running"
    assert {each: contained.left(clients, each) for each in expired} == {each: ["HISTORY"] for each in expired}
    assert contained.left(clients, at_work) == ["HEARTBEAT", "INSTANCE", "WS"]


def test_outputs_summary_and_report_are_written_as_github_reads_them(step: Callable[..., Step]) -> None:
    """Outputs, summary and report are files of the runner; secrets are masked first."""
    done = _finished(step())
    assert tuple(done.outputs) == OUTPUTS
    assert "| state table | 🔧 changed 3 |" in done.written("GITHUB_STEP_SUMMARY")
    report = json.loads((done.folder / "workspace" / done.outputs["report-path"]).read_text())
    jsonschema.validate(report, json.loads((ROOT / "docs" / "report.schema.json").read_text()))
    lines = done.printed.splitlines()
    assert lines[0] == f"::add-mask::{canaries.PAT}"
    assert "::add-mask::REG-CANARY-" in done.printed
    assert not [line for line in lines if "CANARY" in line and not line.startswith("::add-mask::")]
    for variable in ("GITHUB_STATE", "GITHUB_ENV", "GITHUB_PATH"):
        assert done.written(variable) == ""


def test_the_image_works_as_an_app_and_in_a_role_and_finds_the_root_volume(
    step: Callable[..., Step], stage: RemoteStage, contained: World
) -> None:
    """It brings what signs as an App, and AWS's models for roles and parameters."""
    image_id = contained.clients().ec2.register_image(Name="runner", RootDeviceName="/dev/sda1")["ImageId"]
    contained.parameter_store().put_parameter(Name="/runners/image", Value=image_id, Type="String")
    environ = {
        **dict.fromkeys(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), ""),
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{INSIDE['GITHUB_API_URL']}/id-token?api-version=2.0",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": canaries.REQUEST,
    }
    wanted = {
        "github_token": "",
        "github_app_id": app.APP_ID,
        "github_app_private_key": stage.app_key,
        "runner_scope": "organization",
        "role_to_assume": "arn:aws:iam::123456789012:role/runner-pool-refresh",
        "ami": "resolve:ssm:/runners/image",
        "root_volume_size": "50",
        "tags": "team=ci",
    }
    stage.forget_calls()
    created = _finished(step(environ, **wanted))
    assert stage.calls[:2] == ["GitHub:GET /id-token?api-version=2.0&audience=sts.amazonaws.com", ASSUME]
    assert "GitHub:POST /orgs/octo/actions/runners/registration-token" in stage.calls
    printed = [line for line in created.printed.splitlines() if not line.startswith("::add-mask::")]
    key_lines = [line for line in stage.app_key.splitlines() if len(line) > 60]
    assert not [line for line in printed if "CANARY" in line or any(each in line for each in key_lines)]
    stage.forget_calls()
    unchanged = _finished(step(environ, **wanted))
    assert (stage.writes, unchanged.outputs["changed"]) == ([], "false")


def test_ten_bad_inputs_are_annotated_and_nothing_is_called(step: Callable[..., Step], stage: RemoteStage) -> None:
    """Exit code 2."""
    stage.forget_calls()
    refused = _finished(step(**TEN_BAD_INPUTS), 2)
    assert stage.calls == []
    assert len(refused.annotations) == len(TEN_BAD_INPUTS)
    for name in TEN_BAD_INPUTS:
        assert any(f"title={name.replace('_', '-')}::" in each for each in refused.annotations), name


def test_an_input_keeps_its_hyphens_on_the_way(step: Callable[..., Step]) -> None:
    """As `INPUT_TABLE-NAME`, which no shell could pass on."""
    refused = _finished(step({"INPUT_TABLE-NAME": "another"}), 2)
    assert "title=table-name::" in "".join(refused.annotations)


@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
def test_an_unwritable_file_is_a_warning(step: Callable[..., Step], variable: str) -> None:
    """The exit code is about AWS; root can write any file, but not into a folder."""
    done = _finished(step({variable: "/github/file_commands"}))
    assert any(each.startswith("::warning") and variable in each for each in done.annotations)


@pytest.mark.shows("A46")
def test_a_hostile_checkout_and_home_change_nothing(step: Callable[..., Step], stage: RemoteStage) -> None:
    """Modules in the working directory are not imported; another action's AWS configuration is not read."""
    _finished(step())
    stage.forget_calls()
    variables = {"PYTHONPATH": "/github/workspace", "PYTHONSTARTUP": "/github/workspace/attr.py"}
    done = _finished(step(variables, HOSTILE_FILES))
    assert (stage.writes, done.outputs["changed"]) == ([], "false")
