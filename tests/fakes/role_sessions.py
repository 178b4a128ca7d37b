"""The sessions of an instance's role at the stand-in for AWS, which checks their time as AWS does.

An expired session and a request that was signed more than five minutes off AWS's time are refused, and STS answers to
whom a session belongs.
"""

from __future__ import annotations

import calendar
import time
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from tests.fakes.desired import ACCOUNT_ID
from tests.fakes.world import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

_SIGNED_WITHIN_SECONDS = 300
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-troubleshooting.html"""
_EXPIRED = {"dynamodb": "ExpiredTokenException", "ec2": "RequestExpired", "sts": "ExpiredToken"}
_SKEWED = {"dynamodb": "InvalidSignatureException", "ec2": "RequestExpired", "sts": "SignatureDoesNotMatch"}
_IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>
<Arn>arn:aws:sts::{account}:assumed-role/runner/{name}</Arn><UserId>{user_id}</UserId><Account>{account}</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""


@frozen
class Session:
    """Temporary credentials."""

    user_id: str
    """What IAM calls `aws:userid`: the role's id, `:` and the instance's id."""
    expires_at: float
    """In seconds since 1970, on AWS's clock."""


@define
class Sessions:
    """All sessions by access key, and AWS's clock."""

    ahead: float = 0
    """The seconds by which AWS's clock is ahead of this machine's."""
    opened: dict[str, Session] = field(factory=dict)

    def now(self) -> float:
        """Give AWS's time in seconds since 1970."""
        return time.time() + self.ahead

    def answer(self, operation: str, signer: str, headers: Mapping[str, str]) -> tuple[int, bytes] | None:
        """Give what is answered at once to a call with a session's credentials; None for what others answer."""
        session = self.opened.get(signer)
        if not session:
            return None
        service = operation.partition(":")[0]
        signed_at = calendar.timegm(time.strptime(headers["X-AMZ-DATE"], "%Y%m%dT%H%M%SZ"))
        if abs(signed_at - self.now()) > _SIGNED_WITHIN_SECONDS:
            return refusal(operation, _SKEWED[service])
        if self.now() >= session.expires_at:
            return refusal(operation, _EXPIRED[service])
        if operation == "sts:GetCallerIdentity":
            name = session.user_id.partition(":")[2]
            return 200, _IDENTITY.format(account=ACCOUNT_ID, user_id=session.user_id, name=name).encode()
        return None
