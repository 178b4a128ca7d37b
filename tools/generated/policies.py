"""The policies of every role: docs/iam/*.json, the CloudFormation template, and the page of the instance."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tools.generated.pieces import Piece, Section, WholeFile
from tools.generated.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from refresh.pool.permissions import Statement
    from tools.generated.roles import Role

TEMPLATE = "docs/cloudformation/refresh.yaml"
_IN_CLOUDFORMATION = {
    "arn:aws:": "arn:${AWS::Partition}:",
    "REGION": "${AWS::Region}",
    "ACCOUNT": "${AWS::AccountId}",
    "OWNER-REPO": "${Owner}-${Repository}",
    "AMI-PARAMETER": "${AmiParameter}",
    "LAUNCH-TEMPLATE": "${LaunchTemplateId}",
}
_OPTIONAL = {"ImageParameter": "WithImageParameter", "ReportToTheOriginal": "WithOriginalModes"}
"""Statements that the template has on a condition only, outside the policy of the same purpose."""
_RESOURCES = {
    "Queues": (
        "!If",
        "  - WithQueuePrefix",
        "  - !Sub arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${QueuePrefix}*-ci-pool*",
        "  - !Sub arn:${AWS::Partition}:sqs:${AWS::Region}:${AWS::AccountId}:${Owner}-${Repository}-*-ci-pool*",
    ),
    "RunnerRole": ("!GetAtt InstanceRole.Arn",),
}
"""Resources that the template knows by other means than a name."""
_POLICIES = {"image-parameter", "refresh-launches", "refresh-metrics"}
"""What the template has as a policy by itself, outside a role."""
_SERVICE_OF_EC2 = "ec2.amazonaws.com"


def pieces() -> Iterator[Piece]:
    """Write each policy wherever it stands."""
    for role in ROLES:
        yield WholeFile(f"docs/iam/{role.policy}.json", as_json(role))
        yield Section(TEMPLATE, f"statements of {role.policy}", _as_cloudformation(role))
        if role.policy == "instance-profile":
            shown = as_json(role, named=False).replace("REGION", "*").replace("ACCOUNT", "*")
            yield Section("docs/instance.md", "policy", f"```json\n{shown}```")


def as_json(role: Role, *, named: bool = True) -> str:
    """Write a policy as IAM takes it."""
    statements = ",\n".join(_statement(*each, named=named) for each in role.statements())
    return f'{{\n  "Version": "2012-10-17",\n  "Statement": [\n{statements}\n  ]\n}}\n'


def _statement(statement: Statement, actions: Sequence[str], *, named: bool) -> str:
    members = {
        **({"Sid": json.dumps(statement.sid)} if named else {}),
        "Effect": '"Allow"',
        "Action": _one_or_more(actions),
        "Resource": _one_or_more(statement.resources),
        **({"Condition": _condition(statement.condition)} if statement.condition else {}),
    }
    lines = ",\n".join(f'      "{name}": {value}' for name, value in members.items())
    return f"    {{\n{lines}\n    }}"


def _one_or_more(values: Sequence[str]) -> str:
    if len(values) == 1:
        return json.dumps(values[0])
    lines = ",\n".join(f"        {json.dumps(each)}" for each in values)
    return f"[\n{lines}\n      ]"


def _condition(operators: Mapping[str, object]) -> str:
    if len(operators) == 1:
        return _in_a_line(operators)
    lines = ",\n".join(f"        {json.dumps(name)}: {_in_a_line(keys)}" for name, keys in operators.items())
    return f"{{\n{lines}\n      }}"


def _in_a_line(value: object) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{json.dumps(name)}: {_in_a_line(each)}' for name, each in value.items())} }}"
    return json.dumps(value)


def _as_cloudformation(role: Role) -> str:
    statements = role.statements()
    blocks = []
    for statement, actions in statements:
        lines = list(_yaml(statement, actions))
        if statement.sid in _OPTIONAL and len(statements) > 1:
            lines = ["!If", f"- {_OPTIONAL[statement.sid]}", *_listed(lines), "- !Ref AWS::NoValue"]
        blocks += _listed(lines)
    indentation = " " * (10 if role.policy in _POLICIES else 14)
    return "\n".join(indentation + line for line in blocks)


def _listed(lines: Sequence[str]) -> list[str]:
    return [f"- {lines[0]}", *(f"  {line}" for line in lines[1:])]


def _yaml(statement: Statement, actions: Sequence[str]) -> Iterator[str]:
    yield f"Sid: {statement.sid}"
    yield "Effect: Allow"
    yield from _several("Action", actions, str)
    if statement.sid in _RESOURCES:
        first, *rest = _RESOURCES[statement.sid]
        yield f"Resource: {first}"
        yield from rest
    else:
        yield from _several("Resource", statement.resources, _substituted)
    if statement.condition:
        yield "Condition:"
        for operator, keys in statement.condition.items():
            yield f"  {_key(operator)}:"
            for key, value in keys.items():
                yield f"    {key}: {_value(value)}"


def _several(name: str, values: Sequence[str], written: Callable[[str], str]) -> Iterator[str]:
    if len(values) == 1:
        yield f"{name}: {written(values[0])}"
        return
    yield f"{name}:"
    yield from (f"  - {written(each)}" for each in values)


def _substituted(arn: str) -> str:
    if arn == "*":
        return '"*"'
    for placeholder, value in _IN_CLOUDFORMATION.items():
        arn = arn.replace(placeholder, value)
    return f'!Sub "{arn}"' if "::${" in arn else f"!Sub {arn}"


def _key(operator: str) -> str:
    return f'"{operator}"' if operator == "Null" else operator  # without quotes YAML reads it as null


def _value(value: str | tuple[str, ...]) -> str:
    if value == _SERVICE_OF_EC2:
        return f"!If [InChina, {_SERVICE_OF_EC2}.cn, {_SERVICE_OF_EC2}]"
    if isinstance(value, str) and value.startswith("arn:"):
        return _substituted(value)
    return json.dumps(value)
