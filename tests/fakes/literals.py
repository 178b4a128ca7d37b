"""The smallest good input."""

from __future__ import annotations


def good(**changed: str) -> dict[str, str]:
    """Give an environment that loads; `changed` holds variables."""
    return {
        "GITHUB_REPOSITORY": "octo/widgets",
        "AWS_REGION": "eu-west-1",
        "INPUT_AMI": "ami-0123456789abcdef0",
        "INPUT_IAM-INSTANCE-PROFILE": "runner-profile",
        "INPUT_SECURITY-GROUP-IDS": "sg-0123456789abcdef0",
        "INPUT_SUBNET-IDS": "subnet-0123456789abcdef0",
        "INPUT_GITHUB-TOKEN": "PAT-CANARY-5e1f",
        **changed,
    }
