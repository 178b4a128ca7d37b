"""The desired state: what the owner of the pool asked for, frozen, printable and without any secret."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum

from attrs import field, frozen

from refresh import names


class Mode(Enum):
    """Whether a run changes what differs or only tells."""

    APPLY = "apply"
    PLAN = "plan"


@frozen
class ResourceClass:
    """A size of runner: `cpu` virtual CPUs and at least `memory_mib` MiB."""

    name: str
    cpu: int
    memory_mib: int


DEFAULT_RESOURCE_CLASSES = (
    ResourceClass("large", 2, 4096),
    ResourceClass("xlarge", 4, 8192),
    ResourceClass("2xlarge", 8, 16384),
    ResourceClass("4xlarge", 16, 32768),
    ResourceClass("8xlarge", 32, 65536),
    ResourceClass("12xlarge", 48, 98304),
    ResourceClass("16xlarge", 64, 131072),
)


@frozen(kw_only=True)
class DesiredState:
    """The source of truth of one run."""

    repository: names.Repository
    region: str
    image: str
    instance_profile: str
    security_group_ids: tuple[str, ...]
    subnet_ids: tuple[str, ...]
    max_idle_time: timedelta = timedelta(minutes=7)
    max_runtime: timedelta = timedelta(minutes=30)
    resource_classes: tuple[ResourceClass, ...] = DEFAULT_RESOURCE_CLASSES
    pre_runner_script: str = ""
    runner_version: str | None = None
    """`n.n.n`, or None for whatever GitHub offers now."""
    runner_checksums: tuple[tuple[str, str], ...] = ()
    """Of a pinned version: (architecture, SHA-256 in hexadecimal)."""
    runner_user: str = "root"
    registration_token_min_ttl: timedelta = timedelta(minutes=40)
    metadata_hop_limit: int = 1
    max_instance_age: timedelta = timedelta(days=7)
    max_unexpected_terminations: int | None = None
    """None for the larger of 1 and a fifth of the living."""
    clean_github_runners: bool = True
    timeout: timedelta = timedelta(minutes=8)
    mode: Mode = Mode.APPLY
    fail_on_drift: bool = False
    """Whether a dry run that finds something to change exits with 1."""
    github_api_url: str = "https://api.github.com"
    github_server_url: str = "https://github.com"
    """Where people look, and where runners register."""
    run_url: str = ""
    """The workflow run, written to what this run ends."""

    @property
    def repository_url(self) -> str:
        """Address of the repository on its server."""
        return f"{self.github_server_url}/{self.repository}"


@frozen
class Secret:
    """A value that no text, log or exception ever shows; `reveal()` is the only way to it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Give the value itself, for the one call that needs it."""
        return self._value

    def __str__(self) -> str:
        return "***"


@frozen
class Secrets:
    """What travels apart from the desired state."""

    github_token: Secret
