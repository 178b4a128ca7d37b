"""What differs between the partitions of AWS in the documents of docs/iam: ARNs, and the names of services."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import botocore

from refresh.clients import role
from tests.fakes.desired import ACCOUNT_ID
from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Mapping


def _regions() -> Mapping[str, str]:
    known = json.loads((Path(botocore.__file__).parent / "data" / "partitions.json").read_text())["partitions"]
    return {each["id"]: next(name for name in each["regions"] if not name.endswith("-global")) for each in known}


REGIONS = _regions()
"""A region of every partition that botocore knows."""


def audience(partition: str) -> str:
    """Give the audience for which the action asks GitHub there."""
    return role.audience(f"arn:{partition}:iam::{ACCOUNT_ID}:role/refresh")


def filled(name: str, partition: str) -> policies.Document:
    """Give a document with what the README of docs/iam says to write in a partition."""
    text = json.dumps(policies.filled(name)).replace("arn:aws:", f"arn:{partition}:")
    if partition == "aws-cn":
        text = text.replace("amazonaws.com", "amazonaws.com.cn")
    document: policies.Document = json.loads(text)
    return document
