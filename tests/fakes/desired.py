"""A small desired state as a literal, and what it names."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from refresh.desired import DesiredState, ResourceClass
from refresh.pool import names

REPOSITORY = names.Repository("octo", "widgets")
TABLE = names.table(REPOSITORY)
TEMPLATE = names.launch_template(REPOSITORY)
LARGE_QUEUE = names.queue(REPOSITORY, "large")
REGION = "eu-west-1"
ACCOUNT_ID = "123456789012"
IMAGE = "ami-0123456789abcdef0"
OTHER_IMAGE = "ami-0fffffffffffffff0"
PROFILE = "runner-profile"
RUN_URL = "https://github.com/octo/widgets/actions/runs/77"
LARGE = ResourceClass("large", 2, 4096)
XLARGE = ResourceClass("xlarge", 4, 8192)

_DESIRED = DesiredState(
    repository=REPOSITORY,
    region=REGION,
    image=IMAGE,
    instance_profile=PROFILE,
    security_group_ids=("sg-1", "sg-2"),
    subnet_ids=("subnet-1", "subnet-2"),
    resource_classes=(LARGE, XLARGE),
    run_url=RUN_URL,
)


def desired(**changes: Any) -> DesiredState:
    """Give the desired state with some fields changed."""
    return evolve(_DESIRED, **changes)
