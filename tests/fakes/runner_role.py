"""The role that the instances of the tests' pools have."""

from __future__ import annotations

ROLE_ID = "AROARUNNERROLE0000000"
"""Its unique id in IAM, in the form that IAM gives such ids."""
