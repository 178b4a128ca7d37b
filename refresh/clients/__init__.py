"""The only room that imports boto3 and PyGithub: sessions, retries, time-outs, pools, and errors in our own terms.

Both are imported when they are needed: a run with bad input needs neither, and one that changes nothing asks GitHub
nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from refresh.clients import aws
from refresh.clients.github import GitHub
from refresh.clients.shell import quieten
from refresh.reconciler import Services

if TYPE_CHECKING:
    from refresh.clients.shell import Shell
    from refresh.desired import DesiredState, Secrets


def connect(desired: DesiredState, secrets: Secrets, shell: Shell) -> Services:
    """Create the clients; calls nothing, but for what the AWS credentials themselves take.

    Raises `InputErrors` where there are no AWS credentials or where they cannot be fetched.
    """
    quieten()
    skew = aws.ClockSkew(shell.now)
    dynamodb, ec2, sqs = aws.connect(desired.region, shell, skew)
    return Services(
        dynamodb=dynamodb,
        ec2=ec2,
        sqs=sqs,
        github=GitHub(desired.github_api_url, str(desired.repository), secrets.github_token, shell),
        skew=skew,
    )
