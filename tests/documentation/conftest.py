"""The shell of a reader of the pages: with the real AWS CLI and git, and a stand-in for GitHub's CLI."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest

from tests import suites
from tests.fakes import operations
from tests.fakes.desired import REGION
from tests.fakes.world import CREDENTIALS, ROOT, inherited

if TYPE_CHECKING:
    from tests.fakes.world import World

GH = """\
#!/bin/sh
echo "$*" >>"$GH_LOG"
case "$1 $2" in
'api repos/octo/widgets') echo OwnerId=11 RepositoryId=22 ;;
'secret set') cat >/dev/null ;;
'run list') echo 77 ;;
'run watch') [ "$3 $4 $5 $6" = '--repo octo/widgets --exit-status 77' ] ;;
esac
"""
"""The GitHub CLI, as far as the pages use it."""
AWS = """\
#!/bin/sh
exec {aws} --endpoint-url "$AWS_ENDPOINT_URL" "$@"
"""
"""The AWS CLI. Version 1 calls the real SQS despite the variable."""


@pytest.fixture
def shell(world: World, tmp_path_factory: pytest.TempPathFactory, no_stacks: None) -> Any:  # noqa: ARG001 - the pages make one
    """Return a function that runs shell in a folder of its own, with stand-ins for AWS and GitHub."""
    if not shutil.which("aws"):
        suites.leave_out("the quick start needs the AWS CLI, and there is no aws command")
    folder = tmp_path_factory.mktemp("reader")  # outside the test's own folder, in which planted secrets are searched
    origin = folder / "origin.git"
    for words in (["clone", "--quiet", "--bare", str(ROOT), str(origin)], ["-C", str(origin), "tag", "--force", "v1"]):
        subprocess.run(["git", *words], check=True, capture_output=True)  # noqa: S603, S607 - this very repository
    tools = folder / "bin"
    tools.mkdir()
    for name, script in (("gh", GH), ("aws", AWS.format(aws=shutil.which("aws")))):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    environ = {
        **inherited(),
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": world.aws.url,
        "GH_LOG": str(folder / "gh.log"),
        "PATH": f"{tools}:{os.environ['PATH']}",
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.{origin.as_uri()}.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/org/refresh-action.git",
    }

    def run(script: str) -> str:
        command = ["bash", "-euo", "pipefail", "-c", script]
        with mock.patch.object(operations, "MADE", set()):  # refresh does not make these calls
            done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - the page's
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
