"""The header of the user data at its largest: values that are as long as any and hard to compress."""

from __future__ import annotations

import hashlib

from refresh.agent.user_data import LONGEST_SERVER_URL, LONGEST_URL, Settings

LONGEST_REGISTRATION_URL = LONGEST_SERVER_URL + len("/") + 39 + len("/") + 100
"""Characters: of a server, an owner and a repository."""


def settings(script: str = "") -> Settings:
    """Give these settings, with a script."""
    return Settings(
        region="ap-southeast-99",
        table="o" * 39 + "-" + noise("r", 100) + "-ci-table",
        registration_url=noise("https://", LONGEST_REGISTRATION_URL),
        runner_user="u" * 32,
        runner_version="9999.9999.9999",
        runner_url_x64=noise("https://x", LONGEST_URL),
        runner_sha256_x64=noise("", 64),
        runner_url_arm64=noise("https://a", LONGEST_URL),
        runner_sha256_arm64=noise("0", 64),
        pre_runner_script=script,
        original_modes=False,
    )


def noise(prefix: str, length: int) -> str:
    """Give a text with this beginning, of hexadecimal digits without a pattern."""
    digits = "".join(hashlib.sha256(f"{prefix}{number}".encode()).hexdigest() for number in range(length // 64 + 1))
    return (prefix + digits)[:length]
