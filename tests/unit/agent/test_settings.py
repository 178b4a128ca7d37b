"""The header's values reach the agent, and no process that it starts."""

from __future__ import annotations

import json

from refresh.agent.settings import Settings

HEADER = {
    "AWS_REGION": "eu-west-1",
    "TABLE_NAME": "octo-widgets-ci-table",
    "REGISTRATION_URL": "https://github.com/octo/widgets",
    "RUNNER_USER": "root",
    "RUNNER_VERSION": "2.335.1",
    "RUNNER_URL_X64": "https://github.com/x64.tar.gz",
    "RUNNER_SHA256_X64": "a" * 64,
    "RUNNER_URL_ARM64": "https://github.com/arm64.tar.gz",
    "RUNNER_SHA256_ARM64": "",
    "ORIGINAL_MODES": "true",
    "PRE_RUNNER_SCRIPT": json.dumps("echo 'é🐎'\r\n"),
    "PRE_RUNNER_SCRIPT_SHA256": "",
}


def test_every_value_of_the_header_is_taken_out_of_the_environment() -> None:
    environ = {**HEADER, "PATH": "/usr/bin"}
    settings = Settings(environ)
    assert environ == {"PATH": "/usr/bin"}
    assert settings.pre_runner_script == "echo 'é🐎'\r\n"
    assert settings.original_modes is True
    texts = [value for value in vars(settings).values() if isinstance(value, str)]
    assert {value for name, value in HEADER.items() if name not in {"ORIGINAL_MODES", "PRE_RUNNER_SCRIPT"}} <= {*texts}


def test_the_original_modes_are_off_unless_they_are_said_to_be_on() -> None:
    assert Settings({**HEADER, "ORIGINAL_MODES": "false"}).original_modes is False
