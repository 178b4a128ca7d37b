"""The only package that imports botocore, PyGithub and requests: sessions, retries, time-outs, errors as our own types.

They are imported when they are needed: a run with bad input needs none, and a run that changes nothing does not ask
GitHub.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from refresh import errors
from refresh.clients import aws, ca_files, connection_errors, workflow_runs
from refresh.clients.botocore_events import ClockSkew
from refresh.clients.github import GitHub
from refresh.clients.process_hooks import silence_loggers
from refresh.clients.workflow_runs import WorkflowRuns
from refresh.ports import Clients, DoorClients

if TYPE_CHECKING:
    from refresh.clients.process_hooks import ProcessHooks
    from refresh.credentials import Secrets
    from refresh.desired import DesiredState, PoolAccess


def connect(desired: DesiredState, secrets: Secrets, hooks: ProcessHooks) -> Clients:
    """Create the clients of refresh; make no call, except to fetch AWS credentials.

    Raise `InputErrors` if there are no AWS credentials, if they cannot be fetched, or if a file of trusted certificates
    cannot be used.
    """
    silence_loggers()
    _require_ca_files()
    skew = ClockSkew(hooks.now)
    clients = aws.connect(desired, secrets.id_tokens, hooks, skew)
    return Clients(
        dynamodb=clients.dynamodb,
        ec2=clients.ec2,
        sqs=clients.sqs,
        on_demand=clients.on_demand,
        github=GitHub(desired, secrets.github, hooks),
        runs=WorkflowRuns(desired.github_api_url, secrets.workflow, hooks, workflow_runs.REFRESH),
        skew=skew,
    )


def connect_door(desired: PoolAccess, secrets: Secrets, hooks: ProcessHooks) -> DoorClients:
    """Create the clients of `provision` or `release`; raises as `connect` does. Without a token GitHub is not asked."""
    silence_loggers()
    _require_ca_files()
    skew = ClockSkew(hooks.now)
    clients = aws.connect(desired, secrets.id_tokens, hooks, skew)
    return DoorClients(
        dynamodb=clients.dynamodb,
        ec2=clients.ec2,
        sqs=clients.sqs,
        runs=WorkflowRuns(desired.github_api_url, secrets.token, hooks),
        on_demand=clients.on_demand,
        skew=skew,
    )


def _require_ca_files() -> None:
    if not any(os.environ.get(name) for name in connection_errors.FILES):
        return
    if problems := tuple(ca_files.problems(os.environ)):
        raise errors.InputErrors(problems)
