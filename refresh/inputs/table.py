"""Every input of every action, once: how it is read, its default, and what people read about it.

`make generated` writes the rest from here: each action.yml and action-types.yml, docs/inputs.md.
This module is loaded by every run, so it imports nothing that a run may not need.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any

from attrs import NOTHING, fields_dict, frozen

from refresh.desired import (
    LONGEST_RUNTIME,
    REGISTRATION_TOKEN_LIFE,
    DesiredProvision,
    DesiredRelease,
    DesiredState,
    Role,
    RootVolume,
)
from refresh.inputs import access, actions_runner, durations, launches, parsers, regions, resources, scripts

if TYPE_CHECKING:
    from refresh.desired import ResourceClass

REFRESH = "refresh"
"""The action that keeps the pool."""
RELEASE = "release"
"""The action that gives a run's machines back."""
PROVISION = "provision"
"""The action that gets machines for a run."""
_EVERY = (REFRESH, RELEASE, PROVISION)
_STATES = {
    REFRESH: fields_dict(DesiredState),
    RELEASE: fields_dict(DesiredRelease),
    PROVISION: fields_dict(DesiredProvision),
}
_PARTS = {"role": fields_dict(Role), "root_volume": fields_dict(RootVolume)}
"""The fields of the other classes that inputs set, by the part of `Input.field` before the dot."""
_LONGEST_MIN_TTL = timedelta(minutes=55)
_NO_PRICE_LIMIT = 999_999
"""As EC2 has it: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceRequirementsRequest.html."""


@frozen(kw_only=True, eq=False, repr=False)  # attrs would generate them at every start
class Input:
    """An input of one or more actions."""

    name: str
    actions: tuple[str, ...] = (REFRESH,)
    """The actions that have it."""
    field: str = ""
    """The field of the desired state that it sets, or `role.arn` for a field of `role`; "" where `load` sets it."""
    parse: Callable[[str], Any] = str
    type: str = "string"
    """The type in action-types.yml; `choices` make it an enum, and `separator` makes it a list."""
    choices: tuple[str, ...] = ()
    separator: str = ""
    required: bool = False
    secret: bool = False
    """Whether its value is never shown. A secret is no option: the list of processes would show it."""
    verbatim: bool = False
    """Whether its text is parsed unchanged, with white space and invisible characters."""
    replaced_by: str = ""
    """The input that replaces it: this one is the original action's name for it."""
    ignored: bool = False
    """Whether it belongs to another mode of the original action."""
    default: str = ""
    """The default as the user would write it, where it is not the default of the field."""
    absent: str = ""
    """What applies when it is left out, in words, where that is not a value."""
    summary: str = ""
    """A line for the help of the command line and the tables of docs/inputs.md."""
    description: str
    """The text in action.yml and docs/inputs.md; `{default}` stands for the default."""

    @property
    def words(self) -> tuple[str, ...]:
        """The only values that it takes; empty where it takes others."""
        return ("true", "false") if self.type == "boolean" else self.choices

    @property
    def variable(self) -> str:
        """The name of its variable without hyphens, as shells need it."""
        return f"INPUT_{self.name.upper().replace('-', '_')}"

    @property
    def default_text(self) -> str:
        """The default as the user would write it; "" where there is none."""
        if self.default or not self.field:
            return self.default
        owner, _, name = self.field.rpartition(".")
        return _written((_PARTS[owner] if owner else _STATES[self.actions[0]])[name].default)


def _written(default: object) -> str:
    """Format the default of a field as the user would write it; "" where it cannot be written."""
    if default is NOTHING:
        return ""
    if isinstance(default, bool):
        return str(default).lower()
    if isinstance(default, timedelta):
        return durations.shown(default)
    if isinstance(default, Enum):
        return str(default.value)
    return str(default) if isinstance(default, int | str) else ""


def _resource_classes(value: str) -> tuple[ResourceClass, ...]:
    from refresh.inputs.resource_classes import resource_classes  # noqa: PLC0415 - cattrs is loaded for it alone

    return resource_classes(value)


_runtime = durations.parser(timedelta(minutes=1), LONGEST_RUNTIME)


def _idle_seconds(value: str) -> timedelta:
    return timedelta(seconds=parsers.whole_number("seconds", 60, 24 * 3600)(value))


def _runtime_minutes(value: str) -> timedelta:
    return timedelta(minutes=parsers.whole_number("minutes", 1, LONGEST_RUNTIME // timedelta(minutes=1))(value))


def _token_age(value: str) -> timedelta:
    """Parse the original's age at which a token is replaced, as the remaining life below which it is."""
    age = timedelta(minutes=parsers.whole_number("minutes", 0, 59)(value))
    return min(REGISTRATION_TOKEN_LIFE - age, _LONGEST_MIN_TTL)


INPUTS = (
    Input(
        name="ami",
        field="image",
        parse=parsers.image,
        required=True,
        summary="AMI id, or `resolve:ssm:<parameter>`, which new instances follow",
        description=(
            "Image of the runners: an AMI id, or `resolve:ssm:<parameter>`, which new instances follow (the role "
            "that launches them then needs `ssm:GetParameters`)."
        ),
    ),
    Input(
        name="iam-instance-profile",
        field="instance_profile",
        parse=parsers.instance_profile,
        required=True,
        summary="name or ARN of the runners' instance profile",
        description="Name or ARN of the runners' instance profile.",
    ),
    Input(
        name="security-group-ids",
        field="security_group_ids",
        parse=parsers.ids("security group", most=16),
        separator=",",
        required=True,
        summary="security groups of the runners, separated by white space or commas",
        description="Security groups of the runners, separated by white space or commas; at most 16.",
    ),
    Input(
        name="subnet-ids",
        field="subnet_ids",
        parse=parsers.ids("subnet", most=50),
        separator=",",
        required=True,
        summary="subnets to launch in, separated by white space or commas",
        description="Subnets to launch runners in, separated by white space or commas; at most 50.",
    ),
    Input(
        name="github-token",
        parse=parsers.github_token,
        secret=True,
        summary=(
            "token that can administer the runners; this or `github-app-id` with `github-app-private-key` is required"
        ),
        description=(
            "Personal access token that can administer the runners of `repository`. Fine-grained: read and write "
            "for the repository permission Administration or, with runner-scope organization, the organization "
            "permission Self-hosted runners; classic: repo or admin:org. The workflow's own GITHUB_TOKEN is never "
            "enough. Either this or the App is required."
        ),
    ),
    Input(
        name="name",
        actions=(RELEASE,),
        field="name",
        parse=parsers.pool_names,
        absent="the run's unnamed pool",
        summary="name of the pool within the run, as `provision` was given, or `*` for all of the run",
        description=(
            "Name of the pool within the run, as provision was given; `*` stands for all machines of the run. Without "
            "it, those that were provisioned without a name."
        ),
    ),
    Input(
        name="run-id",
        actions=(RELEASE,),
        parse=parsers.run_id,
        absent="GITHUB_RUN_ID",
        summary="id of the run whose machines are given back",
        description=(
            "Id of the run whose machines are given back; a workflow that another one starts has it in "
            "`github.event.workflow_run.id`. Without it, the workflow's own run."
        ),
    ),
    Input(
        name="reuse",
        actions=(RELEASE,),
        field="reuse",
        parse=parsers.boolean,
        type="boolean",
        absent="what provision was given",
        summary="give the machines back to the pool, or end them",
        description=(
            "Whether the machines go back to the pool (`true`) or are ended (`false`). Without it, as provision was "
            "given, otherwise `true`."
        ),
    ),
    Input(
        name="force",
        actions=(RELEASE,),
        field="force",
        parse=parsers.boolean,
        type="boolean",
        summary="release although GitHub shows open jobs for these machines",
        description=(
            "Whether machines are released although GitHub shows open jobs that ask for them, `true` or `false`. Jobs "
            "that run on them are cut off, and jobs that wait for them queue until GitHub gives up, after 24 hours."
        ),
    ),
    Input(
        name="github-token",
        actions=(RELEASE,),
        parse=parsers.github_token,
        secret=True,
        default="${{ github.token }}",
        summary="token that may read the run's jobs (`actions: read`)",
        description=(
            "Token that may read the jobs of the run; the workflow's own is enough, with `permissions: actions: read`. "
            "Without this permission, release cannot see whether jobs are still open, and says so."
        ),
    ),
    Input(
        name="github-app-id",
        field="github_app_id",
        parse=access.app_id,
        summary="id of the GitHub App that calls GitHub; its key is read from `INPUT_GITHUB_APP_PRIVATE_KEY`",
        description=(
            "Id or client id of a GitHub App that is installed there with the same permission; replaces github-token."
        ),
    ),
    Input(
        name="github-app-private-key",
        parse=access.private_key,
        secret=True,
        summary="private key of the App, the whole .pem file",
        description="Private key of the App, the whole .pem file.",
    ),
    Input(
        name="runner-scope",
        field="runner_scope",
        parse=actions_runner.runner_scope,
        choices=("repository", "organization"),
        summary="register runners for the repository or for its organization",
        description=(
            "Where instances register as runners, `repository` or `organization` (the repository's owner). The pool "
            "still belongs to the repository."
        ),
    ),
    Input(
        name="name",
        actions=(PROVISION,),
        field="name",
        parse=parsers.pool_name,
        absent="none",
        summary="name of the pool within the run, for a run that needs several",
        description=(
            "Name of the pool within the run, 1 to 40 of `A-Z a-z 0-9 _` and `.`; the label is then `<run id>-<name>`, "
            "in lower case, since GitHub ignores the case. Each provision of a run needs another name; without one, "
            "the label is the id of the run."
        ),
    ),
    Input(
        name="count",
        actions=(PROVISION,),
        field="count",
        parse=parsers.whole_number("machines", 1, 100),
        type="integer",
        summary="how many machines, 1 to 100",
        description="How many machines the jobs need, 1 to 100. Default {default}.",
    ),
    Input(
        name="min-count",
        actions=(PROVISION,),
        field="min_count",
        parse=parsers.whole_number("machines", 1, 100),
        type="integer",
        absent="count",
        summary="the fewest machines with which the jobs can start",
        description=(
            "The fewest machines with which the jobs can start, 1 to `count`; with fewer, provision gives back what it "
            "has and fails. Without it, all of `count`."
        ),
    ),
    Input(
        name="resource-class",
        actions=(PROVISION,),
        field="resource_class",
        parse=parsers.class_name,
        summary="size of the machines, a class of the pool",
        description="Resource class of the machines: a name in refresh's `resource-class-config`.",
    ),
    Input(
        name="usage-class",
        actions=(PROVISION,),
        field="usage_classes",
        parse=launches.usage_class,
        choices=("on-demand", "spot", "any"),
        default="on-demand",
        summary="how the machines are paid for",
        description=(
            "How AWS bills the machines: `on-demand`, `spot`, or `any`: whichever is ready, and new ones as spot "
            "machines if EC2 has any."
        ),
    ),
    Input(
        name="fallback",
        actions=(PROVISION,),
        parse=launches.fallback,
        choices=("none", "on-demand"),
        absent="none; on-demand with usage-class any",
        summary="what to launch if EC2 has no spot machines",
        description=(
            "What to launch if EC2 has no spot machines: `on-demand`, or `none`. Without it, `on-demand` with "
            "`usage-class` `any`, otherwise `none`."
        ),
    ),
    Input(
        name="allowed-instance-types",
        actions=(PROVISION,),
        field="instance_types",
        parse=launches.instance_types,
        separator=",",
        default="c* m* r*",
        summary="patterns of instance types",
        description=(
            "Instance types that may be used, as patterns in which `*` stands for any characters, separated by white "
            "space or commas; at most 400. Burstable types are only used if a pattern names them: `t3*` or `t*`."
        ),
    ),
    Input(
        name="max-runtime",
        actions=(PROVISION,),
        field="max_runtime",
        parse=_runtime,
        absent="the pool's",
        summary="longest time from start to release",
        description=(
            "Longest time for which the run has the machines, for all of its jobs together, as 90s, 30m or 2h; 1m to "
            "120h. They end themselves afterwards, also during a job. Without it, that of the pool (refresh's "
            "`max-runtime`)."
        ),
    ),
    Input(
        name="reuse",
        actions=(PROVISION,),
        field="reuse",
        parse=parsers.boolean,
        type="boolean",
        summary="whether machines serve several runs, one after the other",
        description=(
            "Whether machines serve several runs, one after the other. With `false`, only machines that have served "
            "none are used, and they end after this run."
        ),
    ),
    Input(
        name="if-unavailable",
        actions=(PROVISION,),
        field="if_unavailable",
        parse=launches.hosted_label,
        default="fail",
        summary="label of a hosted runner to use if there are too few machines, or `fail`",
        description=(
            "What happens if there are too few machines: `fail`, or the label of a hosted runner such as "
            "`ubuntu-latest`, which is then the output `label`."
        ),
    ),
    Input(
        name="timeout",
        actions=(PROVISION,),
        field="timeout",
        parse=durations.parser(timedelta(seconds=30), timedelta(minutes=30)),
        summary="how long to try to claim and launch machines",
        description=(
            "How long provision tries to claim and launch machines, 30s to 30m. A machine that it gets at the last "
            "moment still has its time to register, four minutes if it is new. Default {default}."
        ),
    ),
    Input(
        name="max-price-over-lowest",
        actions=(PROVISION,),
        field="max_price_over_lowest",
        parse=parsers.whole_number("percent", 1, _NO_PRICE_LIMIT),
        type="integer",
        summary="by how many percent an on-demand type may cost more than the cheapest that fits",
        description=(
            "By how many percent an on-demand type may cost more than the cheapest one that fits, 1 to 999999; 999999 "
            "is no limit. EC2's own default of 20 would exclude most of `c* m* r*`."
        ),
    ),
    Input(
        name="run-id",
        actions=(PROVISION,),
        parse=parsers.run_id,
        absent="GITHUB_RUN_ID",
        summary="id of the run whose jobs use the machines",
        description="Id of the run whose jobs use the machines. Without it, the workflow's own run.",
    ),
    Input(
        name="repository",
        actions=_EVERY,
        parse=parsers.repository,
        absent="GITHUB_REPOSITORY",
        summary="owner/name of the repository that has the pool",
        description=(
            "Repository that has the pool, as owner/name spelled as on GitHub. Without it, the workflow's own "
            "repository."
        ),
    ),
    Input(
        name="aws-region",
        actions=_EVERY,
        parse=regions.region,
        absent="AWS_REGION, AWS_DEFAULT_REGION",
        summary="region of the pool",
        description="Region of the pool. Without it, AWS_REGION, then AWS_DEFAULT_REGION (with a warning).",
    ),
    Input(
        name="role-to-assume",
        actions=_EVERY,
        field="role.arn",
        parse=access.role_arn,
        summary="AWS role to assume with GitHub's OIDC token; without it, AWS's standard chain of credentials is used",
        description=(
            "ARN of the AWS role to assume with GitHub's OIDC token (`permissions: id-token: write`); no "
            "other step is needed. Without it, AWS's standard chain of credentials is used."
        ),
    ),
    Input(
        name="role-session-name",
        actions=_EVERY,
        field="role.session_name",
        parse=access.session_name,
        absent="refresh-action-<run id>",
        summary="name of the role's session",
        description="Name of the role's session in CloudTrail. Without it, refresh-action-<run id>.",
    ),
    Input(
        name="role-duration",
        actions=_EVERY,
        field="role.duration",
        parse=durations.parser(timedelta(minutes=20), timedelta(hours=12)),
        summary="how long the role's credentials last, 20m to 12h",
        description=(
            "How long the role's credentials last, 20m to 12h and no longer than the role allows. Default {default}."
        ),
    ),
    Input(
        name="allowed-account-ids",
        actions=_EVERY,
        field="allowed_account_ids",
        parse=access.account_ids,
        separator=",",
        absent="any",
        summary="AWS accounts in which a run may write, 12 digits each",
        description=(
            "AWS accounts in which a run may write, 12 digits each, separated by white space or commas. In any "
            "other account it writes nothing and fails."
        ),
    ),
    Input(
        name="max-idle-time",
        field="max_idle_time",
        parse=durations.parser(timedelta(seconds=60), timedelta(hours=24), bare_seconds=True),
        summary="how long an idle runner stays in the pool",
        description=(
            "How long an idle runner stays in the pool, as 420 (seconds), 420s, 7m or 1h; 60s to 24h. "
            "Default {default}."
        ),
    ),
    Input(
        name="max-runtime",
        field="max_runtime",
        parse=_runtime,
        summary="longest time from claim to release",
        description=(
            "Longest time from claim to release, as 90s, 30m or 2h; 1m to 120h, stored in whole minutes, rounded "
            "up. Default {default}."
        ),
    ),
    Input(
        name="resource-class-config",
        field="resource_classes",
        parse=_resource_classes,
        absent="built-in classes",
        summary='sizes of runners, `{"<class>": {"cpu": n, "mmem": MiB}}`',
        description=(
            'Sizes of runners as JSON, `{"<class>": {"cpu": n, "mmem": MiB}}`; each has a different cpu, and memory '
            "rises with it. Default seven classes from `large` (2 CPUs, 4096 MiB) to `16xlarge` (64, 131072)."
        ),
    ),
    Input(
        name="max-instances",
        field="max_instances",
        parse=resources.max_instances,
        absent="no limit",
        summary='most instances of each resource class, `{"<class>": n}`',
        description=(
            'Most instances that the pool may have, by resource class, as JSON: `{"<class>": n}`, 0 to 10000 each. '
            "Refresh and the action `provision` launch none above it; the original's does not know it. A class that is "
            "left out has no limit."
        ),
    ),
    Input(
        name="pre-runner-script",
        field="pre_runner_script",
        parse=scripts.script,
        verbatim=True,
        absent="none",
        summary="shell script that runs on the instance as root before the runner; never put a secret in it",
        description=(
            "Shell script that runs on the instance as root before the runner, unchanged to the byte; 262,144 bytes at "
            "most. Never put a secret in it."
        ),
    ),
    Input(
        name="actions-runner-version",
        field="runner_version",
        parse=actions_runner.runner_version,
        default="latest",
        summary="version of the runner, latest or n.n.n",
        description="Version of the runner, `latest` (as GitHub offers it, checked every six hours) or `n.n.n`.",
    ),
    Input(
        name="actions-runner-sha256",
        field="runner_checksums",
        parse=actions_runner.runner_checksums,
        summary="checksums of a pinned version's archives, x64=<hex>,arm64=<hex>",
        description=(
            "SHA-256 checksums of the archives of a pinned `actions-runner-version`, `x64=<hex>,arm64=<hex>`. Those "
            "of the latest version come from GitHub."
        ),
    ),
    Input(
        name="runner-user",
        field="runner_user",
        parse=actions_runner.runner_user,
        summary="Linux user that runs the jobs",
        description=(
            "Linux user that runs the jobs; created on the instance if missing. A user without sudo and docker "
            "cannot tamper with the agent."
        ),
    ),
    Input(
        name="registration-token-min-ttl",
        field="registration_token_min_ttl",
        parse=durations.parser(timedelta(minutes=1), _LONGEST_MIN_TTL),
        summary="remaining life below which the stored registration token is replaced",
        description="Remaining life below which a stored registration token is replaced; 1m to 55m. Default {default}.",
    ),
    Input(
        name="metadata-hop-limit",
        field="metadata_hop_limit",
        parse=parsers.whole_number("hops", 1, 64),
        type="integer",
        summary="hop limit of the instance metadata service",
        description=(
            "Hop limit of the instance metadata service, 1 to 64. With 1, job containers cannot reach the "
            "instance's role."
        ),
    ),
    Input(
        name="root-volume-size",
        field="root_volume.size_gib",
        parse=parsers.whole_number("GiB", 1, 16_384),
        type="integer",
        absent="the image's",
        summary="GiB of the instances' root volume",
        description=(
            "Size of the instances' encrypted root volume in GiB, 1 to 16384 and no less than in the image. Without "
            "it, the image's."
        ),
    ),
    Input(
        name="root-volume-type",
        field="root_volume.type",
        parse=resources.volume_type,
        choices=("gp3", "gp2"),
        absent="the image's",
        summary="type of the root volume",
        description="Type of the root volume, `gp3` or `gp2`. Without it, the image's.",
    ),
    Input(
        name="delete-volumes-on-termination",
        field="delete_volumes_on_termination",
        parse=parsers.boolean,
        type="boolean",
        summary="delete the volumes that the image keeps, with their instance",
        description=(
            "Whether volumes that the image would keep are deleted with their instance, `true` or `false`. With "
            "`false`, such an image is a warning."
        ),
    ),
    Input(
        name="tags",
        field="tags",
        parse=resources.tags,
        separator="\n",
        summary="lines of key=value, tags of everything that is created",
        description=(
            "Lines of `key=value` for the table, the queues and the launch template, and through it for instances "
            "and volumes. Other tags are left alone."
        ),
    ),
    Input(
        name="min-idle",
        field="min_idle",
        parse=resources.min_idle,
        absent="none",
        summary='fewest instances of each resource class that wait for a run, `{"<class>": n}`',
        description=(
            'Fewest instances that wait for a run, by resource class, as JSON: `{"<class>": n}`, 0 to 1000 each. '
            "Each run launches what is missing, within `max-instances`, and extends the time of those that wait. The "
            "role needs the policy refresh-launches.json. Once refresh no longer runs, they end after about an hour. A "
            "class that is left out, or has 0, gets none."
        ),
    ),
    Input(
        name="min-idle-usage-class",
        field="min_idle_usage_class",
        parse=resources.usage_class,
        choices=("on-demand", "spot"),
        summary="whether the instances of min-idle are on-demand or spot",
        description="Whether the instances of `min-idle` are `on-demand` or `spot`; only such ones count.",
    ),
    Input(
        name="prices",
        field="prices",
        parse=resources.prices,
        absent="no costs are shown",
        summary='what an instance of each resource class costs per hour, `{"<class>": 0.096}`',
        description=(
            'What an instance costs per hour, by resource class, as JSON: `{"<class>": 0.096}`, in your currency. '
            "With it, plans show what launches for `min-idle` would cost, and the history what machines have cost."
        ),
    ),
    Input(
        name="rescue-stranded-jobs",
        field="rescue_stranded_jobs",
        parse=parsers.boolean,
        type="boolean",
        summary="get machines for jobs that were re-run without their provision job",
        description=(
            'Whether refresh provides machines for jobs that were run again without their provision job, as by "Re-run '
            'failed jobs": `true` or `false`. With `false` they wait until GitHub gives up, after 24 hours. It needs '
            "`actions: read`, and the role needs the policy refresh-launches.json."
        ),
    ),
    Input(
        name="workflow-token",
        parse=parsers.github_token,
        secret=True,
        default="${{ github.token }}",
        summary="token that may read the repository's workflow runs (`actions: read`)",
        description=(
            "Token that may read the workflow runs of the repository; the workflow's own is enough, with `permissions: "
            "actions: read`. Without this permission, machines of runs that ended without a release stay until their "
            "time is over."
        ),
    ),
    Input(
        name="daily-summary",
        field="daily_summary",
        parse=durations.time_of_day,
        absent="never",
        summary="time of the day, in UTC, after which a run shows what the pool did in 24 hours",
        description=(
            "Time of the day in UTC, such as `07:00`. The first run after it adds a section to its summary: what the "
            "pool did in the last 24 hours. Without it, no run does."
        ),
    ),
    Input(
        name="metrics",
        field="metrics",
        parse=parsers.boolean,
        type="boolean",
        summary="send metrics to CloudWatch",
        description=(
            "Whether each run sends metrics to CloudWatch, in one call at its end, to the namespace `RefreshAction`: "
            "`true` or `false`. The role needs `cloudwatch:PutMetricData`."
        ),
    ),
    Input(
        name="max-instance-age",
        field="max_instance_age",
        parse=durations.parser(timedelta(hours=1), timedelta(days=365)),
        summary="age at which idle instances are ended",
        description=(
            "Age at which an idle instance is ended, so that a busy pool moves to new images; 1h to 365d. Default "
            "{default}."
        ),
    ),
    Input(
        name="max-unexpected-terminations",
        field="max_unexpected_terminations",
        parse=parsers.whole_number("instances", 0, 10_000),
        type="integer",
        absent="a fifth of the pool's instances, at least 1",
        summary="how many unrecorded instances a run may end",
        description=(
            "How many running instances a run may end that were launched from this pool's template but are not "
            "recorded. If there are more, it ends none of them and fails. Without it, a fifth of the running "
            "instances, at least 1."
        ),
    ),
    Input(
        name="original-modes",
        field="original_modes",
        parse=parsers.boolean,
        type="boolean",
        summary="whether the original action's provision and release still use this pool",
        description=(
            "Whether the original action's modes `provision` and `release` still use this pool, `true` or `false`. "
            "With `false`, release no longer sends the messages from which the original's `provision` learns of idle "
            "machines, and new instances no longer write the heartbeats and signals that the original reads."
        ),
    ),
    Input(
        name="clean-github-runners",
        field="clean_github_runners",
        parse=parsers.boolean,
        type="boolean",
        summary="remove the registrations of ended instances",
        description="Whether to remove the registrations that ended instances left on GitHub, `true` or `false`.",
    ),
    Input(
        name="timeout",
        field="timeout",
        parse=durations.parser(timedelta(seconds=30), timedelta(hours=6)),
        summary="start nothing new after this time",
        description=(
            "Time after which a run starts nothing new and reports what is left for the next one, 30s to 6h; keep "
            "it below the job's `timeout-minutes`. Default {default}."
        ),
    ),
    Input(
        name="mode",
        field="mode",
        parse=parsers.mode(REFRESH),
        choices=("apply", "plan"),
        summary="`apply` changes what differs, `plan` only shows it",
        description=(
            "`apply` changes what differs; `plan` only reads and shows what would change. `refresh` means `apply`."
        ),
    ),
    Input(
        name="mode",
        actions=(RELEASE,),
        field="mode",
        parse=parsers.mode(RELEASE),
        choices=("apply", "plan"),
        summary="`apply` releases the machines, `plan` only shows it",
        description=(
            "`apply` releases the machines; `plan` only reads and shows what would be done. `release` means `apply` as "
            "in a step of the original."
        ),
    ),
    Input(
        name="mode",
        actions=(PROVISION,),
        field="mode",
        parse=parsers.mode(PROVISION),
        choices=("apply", "plan"),
        summary="`apply` gets the machines, `plan` only shows it",
        description=(
            "`apply` gets the machines; `plan` only reads and shows what would be done. `provision` means `apply` as "
            "in a step of the original."
        ),
    ),
    Input(
        name="fail-on-drift",
        field="fail_on_drift",
        parse=parsers.boolean,
        type="boolean",
        summary="plan exits with 1 if something would change",
        description="Whether `mode` `plan` exits with 1 if something would change, `true` or `false`.",
    ),
    Input(
        name="log-format",
        actions=_EVERY,
        parse=parsers.log_format,
        choices=("text", "json"),
        default="text",
        summary="lines for people, or one JSON object per line",
        description=(
            "`text` for people, or `json` for one object per line (workflow commands then go to standard error)."
        ),
    ),
    Input(
        name="idle-time-sec",
        replaced_by="max-idle-time",
        parse=_idle_seconds,
        type="integer",
        description="The original's name for `max-idle-time`, in whole seconds.",
    ),
    Input(
        name="max-runtime-min",
        actions=(REFRESH, PROVISION),
        replaced_by="max-runtime",
        parse=_runtime_minutes,
        type="integer",
        description="The original's name for `max-runtime`, in whole minutes.",
    ),
    Input(
        name="github-reg-token-refresh-min",
        replaced_by="registration-token-min-ttl",
        parse=_token_age,
        type="integer",
        description="The original's name for `registration-token-min-ttl`; n means 60 - n minutes.",
    ),
    Input(
        name="instance-count",
        actions=(PROVISION,),
        replaced_by="count",
        parse=parsers.whole_number("machines", 1, 100),
        type="integer",
        description="The original's name for `count`.",
    ),
    Input(
        name="instance-count",
        type="integer",
        ignored=True,
        description="Ignored; an input of another mode of the original.",
    ),
    Input(
        name="usage-class",
        ignored=True,
        description="Ignored; an input of another mode of the original.",
    ),
    Input(
        name="allowed-instance-types",
        separator=",",
        ignored=True,
        description="Ignored; an input of another mode of the original.",
    ),
)
"""In the order in which they are read and shown."""
SECRETS = tuple(dict.fromkeys(each.name for each in INPUTS if each.secret))
OLD_NAMES = {each.replaced_by: each for each in INPUTS if each.replaced_by}
"""The original action's inputs that have been replaced, by the name of the new input."""


def of(action: str) -> tuple[Input, ...]:
    """List the inputs of an action."""
    return tuple(each for each in INPUTS if action in each.actions)
