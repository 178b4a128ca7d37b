"""The CloudWatch dashboard of a pool: the template's section, and the file that the Terraform module reads.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from refresh.output.metrics import NAMESPACE
from tools.generated.pieces import Piece, Section, WholeFile
from tools.generated.policies import TEMPLATE

if TYPE_CHECKING:
    from collections.abc import Iterator

POOL, REGION = "OWNER/REPO", "REGION"
"""Placeholders, which Terraform replaces."""
PATH = "docs/terraform/dashboard.json"
_WIDTH, _HEIGHT = 12, 6
_HOUR, _SHORT = 3600, 900
"""Periods in seconds: of sums, and of values that a run measures every few minutes."""


def pieces() -> Iterator[Piece]:
    """Write the dashboard for both."""
    yield WholeFile(PATH, body())
    # In a template, `${!` stands for the `${` of a label.
    substituted = body().replace("${", "${!").replace(POOL, "${Owner}/${Repository}").replace(REGION, "${AWS::Region}")
    lines = "\n".join(f"        {line}" for line in substituted.splitlines())
    yield Section(TEMPLATE, "dashboard", f"      DashboardBody: !Sub |\n{lines}")


def body() -> str:
    """Write the dashboard as CloudWatch takes it."""
    lines = ",\n".join(_widget(number, *each) for number, each in enumerate(_contents()))
    return f'{{\n  "widgets": [\n{lines}\n  ]\n}}\n'


def _contents() -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """Yield each widget's properties with its metrics."""
    summed = {"stat": "Sum", "period": _HOUR}
    yield {"title": "Runs and failures an hour", **summed}, [_metric("Runs"), _metric("Failed")]
    yield {"title": "Instances by class and state", "stacked": True}, [_search("Instances", "Average", "State")]
    yield {"title": "Ended instances an hour, and those cut off", **summed}, [_metric("Ended"), _metric("CutOff")]
    yield {"title": "Machines of min-idle that are missing"}, [_search("WarmMissing", "Maximum")]
    token = {"title": "Seconds for which the registration token is valid", "stat": "Minimum", "period": _SHORT}
    yield token, [_metric("TokenLifeSeconds")]
    durations = [_metric("DurationSeconds", stat=each, label=each) for each in ("Average", "Maximum")]
    yield {"title": "Seconds that a run takes", "period": _HOUR}, durations


def _metric(name: str, **options: str) -> list[Any]:
    return [NAMESPACE, name, "Pool", POOL, *([options] if options else [])]


def _search(name: str, statistic: str, *dimensions: str) -> list[Any]:
    """Return an expression that finds a metric of every class, also of those that come later."""
    shown = ("ResourceClass", *dimensions)
    schema = ",".join((NAMESPACE, "Pool", *shown))
    found = f"SEARCH('{{{schema}}} MetricName=\"{name}\" Pool=\"{POOL}\"', '{statistic}', {_SHORT})"
    return [{"expression": found, "label": " ".join(f"${{PROP('Dim.{each}')}}" for each in shown)}]


def _widget(number: int, properties: dict[str, Any], metrics: list[Any]) -> str:
    place = {"x": number % 2 * _WIDTH, "y": number // 2 * _HEIGHT, "width": _WIDTH, "height": _HEIGHT}
    given = {"region": REGION, "view": "timeSeries", **properties, "yAxis": {"left": {"min": 0}}}
    shown = ",\n".join(f"        {json.dumps(each)}" for each in metrics)
    return (
        f'    {{ "type": "metric", {json.dumps(place)[1:-1]}, "properties": {{\n'
        f"      {json.dumps(given)[1:-1]},\n"
        f'      "metrics": [\n{shown}\n      ] }} }}'
    )
