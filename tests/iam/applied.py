"""The roles that a tool has made of docs/iam in an account, read back from IAM and compared with the policies."""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING, Any

from refresh.engine.report import Report
from refresh.output import metrics
from refresh.pool.snapshot import InstanceSnapshot, PoolSnapshot
from tests.fakes.desired import ACCOUNT_ID, REGION, desired
from tests.fakes.serial import NOW
from tests.iam import policies

if TYPE_CHECKING:
    from tests.fakes.aws_server import AwsServer


TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT_ID}:oncall"


def roles(aws: AwsServer) -> dict[str, tuple[dict[str, Any], policies.Document]]:
    """Read the policies of all roles, each with its role, by its name."""
    iam = policies.client(aws, "iam")
    found = {}
    for role in iam.list_roles()["Roles"]:
        for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=policy)["PolicyDocument"]
            if isinstance(document, str):
                # moto writes what CloudFormation gives it as Python, with a None where AWS::NoValue leaves nothing.
                document = ast.literal_eval(document)
                document["Statement"] = [statement for statement in document["Statement"] if statement]
            found[policy] = (role, document)
    return found


def require_roles(
    aws: AwsServer, *, plan_only_job: str, doors_job: str, longest_session: int, image_parameter: str
) -> dict[str, str]:
    """Compare everything that can be asked for with docs/iam; return the names of the roles by their policies."""
    found = roles(aws)
    runner = found["instance-profile"][0]["RoleName"]
    expected = {
        **dict.fromkeys(("refresh", "refresh-launches", "refresh-metrics"), policies.trust()),
        "plan-only": policies.trust(job=plan_only_job),
        "release": policies.doors_trust(job=doors_job),
        "provision": policies.doors_trust(job=doors_job),
        "instance-profile": policies.filled("instance-trust-policy"),
    }
    assert {name: role["AssumeRolePolicyDocument"] for name, (role, _) in found.items()} == expected
    assert {name: policy for name, (_, policy) in found.items()} == {
        name: policies.filled(name, runner_role=runner) for name in expected
    }
    assert {found[name][0]["MaxSessionDuration"] for name in expected if name != "instance-profile"} == {
        longest_session
    }
    assert {found[name][0]["RoleName"] for name in expected if name.startswith("refresh")} == {
        found["refresh"][0]["RoleName"]
    }
    iam = policies.client(aws, "iam")
    version = iam.get_policy_version(PolicyArn=image_parameter, VersionId="v1")["PolicyVersion"]
    assert version["Document"] == policies.filled("image-parameter")
    (profile,) = iam.list_instance_profiles()["InstanceProfiles"]
    assert [role["RoleName"] for role in profile["Roles"]] == [runner]
    return {"profile": profile["InstanceProfileName"], **{name: role["RoleName"] for name, (role, _) in found.items()}}


def alarms(aws: AwsServer) -> list[dict[str, Any]]:
    """Read all alarms."""
    found: list[dict[str, Any]] = policies.client(aws, "cloudwatch").describe_alarms()["MetricAlarms"]
    return found


def require_alarms(aws: AwsServer) -> None:
    """Compare the alarms with what a run sends: the same names and dimensions, or they would watch nothing."""
    found = {each["MetricName"]: each for each in alarms(aws)}
    sent = {each["MetricName"]: each for each in metrics.metric_data(Report((), desired=desired()))}
    for each in found.values():
        assert each["Namespace"] == metrics.NAMESPACE
        assert each["Dimensions"] == sent[each["MetricName"]]["Dimensions"]
        assert each["AlarmActions"] == each["OKActions"] == [TOPIC]
        assert each["Statistic"] == "Sum"
    judged = ("ComparisonOperator", "Threshold", "Period", "EvaluationPeriods", "TreatMissingData")
    assert {name: tuple(each[key] for key in judged) for name, each in found.items()} == {
        "Runs": ("LessThanThreshold", 1, 3600, 1, "breaching"),
        "Failed": ("GreaterThanOrEqualToThreshold", 1, 1800, 1, "notBreaching"),
    }


def require_dashboard(body: str, region: str = REGION) -> None:
    """Compare what a dashboard shows with what a run sends: metrics of other names or dimensions would stay empty."""
    seen = InstanceSnapshot(id="i-1", state="idle", ec2_state="running", resource_class="large")
    pool = PoolSnapshot(instances=(seen,), token_expires_at=NOW)
    report = Report((), desired=desired(min_idle=(("large", 1),)), pool=pool, started_at=NOW, finished_at=NOW)
    sent = {
        (each["MetricName"], tuple(one["Name"] for one in each["Dimensions"])) for each in metrics.metric_data(report)
    }
    shown = set()
    for widget in json.loads(body)["widgets"]:
        assert widget["properties"]["region"] == region
        for namespace, *named in map(_named, widget["properties"]["metrics"]):
            assert (namespace, named.pop()) == (metrics.NAMESPACE, "octo/widgets")
            shown.add((named[0], tuple(named[1:])))
    assert shown <= sent
    assert sent - shown == {("Changes", ("Pool",)), ("Instances", ("Pool",))}
    assert not re.search("OWNER|REPO|REGION|[$]{(?!PROP)", body)


def _named(metric: list[Any]) -> tuple[str, ...]:
    """Return a metric's namespace, name, the names of its dimensions, and the pool."""
    if isinstance(metric[0], str):
        namespace, name, dimension, pool = metric[:4]
        return namespace, name, dimension, pool
    found = re.fullmatch(
        r"""SEARCH\('{(\w+),([\w,]+)} MetricName="(\w+)" Pool="([^"]+)"', '(?:Average|Maximum)', \d+\)""",
        metric[0]["expression"],
    )
    assert found, metric
    return found[1], found[3], *found[2].split(","), found[4]
