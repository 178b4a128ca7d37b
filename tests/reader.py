"""A reader of the pages at a shell: with the real AWS CLI and git, and a stand-in for GitHub's CLI."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING
from unittest import mock

from attrs import define

from tests import suites
from tests.fakes import operations
from tests.fakes.desired import REGION
from tests.fakes.world import CREDENTIALS, ROOT, inherited

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_NEEDED = ("aws", "git", "jq")
_REPOSITORY = '{"id": 22, "name": "widgets", "default_branch": "main", "owner": {"id": 11, "login": "octo"}}'
_GH = f"""\
#!/bin/sh
echo "$1 $2 ${{3-}}" >>"$GH_LOG"
case "$1 $2" in
'api repos/{{owner}}/{{repo}}') [ "$3" = --jq ] && echo '{_REPOSITORY}' | jq -r "$4" ;;
'secret set') cat >/dev/null ;;
'run list') echo 77 ;;
'run watch') [ "$3 $4" = '--exit-status 77' ] ;;
esac
"""
"""The GitHub CLI, as far as the pages use it, in a clone of octo/widgets."""
_AWS = """\
#!/bin/sh
exec {aws} --endpoint-url "$AWS_ENDPOINT_URL" "$@"
"""
"""The AWS CLI. Version 1 calls the real SQS despite the variable."""
_SESSION = """\
if [[ -e $SESSION ]]; then . "$SESSION"; fi
{}
{{ export -p; declare -f; }} >"$SESSION"
"""
"""Runs a block as if it were typed after the earlier ones: with their variables and functions."""


@define
class Reader:
    """Runs shell in a clone of the repository octo/widgets."""

    folder: Path
    """The clone."""
    environ: Mapping[str, str]

    def __call__(self, script: str) -> str:
        """Run a block of a page and return what it prints."""
        command = ["bash", "-euo", "pipefail", "-c", _SESSION.format(script)]
        with mock.patch.object(operations, "MADE", set()):  # refresh does not make these calls
            done = subprocess.run(  # noqa: S603 - the page's
                command, cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def called(self) -> list[str]:
        """Return how GitHub's CLI was called."""
        return (self.folder.parent / "gh.log").read_text().splitlines()


def sit_down(url: str, folder: Path) -> Reader:
    """Give a reader of the pages an AWS account at this address, repositories and programs; skip without the latter."""
    if absent := [each for each in _NEEDED if not shutil.which(each)]:
        suites.leave_out(f"the commands of the pages need {', '.join(absent)}")
    origin, own = folder / "refresh-action.git", folder / "widgets.git"
    _git("clone", "--quiet", "--bare", str(ROOT), str(origin))
    _git("-C", str(origin), "tag", "--force", "v1")
    _git("init", "--quiet", "--bare", "--initial-branch=main", str(own))
    _git("clone", "--quiet", str(own), str(folder / "widgets"))
    tools = folder / "bin"
    tools.mkdir()
    for name, script in (("gh", _GH), ("aws", _AWS.format(aws=shutil.which("aws"))), ("sleep", "#!/bin/sh\n")):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)
    git = {
        f"url.{origin.as_uri()}.insteadOf": "https://github.com/org/refresh-action.git",
        "user.name": "octo",
        "user.email": "octo@example.com",
    }
    environ = {
        **inherited(),
        **CREDENTIALS,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "GH_LOG": str(folder / "gh.log"),
        "SESSION": str(folder / "session"),
        "PATH": f"{tools}:{os.environ['PATH']}",
        "GIT_CONFIG_COUNT": str(len(git)),
        **{f"GIT_CONFIG_KEY_{number}": key for number, key in enumerate(git)},
        **{f"GIT_CONFIG_VALUE_{number}": value for number, value in enumerate(git.values())},
    }
    return Reader(folder / "widgets", environ)


def _git(*words: str) -> None:
    subprocess.run(["git", *words], check=True, capture_output=True)  # noqa: S603, S607 - this very repository
