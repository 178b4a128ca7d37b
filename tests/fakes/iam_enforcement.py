"""IAM in front of the stand-in for AWS: a key's requests are judged by a published policy, as its user's.

moto's own IAM knows neither conditions nor the variables of policies. `AwsServer.enforcement` is asked before moto:

    aws.enforcement = Enforcement(policies.filled("instance-profile"), UserIds(aws.sessions))
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from attrs import field, frozen
from moto.backends import get_backend

from tests.fakes.desired import ACCOUNT_ID, REGION
from tests.iam import policies

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.aws_server import Arrival
    from tests.fakes.role_sessions import Sessions

_FREE = "sts:GetCallerIdentity"
"""Needs no permission."""
_REFUSED = (
    "<Response><Errors><Error><Code>UnauthorizedOperation</Code><Message>{}</Message></Error></Errors></Response>"
)


def _tags(instance_id: str) -> Mapping[str, str]:
    """Return the tags of an instance of moto's."""
    found: Mapping[str, str] = get_backend("ec2")[ACCOUNT_ID][REGION].tags.get(instance_id, {})
    return found


@frozen
class UserIds(Mapping[str, str]):
    """What IAM calls `aws:userid`, by access key, of the sessions as they are opened."""

    sessions: Sessions

    def __getitem__(self, access_key: str) -> str:
        return self.sessions.opened[access_key].user_id

    def __iter__(self) -> Iterator[str]:
        return iter(self.sessions.opened)

    def __len__(self) -> int:
        return len(self.sessions.opened)


@frozen
class Enforcement:
    """A policy and the users who have it; a request with another key is not judged."""

    policy_document: policies.Document
    """Filled in for the pool, as `policies.filled` returns it."""
    users: Mapping[str, str]
    """What IAM calls `aws:userid`, by access key."""
    tags: Callable[[str], Mapping[str, str]] = field(default=_tags)
    """Returns the tags of an instance by its id."""

    def refuses(self, call: str, body: bytes, access_key: str) -> bool:
        """Whether IAM refuses a request: any part of it that the policy does not allow."""
        if access_key not in self.users or call == _FREE:
            return False
        caller = {"aws:userid": self.users[access_key]}
        return not all(
            policies.allowed(self.policy_document, action, arn, {**caller, **context})
            for action, arn, context in self._asked(call, body)
        )

    def answer(self, arrival: Arrival) -> tuple[int, bytes] | None:
        """Return the refusal of a call; None if it is allowed."""
        call = arrival.operation
        if not self.refuses(call, arrival.body, arrival.signer):
            return None
        session = self.users[arrival.signer].partition(":")[2]
        arn = f"arn:aws:sts::{ACCOUNT_ID}:assumed-role/runner/{session}"
        words = f"User: {arn} is not authorized to perform: {call} because no identity-based policy allows it"
        if call.startswith("dynamodb:"):
            return 400, json.dumps({"__type": "#AccessDeniedException", "Message": words}).encode()
        return 403, _REFUSED.format(words).encode()

    def _asked(self, call: str, body: bytes) -> Iterator[tuple[str, str, policies.Context]]:
        """Yield what IAM asks: action, resource and the request's own condition keys."""
        if call.startswith("dynamodb:"):
            arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT_ID}:table/{_table(body)}"
            for action, keys in policies.asked(call, body):
                yield action, arn, {"dynamodb:LeadingKeys": keys} if keys else {}
        elif instances := [value for name, value in parse_qsl(body.decode()) if name.startswith("InstanceId.")]:
            for each in instances:
                tags = {f"aws:ResourceTag/{name}": value for name, value in self.tags(each).items()}
                yield call, f"arn:aws:ec2:{REGION}:{ACCOUNT_ID}:instance/{each}", tags
        else:
            yield call, "*", {}


def _table(body: bytes) -> str:
    """Return the one table that a request names, "" if it names none or several."""
    request = json.loads(body)
    written = (each for action in request.get("TransactItems", []) for each in action.values())
    named = {*request.get("RequestItems", {}), *(each["TableName"] for each in written)}
    named |= {request["TableName"]} if "TableName" in request else set()
    return named.pop() if len(named) == 1 else ""
