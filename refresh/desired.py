"""The desired state: what the owner of the pool asked for, frozen, printable and without any secret."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum

from attrs import frozen

from refresh.pool import names

RESOLVE = "resolve:ssm:"
"""Before the name of a parameter that names the image."""
ARCHITECTURES = ("x64", "arm64")
"""What instances may be, in GitHub's words; each has a runner of its own."""
LONGEST_RUNTIME = timedelta(hours=120)
"""What max-runtime may be at most."""
REGISTRATION_TOKEN_LIFE = timedelta(hours=1)
"""How long GitHub lets a registration token live."""


class Mode(Enum):
    """Whether a run changes what differs or only tells."""

    APPLY = "apply"
    PLAN = "plan"


class RunnerScope(Enum):
    """Where instances register as runners: for one repository, or for all that its organization lets use them."""

    REPOSITORY = "repository"
    ORGANIZATION = "organization"


@frozen(kw_only=True)
class Role:
    """The AWS role that a run takes with GitHub's word for the job, and for how long."""

    arn: str
    session_name: str
    """What CloudTrail shows of who called."""
    duration: timedelta = timedelta(hours=1)


@frozen
class RootVolume:
    """The volume that an instance boots from, always encrypted; None where the image's own holds."""

    size_gib: int | None = None
    type: str | None = None


Tags = tuple[tuple[str, str], ...]
"""Tags as (key, value), in the order of their keys."""


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
    runner_scope: RunnerScope = RunnerScope.REPOSITORY
    registration_token_min_ttl: timedelta = timedelta(minutes=40)
    metadata_hop_limit: int = 1
    root_volume: RootVolume | None = None
    """None where the image's own holds in all."""
    delete_volumes_on_termination: bool = False
    """Whether volumes that the image keeps end with their instance all the same."""
    tags: Tags = ()
    """On the table, the queues and the template, and through it on instances and volumes."""
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
    github_app_id: str = ""
    """The App in whose name GitHub is asked; "" where a token is given."""
    role: Role | None = None
    """None where AWS's standard chain of credentials holds."""
    allowed_account_ids: tuple[str, ...] = ()
    """The AWS accounts in which a run may write; () for any."""
    run_url: str = ""
    """The workflow run, written to what this run ends."""

    @property
    def access(self) -> Mapping[str, str]:
        """Say as whom and for whom a run works, as far as that is not the default; for people."""
        told = {
            "runners of": self.runners_owner if self.runner_scope is RunnerScope.ORGANIZATION else "",
            "GitHub App": self.github_app_id,
            "role": self.role.arn if self.role else "",
        }
        return {name: value for name, value in told.items() if value}

    @property
    def github_server(self) -> str:
        """The name of the server: `github.com`, a tenant's on ghe.com, or a GitHub Enterprise Server's."""
        return self.github_server_url.partition("://")[2].rstrip("/").lower()

    @property
    def on_enterprise_server(self) -> bool:
        """Whether the server is its owner's, with versions and archives of its own."""
        return self.github_server != "github.com" and not self.github_server.endswith(".ghe.com")

    @property
    def runners_owner(self) -> str:
        """Whose runners they are: `owner/name`, or the organization."""
        organization = self.runner_scope is RunnerScope.ORGANIZATION
        return self.repository.owner if organization else str(self.repository)

    @property
    def registration_url(self) -> str:
        """Where instances register: the address of the repository or of the organization."""
        return f"{self.github_server_url}/{self.runners_owner}"
