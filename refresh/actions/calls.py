"""The calls that actions make by themselves; a run does not import this module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.output.metrics import NAMESPACE
from refresh.pool.permissions import Needs, Statement

if TYPE_CHECKING:
    from refresh.pool.permissions import Calls

METRICS = Statement("SendMetrics", ("*",), {"StringEquals": {"cloudwatch:namespace": NAMESPACE}})
"""CloudWatch has no resources for metrics; the namespace is what can be limited."""

CALLS: Calls = {
    "cloudwatch:PutMetricData": Needs("the metrics of the run, at its end", METRICS, only_with="metrics", writes=True),
}
