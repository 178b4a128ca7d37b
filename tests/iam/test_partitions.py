"""In every partition of AWS the action asks for a token with the audience that the documents and templates expect."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cfnlint.decode import cfn_yaml

from tests.fakes.desired import ACCOUNT_ID, REPOSITORY
from tests.iam import partitions, policies
from tests.iam.test_cloudformation import TEMPLATE

GIVEN = {
    "Owner": REPOSITORY.owner,
    "Repository": REPOSITORY.name,
    "OwnerId": policies.OWNER_ID,
    "RepositoryId": policies.REPOSITORY_ID,
    "OidcIssuer": policies.ISSUER,
    "Job": "ref:refs/heads/main",
    "PlanOnlyJob": "ref:refs/heads/main",
    "AWS::AccountId": ACCOUNT_ID,
}


def _resolved(node: Any, partition: str) -> Any:
    """Do what CloudFormation does in a partition, as far as roles and the identity provider ask for it."""
    match node:
        case {"Fn::If": ["InChina", there, elsewhere]}:
            return there if partition == "aws-cn" else elsewhere
        case {"Fn::Sub": [text, values]}:
            for name, value in {**GIVEN, **_resolved(values, partition), "AWS::Partition": partition}.items():
                text = text.replace(f"${{{name}}}", value)
            return text
        case dict():
            return {name: _resolved(each, partition) for name, each in node.items()}
        case list():
            return [_resolved(each, partition) for each in node]
    return node


@pytest.mark.parametrize("partition", partitions.REGIONS)
def test_the_trust_policy_expects_the_audience_of_the_action(partition: str) -> None:
    """With what the page says to write there."""
    (statement,) = partitions.filled("trust-policy", partition)["Statement"]
    assert statement["Condition"]["StringEquals"][f"{policies.ISSUER}:aud"] == partitions.audience(partition)


@pytest.mark.parametrize("partition", partitions.REGIONS)
def test_the_stack_expects_the_audience_of_the_action(partition: str) -> None:
    """In moto's CloudFormation there is one partition only; it makes the same template in test_cloudformation.py."""
    template = cfn_yaml.loads(TEMPLATE.read_text())
    assert template["Conditions"]["InChina"] == {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]}
    made = {name: _resolved(each["Properties"], partition) for name, each in template["Resources"].items()}
    assert made["OidcProvider"]["ClientIdList"] == [partitions.audience(partition)]
    for name in ("RefreshRole", "PlanOnlyRole"):
        trusted = json.loads(made[name]["AssumeRolePolicyDocument"])
        assert trusted == partitions.filled("trust-policy", partition)
    assert made["InstanceRole"]["AssumeRolePolicyDocument"] == partitions.filled("instance-trust-policy", partition)
    assert "AWS::URLSuffix" not in TEMPLATE.read_text()
