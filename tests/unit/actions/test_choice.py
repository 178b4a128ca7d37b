"""Only the module of the action that runs is loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.pages import ROOT

COMMON = ("refresh.actions.main", "refresh.actions.terminal", "refresh.actions.surroundings")
OF_REFRESH = ("refresh.actions.refresh", "refresh.reconciler")
OF_RELEASE = ("refresh.actions.release", "refresh.release")


def _loaded(modules: tuple[str, ...], others: tuple[str, ...]) -> str:
    """Import modules in a new process, and print which of the others that has loaded."""
    program = f"import sys, {', '.join(modules)}; print([each for each in {others!r} if each in sys.modules])"
    printed = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return printed.stdout


@pytest.mark.parametrize(
    ("modules", "others"),
    [
        (COMMON, (*OF_REFRESH, *OF_RELEASE)),
        (("refresh.actions.refresh", "refresh.reconciler.reconciliation", "refresh.output.publish"), OF_RELEASE),
        (
            ("refresh.actions.release", "refresh.release.component", "refresh.output.publish_release"),
            OF_REFRESH,
        ),
    ],
    ids=["the start", "refresh", "release"],
)
def test_nothing_of_another_action_is_loaded(modules: tuple[str, ...], others: tuple[str, ...]) -> None:
    assert _loaded(modules, others) == "[]\n"
