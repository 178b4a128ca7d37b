"""The role that the instances of a pool have."""

from __future__ import annotations

ROLE_ID = "AROARUNNERROLE0000000"
"""Its unique id, with which IAM's `aws:userid` of each instance begins."""
