"""A small desired state as a literal."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from refresh import names
from refresh.desired import DesiredState, ResourceClass

LARGE = ResourceClass("large", 2, 4096)
XLARGE = ResourceClass("xlarge", 4, 8192)
TABLE = "octo-widgets-ci-table"
TEMPLATE = "octo-widgets-ci-launch-template"

_DESIRED = DesiredState(
    repository=names.Repository("octo", "widgets"),
    region="eu-west-1",
    image="ami-0123456789abcdef0",
    instance_profile="runner-profile",
    security_group_ids=("sg-1", "sg-2"),
    subnet_ids=("subnet-1", "subnet-2"),
    resource_classes=(LARGE, XLARGE),
    run_url="https://github.com/octo/widgets/actions/runs/77",
)


def desired(**changes: Any) -> DesiredState:
    """Give the desired state with some fields changed."""
    return evolve(_DESIRED, **changes)
