"""docs/migrating.md holds: its workflows, its inputs, the plan that it quotes, what it says is taken over, and its IAM.

`tests/components/test_takeover.py` takes over a pool on the server that plays AWS, and shows what is refused;
`tests/contract/test_wire.py` that the original's refresh can read what is written.
"""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from attrs import evolve

from refresh import inputs
from refresh.clients import aws_errors
from refresh.desired import DesiredState, Mode
from refresh.output import change_list
from refresh.output.problems import problems
from refresh.pool import records
from refresh.reconciler.garbage_collector import skip_reasons
from tests import pages
from tests.fakes import canaries
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.literals import good
from tests.fakes.memory.account import Watch
from tests.simulation.worlds import LATER, build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.engine.report import Report
    from tests.simulation.pool import Pool

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/migrating.md").read_text()
_ORIGINALS_POLICY = re.compile(
    r"ec2:(.*LaunchTemplate.*|Describe.*|CreateTags|TerminateInstances)|iam:PassRole|sqs:.*Queue.*|"
    r"dynamodb:(.*Item|Query|DescribeTable|CreateTable)"
)
"""What the original's documentation allows to all its modes, as far as refresh is concerned."""
_WORKS, _IDLE, _EXPIRED, _NEVER_READY, _FORGOTTEN, _ENDED = (f"i-{number:017x}" for number in range(2, 8))


def _block(language: str) -> str:
    (found,) = pages.blocks(PAGE, language)
    return found


def _side(sign: str) -> Any:
    """Give the workflow before (-) or after (+) the diff."""
    return yaml.safe_load("".join(line[1:] for line in _block("diff").splitlines(True) if line[0] in (" ", sign)))


def _rows(heading: str) -> list[list[str]]:
    """Give the cells of the first table below a heading."""
    table = re.findall(r"(?:^\|.*\n)+", PAGE[PAGE.index(f"\n## {heading}\n") :], re.MULTILINE)[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def _given(workflow: Any) -> dict[str, str]:
    """Give the inputs of a workflow's last step, with a secret in each secret's place."""
    (job,) = workflow["jobs"].values()
    return {name: re.sub(r"\$\{\{.*?}}", canaries.PAT, text) for name, text in job["steps"][-1]["with"].items()}


def _load(given: dict[str, str]) -> inputs.Inputs:
    job = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://oidc.example/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}
    return inputs.load(good(**job, **{f"INPUT_{name.upper()}": value for name, value in given.items()}))


BEFORE, AFTER, PLAN = _side("-"), _side("+"), yaml.safe_load(_block("yaml"))
INPUTS = {old.strip("`"): new.strip("`") for old, new, _ in _rows("The workflow")}


@pytest.mark.parametrize("workflow", [BEFORE, AFTER, PLAN], ids=["before", "after", "plan"])
def test_each_workflow_is_one_that_github_takes(workflow: Any, tmp_path: Path) -> None:
    """By the schema of workflows; YAML 1.1 reads the key `on` as true."""
    path = tmp_path / "workflow.yml"
    path.write_text(json.dumps({"on" if key is True else key: value for key, value in workflow.items()}))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - of this environment
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("workflow", [AFTER, PLAN], ids=["after", "plan"])
def test_the_new_workflows_have_what_a_refresh_needs_and_no_old_names(workflow: Any) -> None:
    """One run at a time, a time-out, an OIDC token, and inputs that are taken without a word."""
    (job,) = workflow["jobs"].values()
    assert workflow["concurrency"] == {"group": "refresh", "cancel-in-progress": False}
    assert {**workflow["permissions"], **job.get("permissions", {})} == {"contents": "read", "id-token": "write"}
    assert job["timeout-minutes"] <= 10
    assert set(_given(workflow)) <= {*inputs.REQUIRED, *inputs.OPTIONAL}
    assert _load(_given(workflow)).warnings == ()


def test_the_old_step_s_inputs_mean_the_same_as_the_new_one_s() -> None:
    """So the `uses:` line alone would do, and the plan is of the run that follows."""
    before, after, plan = (_load(_given(workflow)) for workflow in (BEFORE, AFTER, PLAN))
    assert evolve(after.desired, role=None) == before.desired
    assert evolve(after.desired, mode=Mode.PLAN, role=plan.desired.role) == plan.desired


def test_the_table_of_inputs_has_every_input_of_the_original() -> None:
    """Those of the step before, the ones that are known here, and the two that other releases have."""
    others = {"actions-runner-version", "table-name"}
    assert set(INPUTS) == {*_given(BEFORE), *inputs.DEPRECATED, *inputs.IGNORED, *others}


@pytest.mark.parametrize(("old", "new"), INPUTS.items())
def test_an_input_of_the_original_is_taken_as_the_table_says(old: str, new: str) -> None:
    """Under the same name in silence, under an old one with the new one named, as another mode's with a notice."""
    examples = {"table-name": TABLE, "actions-runner-version": "2.335.1", "instance-count": "2", "usage-class": "spot"}
    given = {name: value for name, value in _given(AFTER).items() if name != new}
    loaded = _load({**given, old: {"allowed-instance-types": "c* m*", **examples, **_given(BEFORE)}[old]})
    told = [*loaded.warnings, *loaded.notices]
    if old in inputs.DEPRECATED:
        assert told == [f"{old}: is deprecated; use {new}."]
    elif old in inputs.IGNORED:
        assert (new, told) == ("-", [f"{old}: belongs to another mode of the original action and is ignored."])
    else:
        assert (new, told) == (old if old in inputs.ALL else "-", [])


def test_each_old_way_back_is_an_input_that_is_taken() -> None:
    """The last column of what is different."""
    ways = dict(re.findall(r"`([a-z-]+): ([^`]+)`", " ".join(row[-1] for row in _rows("What is different afterwards"))))
    assert len(ways) == 7
    assert _load({**_given(AFTER), **ways}).warnings == ()


def _template(desired: DesiredState) -> dict[str, Any]:
    """Give what the original's template holds."""
    enabled = dict.fromkeys(("HttpEndpoint", "InstanceMetadataTags"), "enabled")
    others = {"HttpTokens": "required", "HttpPutResponseHopLimit": 10, "HttpProtocolIpv6": "disabled"}
    return {
        "ImageId": desired.image,
        "IamInstanceProfile": {"Name": desired.instance_profile},
        "SecurityGroupIds": list(desired.security_group_ids),
        "UserData": base64.b64encode(b"#!/bin/bash\n\n### INITIAL STEPS:\n").decode(),
        "MetadataOptions": {**enabled, **others},
    }


def _metadata(pool: Pool) -> dict[str, Any]:
    """Give the values as the original stores them: times of the token with fractions, no id of the template."""
    wanted, queues = pool.desired, (f"octo-widgets-{each.name}-ci-pool" for each in pool.desired.resource_classes)
    create, visible = pool.sqs.create_queue, {"VisibilityTimeout": "30"}
    urls = [create(QueueName=queue, Attributes=visible)["QueueUrl"] for queue in queues]
    issued, ends = (pool.in_time(seconds).replace("Z", ".123Z") for seconds in (-600, 3000))
    return {
        "idle_time_sec": int(wanted.max_idle_time.total_seconds()),
        "max_runtime_min": int(wanted.max_runtime.total_seconds()) // 60,
        "subnet_ids": wanted.subnet_ids,
        "gh_registration_token": {"token": canaries.PAT, "timestamp": issued, "expires_at": ends},
        "resource_class_config": {
            each.name: {"cpu": each.cpu, "mmem": each.memory_mib, "queueUrl": url}
            for each, url in zip(wanted.resource_classes, urls, strict=True)
        },
        "launch_template": {"name": TEMPLATE, "ami": wanted.image, "userDataHash": "a" * 64, "userData": ""},
    }


@pytest.fixture
def pool() -> Pool:
    """Give a pool as the original leaves it: twelve versions, a forgotten instance, and the record of an ended one."""
    pool = build("table only")
    pool.desired = _load(_given(AFTER)).desired
    data = _template(pool.desired)
    pool.ec2.create_launch_template(LaunchTemplateName=TEMPLATE, LaunchTemplateData=data)
    template = pool.account.state.templates[TEMPLATE]
    template.versions, template.default, template.latest = dict.fromkeys(range(1, 13), data), 12, 12
    for identifier, value in _metadata(pool).items():
        pool.table.put(records.item(records.METADATA, identifier, pool.account.clock.now(), value=value))
    pool.account.clock.moment += LATER
    pool.record(pool.launch(), state="running", runId="42", threshold=pool.in_time(1200))
    pool.record(pool.launch(), threshold=pool.in_time(200))
    pool.record(pool.launch())
    pool.record(pool.launch(), state="created", runId="41", threshold=pool.in_time(-1800))
    for instance, seconds in ((pool.launch(), -10_800), (_ENDED, -777_600)):
        pool.record(instance, state=records.TERMINATED, threshold=pool.in_time(seconds), written=seconds)
    pool.account.requests.clear()
    return pool


def _told(report: Report) -> Iterator[str]:
    """Give the lines of the log, without how long each took."""
    for each in report.components:
        yield f"{each.name}: {each.status}"
        yield from (f"  {line}" for line in change_list.planned(each.planned, each.following))
        yield from (f"warning: {each.name}: {text}" for text in each.warnings)


def test_the_plan_that_is_quoted_is_what_a_run_says(pool: Pool) -> None:
    """Each line in its place; `...` stands for the rest of one, and whole lines may be left out."""
    lines = _told(pool.run(mode=Mode.PLAN))
    for quoted in _block("text").splitlines():
        pattern = re.escape(quoted).replace(re.escape("..."), ".*")
        assert any(re.fullmatch(pattern, line) for line in lines), quoted
    assert pool.account.writes == []


def test_the_pool_is_taken_over_as_the_page_says(pool: Pool) -> None:
    """Nothing is made anew, who is within their time goes on, and what was left behind is cleaned."""
    assert pool.run().exit_code == 0
    assert not {"dynamodb:CreateTable", "ec2:CreateLaunchTemplate", "sqs:CreateQueue"} & set(pool.account.writes)
    template = pool.account.state.templates[TEMPLATE]
    assert (template.id, template.default, sorted(template.versions)) == ("lt-" + f"{1:017x}", 13, [*range(4, 14)])
    assert {queue.attributes["VisibilityTimeout"] for queue in pool.account.state.queues.values()} == {"30"}
    assert (pool.table.protected, pool.table.time_to_live is not None) == (False, True)
    assert {"id", "version", "formerIds"} < set(pool.table.of("METADATA")["launch_template"]["value"]["M"])
    pool.account.clock.sleep(120)
    assert pool.run().exit_code == 0
    states = {identifier: item["state"]["S"] for identifier, item in pool.table.of("INSTANCE").items()}
    assert states == {_WORKS: "running", _IDLE: "idle"}
    assert set(pool.table.of("HEARTBEAT")) == set(states)
    assert set(pool.table.of("HISTORY")) == {_EXPIRED, _NEVER_READY, _FORGOTTEN, _ENDED}


def test_what_may_fail_the_first_run_is_said_in_these_words() -> None:
    """The collector's own."""
    page = " ".join(PAGE.split())
    assert all(each.fails and f"`{each.problem}`" in page for each in (skip_reasons.UNRECORDED, skip_reasons.EMPTIED))


def test_the_page_names_the_iam_actions_that_the_original_s_policy_lacks() -> None:
    """Those of the refresh job's policy that no pattern of the original's matches."""
    policy = json.loads((ROOT / "docs/iam/refresh.json").read_text())
    actions = (each["Action"] for each in policy["Statement"])
    allowed = {one for each in actions for one in ([each] if isinstance(each, str) else each)}
    lacking = {each for each in allowed if not _ORIGINALS_POLICY.fullmatch(each)}
    assert set(re.findall(r"`(\w+:\w+)`", " ".join(row[0] for row in _rows("IAM")))) == lacking


@pytest.mark.parametrize("denied", ["DescribeTimeToLive", "UpdateTimeToLive"])
def test_without_an_action_for_the_time_to_live_a_run_does_what_the_page_says(pool: Pool, denied: str) -> None:
    """All else, and it says what is missing."""

    class Denial(Watch):
        def before(self, number: int, operation: str) -> None:  # noqa: ARG002 - the protocol's shape
            if operation == f"dynamodb:{denied}":
                raise aws_errors.from_aws(
                    operation, 400, {"Error": {"Code": "AccessDeniedException", "Message": "denied"}}
                )

    pool.account.seam = Denial()
    report = pool.run()
    assert [component.name for component in report.failed] == ["state table"]
    assert f"Allow dynamodb:{denied} in the IAM policy" in " ".join(map(str, problems(report.failed[0])))
    pool.account.seam = Watch()
    assert pool.run().exit_code == 0
