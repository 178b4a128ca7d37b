"""docs/migrating.md and its reference are right about workflows, inputs, the quoted plan and IAM.

`tests/components/test_takeover.py` takes over a pool and tests what is refused; `tests/contract/test_wire.py` tests
that the original can read what is written; `tests/components/test_isolation.py` and `tests/faults` deny actions;
`tests/simulation/test_half_moved.py` tests the combinations, and `test_migrating_builds.py` the changes of builds.
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
from refresh.desired import DesiredState, Mode
from refresh.output import change_list
from refresh.pool import records
from refresh.reconciler.garbage_collector import skip_reasons
from tests import pages
from tests.fakes import canaries
from tests.fakes.desired import TABLE, TEMPLATE
from tests.fakes.literals import good
from tests.simulation.worlds import LATER, build
from tools.generated.roles import PROVISION, REFRESH, RELEASE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from refresh.engine.report import Report
    from tests.simulation.pool import Pool

ROOT = Path(__file__).parents[2]
PAGE, REFERENCE = (pages.page(f"docs/{name}.md") for name in ("migrating", "migrating-reference"))
_ORIGINALS_POLICY = re.compile(
    r"ec2:(.*LaunchTemplate.*|Describe.*|CreateTags|TerminateInstances|CreateFleet|RunInstances)|iam:PassRole|"
    r"sqs:(.*Queue.*|.*Message)|dynamodb:(.*Item|Query|DescribeTable|CreateTable)"
)
"""The actions that the original's documentation allows its three modes."""
_ENDED = f"i-{7:017x}"


DIFF, *_, LAST_DIFF = pages.blocks(PAGE, "diff")
(PLAN_WORKFLOW,), (PLAN_SHOWN,) = (pages.blocks(REFERENCE, each) for each in ("yaml", "text"))
JOB = {"ACTIONS_ID_TOKEN_REQUEST_URL": "https://oidc.example/token", "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}


def _rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading."""
    table = re.findall(r"(?:^\|.*\n)+", page[page.index(f"# {heading}\n") :], re.MULTILINE)[0]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]


def _given(workflow: Any) -> dict[str, str]:
    """Return the inputs of a workflow's last step, with values for its secrets."""
    (job,) = workflow["jobs"].values()
    return {name: re.sub(r"\$\{\{.*?}}", canaries.PAT, text) for name, text in job["steps"][-1]["with"].items()}


def _load(given: dict[str, str]) -> inputs.Inputs:
    return inputs.load(good(**JOB, **{f"INPUT_{name.upper()}": value for name, value in given.items()}))


BEFORE, AFTER, PLAN = pages.side(DIFF, "-"), pages.side(DIFF, "+"), yaml.safe_load(PLAN_WORKFLOW)
INPUTS = {old.strip("`"): new.strip("`") for old, new, _ in _rows(REFERENCE, "Inputs of refresh")}


@pytest.mark.parametrize("workflow", [AFTER, PLAN], ids=["after", "plan"])
def test_new_workflows_are_valid_and_have_what_a_refresh_needs(workflow: Any, tmp_path: Path) -> None:
    """One run at a time, a time-out, an OIDC token, and inputs that cause no warning."""
    path = tmp_path / "workflow.yml"
    # YAML 1.1 reads the key `on` as true.
    path.write_text(json.dumps({"on" if key is True else key: value for key, value in workflow.items()}))
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(path)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - of this environment
    assert checked.returncode == 0, checked.stdout
    (job,) = workflow["jobs"].values()
    assert workflow["concurrency"] == {"group": "refresh", "cancel-in-progress": False}
    permissions = {**workflow["permissions"], **job.get("permissions", {})}
    assert permissions == {"actions": "read", "contents": "read", "id-token": "write"}
    assert job["timeout-minutes"] <= 10
    assert set(_given(workflow)) <= {*inputs.REQUIRED, *inputs.OPTIONAL}
    assert _load(_given(workflow)).warnings == ()


def test_inputs_of_the_old_step_mean_the_same_in_the_new_workflows() -> None:
    """So changing the `uses:` line is enough, and the plan is that of the run that follows."""
    before, after, plan = (_load(_given(workflow)) for workflow in (BEFORE, AFTER, PLAN))
    assert evolve(after.desired, role=None) == before.desired
    assert evolve(after.desired, mode=Mode.PLAN, role=plan.desired.role) == plan.desired


def test_last_step_is_an_input_of_refresh() -> None:
    (step,) = pages.side(LAST_DIFF, "+")
    assert not _load({**_given(AFTER), **step["with"], "original-modes": "false"}).desired.original_modes
    assert step["with"] == {"original-modes": False}


def test_table_of_inputs_is_complete() -> None:
    """It also has two inputs of other releases of the original."""
    others = {"actions-runner-version", "table-name"}
    assert set(INPUTS) == {*_given(BEFORE), *inputs.DEPRECATED, *inputs.IGNORED, *others}


@pytest.mark.parametrize(("old", "new"), INPUTS.items())
def test_input_of_the_original_is_accepted_as_the_table_says(old: str, new: str) -> None:
    """A deprecated name warns with the new one, an input of another mode causes a notice, all others are silent."""
    examples = {"table-name": TABLE, "actions-runner-version": "2.335.1", "instance-count": "2", "usage-class": "spot"}
    given = {name: value for name, value in _given(AFTER).items() if name != new}
    loaded = _load({**given, old: {"allowed-instance-types": "c* m*", **examples, **_given(BEFORE)}[old]})
    reported = " ".join((*loaded.warnings, *loaded.notices))
    if old in inputs.DEPRECATED:
        assert re.fullmatch(f"{old}: .*{new}.*", reported)
    elif old in inputs.IGNORED:
        assert (new, reported.partition(":")[0], loaded.warnings) == ("-", old, ())
    else:
        assert (new, reported) == (old if old in inputs.ALL else "-", "")


def test_every_old_way_back_is_an_accepted_input() -> None:
    """The last column of what is different."""
    ways = dict(
        re.findall(
            r"`([a-z-]+): ([^`]+)`", " ".join(row[-1] for row in _rows(REFERENCE, "What is different afterwards"))
        )
    )
    assert len(ways) > 5
    assert _load({**_given(AFTER), **ways}).warnings == ()


def _template(desired: DesiredState) -> dict[str, Any]:
    """Return the content of the original's template."""
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
    """Return the values as the original stores them: with fractions in the token's times, without the template's id."""
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
    """Return a pool of the original: twelve versions, a forgotten instance, and the record of an ended one."""
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


def _lines(report: Report) -> Iterator[str]:
    """Return the lines of the log, without durations."""
    for each in report.components:
        yield f"{each.name}: {each.status}"
        yield from (f"  {line}" for line in change_list.planned(each.planned, each.following))
        yield from (f"warning: {each.name}: {text}" for text in each.warnings)


def test_quoted_plan_is_that_of_a_run(pool: Pool) -> None:
    """In the same order; `...` stands for the rest of a line, and whole lines may be left out."""
    lines = _lines(pool.run(mode=Mode.PLAN))
    for quoted in PLAN_SHOWN.splitlines():
        pattern = re.escape(quoted).replace(re.escape("..."), ".*")
        assert any(re.fullmatch(pattern, line) for line in lines), quoted
    assert pool.account.writes == []


def test_page_quotes_what_may_fail_the_first_run() -> None:
    for each in (skip_reasons.UNRECORDED, skip_reasons.EMPTIED):
        assert each.fails
        assert f"`{each.problem[:30]}" in PAGE


def test_page_names_the_iam_actions_that_the_policy_of_the_original_lacks() -> None:
    actions = {action: call for call in REFRESH.values() for action, _ in call.actions()}
    lacking = {action for action in actions if not _ORIGINALS_POLICY.fullmatch(action)}
    always = {action for action in lacking if any(not each.only_with for each in actions[action].needs)}
    assert always <= set(re.findall(r"`(\w+:\w+)`", " ".join(row[0] for row in _rows(PAGE, "IAM")))) <= lacking


def test_policy_of_the_original_allows_what_release_and_provision_call() -> None:
    """But for an image that a parameter names, which the page lists."""
    calls = (call for doors in (RELEASE, PROVISION) for call in doors.values())
    actions = {action for call in calls for action, _ in call.actions()}
    assert {each for each in actions if not _ORIGINALS_POLICY.fullmatch(each)} == {"ssm:GetParameters"}
