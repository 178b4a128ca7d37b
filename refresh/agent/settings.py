"""The header of the user data: what the launch template says of the pool."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import MutableMapping


class Settings:
    """The values of the header. They leave the environment, so that neither the script nor a job gets them."""

    def __init__(self, environ: MutableMapping[str, str]) -> None:
        self.region = environ.pop("AWS_REGION")
        self.table = environ.pop("TABLE_NAME")
        self.registration_url = environ.pop("REGISTRATION_URL")
        self.runner_user = environ.pop("RUNNER_USER")
        self.runner_version = environ.pop("RUNNER_VERSION")
        self.runner_url_x64 = environ.pop("RUNNER_URL_X64")
        self.runner_sha256_x64 = environ.pop("RUNNER_SHA256_X64")
        self.runner_url_arm64 = environ.pop("RUNNER_URL_ARM64")
        self.runner_sha256_arm64 = environ.pop("RUNNER_SHA256_ARM64")
        self.original_modes = environ.pop("ORIGINAL_MODES") == "true"
        """Whether the items that the original action reads are written as well."""
        self.pre_runner_script: str = json.loads(environ.pop("PRE_RUNNER_SCRIPT"))
        self.pre_runner_script_sha256 = environ.pop("PRE_RUNNER_SCRIPT_SHA256")
        """Of the script in the table, in hexadecimal; "" if the header has the script, or there is none."""
