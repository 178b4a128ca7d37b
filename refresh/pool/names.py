"""Every AWS name and table key, as a pure function of the repository; docs/table.md lists them.

`provision` and `release` derive only the table's name, and read the template's name and the queues' URLs from the
table. So the table's name is fixed; the others may be mapped where AWS does not allow GitHub's characters.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

METADATA_IDENTIFIERS = (
    POOL_IDENTIFIER := "pool",
    RUNNER_RELEASE_IDENTIFIER := "runner_release",
    LAUNCH_TEMPLATE_IDENTIFIER := "launch_template",
    RESOURCE_CLASS_CONFIG_IDENTIFIER := "resource_class_config",
    REGISTRATION_TOKEN_IDENTIFIER := "gh_registration_token",
    IDLE_TIME_IDENTIFIER := "idle_time_sec",
    MAX_RUNTIME_IDENTIFIER := "max_runtime_min",
    SUBNET_IDS_IDENTIFIER := "subnet_ids",
)
"""Every METADATA item, read together at the start of a run; the component that keeps it describes it."""

WARM_POOL_IDENTIFIER = "warm_pool"
DAILY_SUMMARY_IDENTIFIER = "daily_summary"
OPTIONAL_IDENTIFIERS = (WARM_POOL_IDENTIFIER, DAILY_SUMMARY_IDENTIFIER)
"""METADATA items that only some pools have; they are read with the others."""

SETTINGS_IDENTIFIER = "doors"
"""The SETTINGS item, from which `provision` and `release` read what they need of the pool."""

_QUEUE_NAME_LIMIT = 80
_TEMPLATE_NAME_LIMIT = 128
_HASH_LENGTH = 16
_PLAIN_QUEUE_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{_QUEUE_NAME_LIMIT}}}")
_LABEL_LIMIT = 64
_NOT_A_DIGIT = re.compile(r"[^0-9]")
_WARM_LABEL = re.compile(r"warm-([0-9]+)-")
_NOT_IN_QUEUE_NAME = re.compile(r"[^A-Za-z0-9_-]")


@frozen
class Repository:
    """A GitHub repository, which names a pool of runners."""

    owner: str
    name: str

    def __str__(self) -> str:
        return f"{self.owner}/{self.name}"


def table(repository: Repository) -> str:
    """Name the DynamoDB table."""
    return f"{repository.owner}-{repository.name}-ci-table"


def launch_template(repository: Repository) -> str:
    """Name the EC2 launch template; a name above EC2's 128 characters is cut and ends in a hash."""
    suffix = "-ci-launch-template"
    plain = f"{repository.owner}-{repository.name}{suffix}"
    if len(plain) <= _TEMPLATE_NAME_LIMIT:
        return plain
    ending = f"{suffix}-{_digest(str(repository))}"
    return plain[: _TEMPLATE_NAME_LIMIT - len(ending)] + ending


def queue(repository: Repository, resource_class: str) -> str:
    """Name the SQS queue of a resource class.

    The plain name is used where it is legal and unambiguous. A dot (illegal in SQS), more than 80 characters, or a `-`
    in the class (`o/r` with class `x-y` and `o/r-x` with class `y` would share a queue) gives a hashed name. Plain
    names end in `-ci-pool` and hashed ones never do, so the two kinds cannot collide.
    """
    plain = plain_queue(repository, resource_class)
    if _PLAIN_QUEUE_NAME.fullmatch(plain) and "-" not in resource_class:
        return plain
    ending = f"-ci-pool-{_digest(f'{repository}/{resource_class}')}"
    stem = _NOT_IN_QUEUE_NAME.sub("_", f"{repository.owner}-{repository.name}-{resource_class}")
    return stem[: _QUEUE_NAME_LIMIT - len(ending)] + ending


def plain_queue(repository: Repository, resource_class: str) -> str:
    """Name the queue as the original did; if `queue` maps it, only a recorded queue may still have this name."""
    return f"{repository.owner}-{repository.name}-{resource_class}-ci-pool"


def label(run_id: str, name: str = "") -> str:
    """Return the label that a job of a run asks for in `runs-on`; it is the same in every attempt."""
    return f"{run_id}-{name}" if name else run_id


def warm_label(run_id: str, resource_class: str) -> str:
    """Return the label of machines that a refresh launches to wait for a run; `run_id` is that of the refresh.

    Agents accept at most 64 characters; a longer label is cut and ends in a hash of the class.
    """
    label = f"warm-{_NOT_A_DIGIT.sub('', run_id) or '0'}-{resource_class}"
    if len(label) <= _LABEL_LIMIT:
        return label
    ending = f"-{_digest(resource_class)}"
    return label[: _LABEL_LIMIT - len(ending)] + ending


def warm_class(label: str, resource_classes: Iterable[str]) -> str:
    """Return for which of these resource classes a refresh has launched a machine with this label; "" for none."""
    found = _WARM_LABEL.match(label)
    return next((each for each in resource_classes if found and label == warm_label(found[1], each)), "")


def stored_script(sha256: str) -> str:
    """Name the METADATA item with the script that has this SHA-256, in hexadecimal."""
    return f"pre_runner_script_{sha256[:_HASH_LENGTH]}"


STORED_SCRIPTS = stored_script("<digits>")
"""The identifier of every such item, as pages write it."""


def partition_key(entity: str) -> str:
    """Return the partition key of an entity's items."""
    return f"TYPE#{entity}"


def sort_key(identifier: str) -> str:
    """Return the sort key of an item."""
    return f"ID#{identifier}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_HASH_LENGTH]
