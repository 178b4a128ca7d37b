"""STS, IAM and Systems Manager in memory: the caller's identity, and an instance profile."""

from __future__ import annotations

from typing import Any

from attrs import define

from tests.fakes.desired import ACCOUNT_ID, IMAGE
from tests.fakes.memory.account import Account, operation, refused
from tests.fakes.runner_role import ROLE_ID


@define
class OnDemand:
    """The operations that are used, one method each; one object is every client."""

    account: Account

    def sts(self) -> OnDemand:
        """Give the Security Token Service's."""
        return self

    def iam(self) -> OnDemand:
        """Give IAM's."""
        return self

    def ssm(self) -> OnDemand:
        """Give Systems Manager's."""
        return self

    def cloudwatch(self) -> OnDemand:
        """Give CloudWatch's."""
        return self

    @operation("cloudwatch:PutMetricData", writes=True)
    def put_metric_data(self, **request: Any) -> None:
        """Keep what was sent."""
        self.account.state.metrics.append(request)

    @operation("sts:GetCallerIdentity")
    def get_caller_identity(self) -> dict[str, Any]:
        """Give the account."""
        return {"Account": ACCOUNT_ID}

    @operation("iam:GetInstanceProfile")
    def get_instance_profile(self, **request: Any) -> dict[str, Any]:
        """Return a profile with a role, unless the account overrides it."""
        name = request["InstanceProfileName"]
        said = self.account.state.profiles.get(name, {})
        if said.get("absent"):
            raise refused("iam:GetInstanceProfile", "NoSuchEntity", f"Instance Profile {name} cannot be found.", 404)
        arn = f"arn:aws:iam::{ACCOUNT_ID}:instance-profile/{name}"
        return {"InstanceProfile": {"Arn": arn, "Roles": [{"RoleName": "runner", "RoleId": ROLE_ID}], **said}}

    @operation("ssm:GetParameters")
    def get_parameters(self, **_: Any) -> dict[str, Any]:
        """Give the image that every parameter names."""
        return {"Parameters": [{"Value": IMAGE}]}
