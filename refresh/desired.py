"""The desired state of each action: what its user wants; frozen, printable and without secrets."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time, timedelta
from decimal import Decimal
from enum import Enum

from attrs import frozen

from refresh.pool import names
from refresh.pool.usage import UsageClass

RESOLVE = "resolve:ssm:"
"""Prefix of a parameter's name, whose value is the image."""
ARCHITECTURES = ("x64", "arm64")
"""Architectures of instances as GitHub names them; each has its own runner."""
LONGEST_RUNTIME = timedelta(hours=120)
"""The maximum of max-runtime."""
REGISTRATION_TOKEN_LIFE = timedelta(hours=1)
"""How long a registration token of GitHub is valid."""
INSTANCE_TYPES = ("c*", "m*", "r*")
"""Patterns of the instance types that are launched unless a run asks for others; `*` stands for any characters."""
MAX_PRICE_OVER_LOWEST = 100
"""By how many percent an on-demand type may cost more than the cheapest that fits, unless a run says otherwise."""


ALL_NAMES = "*"
"""The name that stands for all labels of a run."""


class Mode(Enum):
    """Whether a run makes changes or only lists them."""

    APPLY = "apply"
    PLAN = "plan"


class RunnerScope(Enum):
    """Where runners register: for one repository, or for those that its organization allows."""

    REPOSITORY = "repository"
    ORGANIZATION = "organization"


@frozen(kw_only=True)
class Role:
    """The AWS role that a run assumes with GitHub's OIDC token, and for how long."""

    arn: str
    session_name: str
    """Shown by CloudTrail for each call."""
    duration: timedelta = timedelta(hours=1)


@frozen
class RootVolume:
    """The volume that an instance boots from, always encrypted; None keeps the image's value."""

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
class PoolAccess:
    """Which pool a run works on, how it gets there, and whether it changes anything."""

    repository: names.Repository
    region: str
    role: Role | None = None
    """None for AWS's standard chain of credentials."""
    allowed_account_ids: tuple[str, ...] = ()
    """The AWS accounts that a run may write to; () for any."""
    github_api_url: str = "https://api.github.com"
    github_server_url: str = "https://github.com"
    """Shown to people; runners register there."""
    mode: Mode = Mode.APPLY
    run_url: str = ""
    """The URL of the workflow run, recorded for each instance that it ends."""

    @property
    def github_server(self) -> str:
        """The host name of GitHub: `github.com`, a tenant on ghe.com, or a GitHub Enterprise Server."""
        return self.github_server_url.partition("://")[2].rstrip("/").lower()

    @property
    def access(self) -> Mapping[str, str]:
        """List, for people, which access differs from the default."""
        return {"role": self.role.arn} if self.role else {}


@frozen(kw_only=True)
class DesiredRelease(PoolAccess):
    """The goal of a release: no machine has these labels of a run any more."""

    run_id: str
    workflow_repository: names.Repository
    """The repository of the run; `repository` is the one that has the pool."""
    name: str = ""
    """"" for the run's unnamed label, `*` for all of its labels, otherwise the name that `provision` was given."""
    reuse: bool | None = None
    """Whether the machines go back to the pool; None for what `provision` was asked for."""
    force: bool = False
    """Whether machines are released although GitHub shows open jobs that ask for them."""
    claimed_too: bool = False
    """Whether claimed machines go back to the pool as well: only their own provision knows that they work."""

    def has(self, label: str) -> bool:
        """Whether a label is one of those to release."""
        if self.name == ALL_NAMES:
            return label == self.run_id or label.startswith(f"{self.run_id}-")
        return label == names.label(self.run_id, self.name)

    @property
    def labels(self) -> str:
        """Write the labels as people read them."""
        return f"{self.run_id} and {self.run_id}-*" if self.name == ALL_NAMES else names.label(self.run_id, self.name)


@frozen(kw_only=True)
class DesiredProvision(PoolAccess):
    """The goal of a provision: so many machines of a class are ready for the jobs that ask for a label."""

    run_id: str
    attempt: int = 1
    """The attempt of the run; a later one finds what an earlier one has left."""
    rescues: int = 0
    """The number of this rescue by refresh in this attempt, from 1; 0 if a job of the run provides."""
    name: str = ""
    """"" for the run's unnamed label."""
    count: int = 1
    """How many machines are wanted, 1 to 100."""
    min_count: int | None = None
    """The fewest with which the jobs can start; None for `count`."""
    resource_class: str = "large"
    usage_classes: tuple[UsageClass, ...] = (UsageClass.ON_DEMAND,)
    """Which machines of the pool may be claimed; new ones are launched as the first of them."""
    fallback: bool = False
    """Whether on-demand machines are launched if there are no spot machines."""
    instance_types: tuple[str, ...] = INSTANCE_TYPES
    """Patterns of EC2's instance types; `*` stands for any characters."""
    max_runtime: timedelta | None = None
    """How long the run may have the machines; None for the pool's maximum runtime."""
    reuse: bool = True
    """Whether the machines may have served other runs, and may serve others afterwards."""
    if_unavailable: str = ""
    """The label of a hosted runner that takes the place of missing machines; "" if the run fails without them."""
    timeout: timedelta = timedelta(minutes=5)
    """How long machines are claimed and launched; one that boots then still has its time."""
    max_price_over_lowest: int = MAX_PRICE_OVER_LOWEST
    """For on-demand machines: by how many percent a type may cost more than the cheapest that fits."""

    @property
    def label(self) -> str:
        """What the jobs ask for in `runs-on`."""
        return names.label(self.run_id, self.name)

    @property
    def fewest(self) -> int:
        """The fewest machines with which the jobs can start."""
        return self.count if self.min_count is None else self.min_count

    @property
    def launched_as(self) -> tuple[UsageClass, ...]:
        """How new machines are launched, in the order in which that is tried."""
        first = self.usage_classes[0]
        return (first, UsageClass.ON_DEMAND) if self.fallback and first is UsageClass.SPOT else (first,)


@frozen(kw_only=True)
class DesiredState(PoolAccess):
    """The source of truth of one run of refresh."""

    image: str
    instance_profile: str
    security_group_ids: tuple[str, ...]
    subnet_ids: tuple[str, ...]
    max_idle_time: timedelta = timedelta(minutes=7)
    max_runtime: timedelta = timedelta(minutes=30)
    resource_classes: tuple[ResourceClass, ...] = DEFAULT_RESOURCE_CLASSES
    pre_runner_script: str = ""
    runner_version: str | None = None
    """`n.n.n`, or None for the version that GitHub offers now."""
    runner_checksums: tuple[tuple[str, str], ...] = ()
    """For a pinned version: (architecture, SHA-256 in hexadecimal)."""
    runner_user: str = "root"
    runner_scope: RunnerScope = RunnerScope.REPOSITORY
    registration_token_min_ttl: timedelta = timedelta(minutes=40)
    metadata_hop_limit: int = 1
    root_volume: RootVolume | None = None
    """None keeps the image's volume as it is."""
    delete_volumes_on_termination: bool = False
    """Whether volumes that the image would keep are deleted with their instance."""
    tags: Tags = ()
    """For the table, the queues and the template, which passes them on to instances and volumes."""
    max_instance_age: timedelta = timedelta(days=7)
    max_unexpected_terminations: int | None = None
    """None for a fifth of the living instances, at least 1."""
    max_instances: tuple[tuple[str, int], ...] = ()
    """By resource class, how many machines the pool may have at most; without an entry as many as are asked for."""
    min_idle: tuple[tuple[str, int], ...] = ()
    """By resource class, how many machines wait for a run at least; without an entry none."""
    min_idle_usage_class: UsageClass = UsageClass.ON_DEMAND
    """How the machines of `min_idle` are launched, and which ones count."""
    prices: tuple[tuple[str, Decimal], ...] = ()
    """By resource class, what a machine costs per hour, in the owner's currency."""
    rescue_stranded_jobs: bool = False
    """Whether jobs of a later attempt get machines although no provision ran in it."""
    daily_summary: time | None = None
    """When, in UTC, the summary of a day is due; None for never."""
    metrics: bool = False
    """Whether the run sends metrics to CloudWatch."""
    clean_github_runners: bool = True
    timeout: timedelta = timedelta(minutes=8)
    original_modes: bool = True
    """Whether the original action's `provision` and `release` still work with this pool."""
    fail_on_drift: bool = False
    """Whether a dry run with changes to make exits with 1."""
    github_app_id: str = ""
    """The App that calls GitHub; "" with a token."""

    @property
    def access(self) -> Mapping[str, str]:
        """List, for people, which access differs from the default."""
        listed = {
            "runners of": self.runners_owner if self.runner_scope is RunnerScope.ORGANIZATION else "",
            "GitHub App": self.github_app_id,
        }
        return {**{name: value for name, value in listed.items() if value}, **super().access}

    @property
    def on_enterprise_server(self) -> bool:
        """Whether it is a GitHub Enterprise Server, with its own versions and archives."""
        return self.github_server != "github.com" and not self.github_server.endswith(".ghe.com")

    @property
    def runners_owner(self) -> str:
        """The owner of the runners: `owner/name`, or the organization."""
        organization = self.runner_scope is RunnerScope.ORGANIZATION
        return self.repository.owner if organization else str(self.repository)

    @property
    def registration_url(self) -> str:
        """Where runners register: the URL of the repository or of the organization."""
        return f"{self.github_server_url}/{self.runners_owner}"
