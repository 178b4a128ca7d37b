"""The components: the one list of them, in the order in which people see them and in which they are started.

A component follows those that it waits for (`after`). The list is not in the package's `__init__.py`, which `prefetch`
loads before it asks AWS: components are loaded while AWS answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.reconciler import (
    abandoned_runs,
    daily_summary,
    door_settings,
    garbage_collector,
    launch_template,
    orphaned_artifacts,
    parameters,
    registration_token,
    resource_pools,
    runner_registrations,
    runner_release,
    state_table,
    stranded_jobs,
    warm_pool,
)

if TYPE_CHECKING:
    from refresh.engine.registration import Registration
    from refresh.reconciler.dependencies import Dependencies

COMPONENTS: tuple[Registration[Dependencies], ...] = (
    state_table.COMPONENT,
    runner_release.COMPONENT,
    launch_template.COMPONENT,
    resource_pools.COMPONENT,
    parameters.COMPONENT,
    registration_token.COMPONENT,
    door_settings.COMPONENT,
    garbage_collector.COMPONENT,
    abandoned_runs.COMPONENT,
    stranded_jobs.COMPONENT,
    warm_pool.COMPONENT,
    runner_registrations.COMPONENT,
    orphaned_artifacts.COMPONENT,
    daily_summary.COMPONENT,
)
