"""How EC2 bills an instance; records have the value.

https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instance-purchasing-options.html
"""

from __future__ import annotations

from enum import Enum


class UsageClass(Enum):
    """On-demand instances run until they are terminated; EC2 may reclaim spot instances at any time."""

    ON_DEMAND = "on-demand"
    SPOT = "spot"
