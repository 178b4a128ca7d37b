"""What the tests of actions share."""

from __future__ import annotations

import os
import sys

import pytest

from refresh.workflow.shutdown import Shutdown
from tests.fakes.literals import good


@pytest.fixture
def shutdown(monkeypatch: pytest.MonkeyPatch) -> Shutdown:
    """Give a run good inputs and credentials, and keep the streams of the test."""
    monkeypatch.setattr(os, "environ", {**good(), "AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"})
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    return Shutdown()
