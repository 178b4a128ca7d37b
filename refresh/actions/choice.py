"""Runs the action of a name. Only its own module is loaded: no action pays for the code of another."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from refresh.inputs import table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refresh.workflow.commands import Commands
    from refresh.workflow.shutdown import Shutdown

ACTIONS = (table.REFRESH, table.RELEASE, table.PROVISION)
"""The names of the actions; the module `refresh.actions.<name>` has the action."""


def run(name: str, environ: Mapping[str, str], commands: Commands, shutdown: Shutdown) -> int:
    """Run one of `ACTIONS` and return the exit code."""
    action: Callable[[Mapping[str, str], Commands, Shutdown], int] = import_module(f"refresh.actions.{name}").run
    return action(environ, commands, shutdown)
