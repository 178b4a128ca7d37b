"""The only package that imports botocore, PyGithub and requests: sessions, retries, time-outs, errors in our own terms.

Both are imported when they are needed: a run with bad input needs neither, and one that changes nothing asks GitHub
nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from refresh import errors
from refresh.clients import aws, ca_files, connection_errors
from refresh.clients.botocore_events import ClockSkew
from refresh.clients.github import GitHub
from refresh.clients.process_hooks import quieten
from refresh.ports import Clients

if TYPE_CHECKING:
    from refresh.clients.process_hooks import ProcessHooks
    from refresh.credentials import Secrets
    from refresh.desired import DesiredState


def connect(desired: DesiredState, secrets: Secrets, hooks: ProcessHooks) -> Clients:
    """Create the clients; calls nothing, but for what the AWS credentials themselves take.

    Raises `InputErrors` where there are no AWS credentials or where they cannot be fetched, and where a file of trusted
    certificates cannot be used.
    """
    quieten()
    _require_ca_files()
    skew = ClockSkew(hooks.now)
    clients = aws.connect(desired, secrets.id_tokens, hooks, skew)
    return Clients(
        dynamodb=clients.dynamodb,
        ec2=clients.ec2,
        sqs=clients.sqs,
        on_demand=clients.on_demand,
        github=GitHub(desired, secrets.github, hooks),
        skew=skew,
    )


def _require_ca_files() -> None:
    if not any(os.environ.get(name) for name in connection_errors.FILES):
        return
    if problems := tuple(ca_files.problems(os.environ)):
        raise errors.InputErrors(problems)
