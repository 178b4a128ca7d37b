"""How EC2 bills an instance; records have the value.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-purchasing-options.html
"""

from __future__ import annotations

from enum import Enum


class UsageClass(Enum):
    """On-demand instances run until somebody ends them; EC2 may take spot instances back at any time."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
