"""Only the module of the action that runs is loaded."""

from __future__ import annotations

import subprocess
import sys

from tests.pages import ROOT


def test_the_start_loads_no_action() -> None:
    """An action pays for its own code only."""
    others = ("refresh.actions.refresh", "refresh.actions.release", "refresh.reconciler", "refresh.release")
    program = (
        f"import sys, refresh.actions.main, refresh.actions.terminal, refresh.actions.surroundings;"
        f"print([each for each in {others!r} if each in sys.modules])"
    )
    printed = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"
