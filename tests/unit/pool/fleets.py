"""Fleets that the tests of launches ask for."""

from __future__ import annotations

from attrs import evolve

from refresh.pool.launch import Fleet
from refresh.pool.usage import UsageClass

ON_DEMAND = Fleet(
    template_id="lt-0",
    subnet_ids=("subnet-a", "subnet-b"),
    cpu=2,
    memory_mib=4096,
    instance_types=("c*", "m*"),
    usage_class=UsageClass.ON_DEMAND,
    count=2,
    max_price_over_lowest=100,
    label="42-web",
    client_token="token",
)
SPOT = evolve(ON_DEMAND, usage_class=UsageClass.SPOT)
