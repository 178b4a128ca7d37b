"""A run neither reads, runs nor follows what a pull request, an earlier step or the checkout puts around it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.fakes.literals import HOSTILE_FILES, lay
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World

TEXT = "evil-5e1f"
HOSTILE = f"{TEXT}\n::set-output name=changed::{TEXT}\n##[error]{TEXT} $(id) `id` '; id"
READ = {
    *("GITHUB_ACTIONS", "GITHUB_API_URL", "GITHUB_OUTPUT", "GITHUB_REPOSITORY", "GITHUB_RUN_ID", "GITHUB_SERVER_URL"),
    *("GITHUB_RUN_ATTEMPT", "GITHUB_STEP_SUMMARY", "GITHUB_WORKSPACE"),
}
"""What a run reads of GitHub's variables. The author of a pull request decides none of them."""
IMAGE_ENV = dict(re.findall(r"(AWS_[A-Z0-9_]+)=(\S+)", (ROOT / "Dockerfile").read_text().partition("\nENV ")[2]))


@pytest.mark.shows("A28")
def test_no_variable_that_a_pull_request_decides_is_read() -> None:
    """Such as a branch, a title, an author or the event."""
    source = "\n".join(path.read_text() for path in (ROOT / "refresh").rglob("*.py"))
    words = set(re.findall(r'"(?:INPUT_)?GITHUB_([A-Z_]+)"', source))
    assert {f"GITHUB_{word}" for word in words if not re.match("TOKEN|ENTERPRISE_|APP_|PRIVATE|REG_", word)} <= READ
    assert not re.search(r"GITHUB_(EVENT|HEAD|BASE|REF|ACTOR|TRIGGERING|SHA|JOB|WORKFLOW\b)", source)
    assert "HEAD_REF" not in source


@pytest.mark.shows("A28")
def test_text_of_a_pull_request_goes_nowhere(world: World, tmp_path: Path) -> None:
    """Not into the log, the outputs, the summary, the report, AWS or GitHub."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"title": HOSTILE, "body": HOSTILE, "head": {"ref": HOSTILE}}}))
    names = ("HEAD_REF", "BASE_REF", "REF", "REF_NAME", "ACTOR", "TRIGGERING_ACTOR", "WORKFLOW", "JOB", "SHA")
    (tmp_path / "workspace").mkdir()
    given = {
        **{f"GITHUB_{name}": HOSTILE for name in names},
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_OUTPUT": str(tmp_path / "output"),
        "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "GITHUB_WORKSPACE": str(tmp_path / "workspace"),
        "RUNNER_DEBUG": "1",
    }
    code, printed = world.run(given)
    assert code == 0, printed
    written = [path.read_text() for path in tmp_path.rglob("*") if path.is_file() and path != event]
    assert len(written) == 3
    sent = [body.decode(errors="replace") for body in world.aws.bodies]
    assert not [text for text in (printed, *written, *sent, *world.github.calls) if TEXT in text]


@pytest.mark.shows("A32")
@pytest.mark.parametrize(
    "repository",
    [
        *("../..", "octo/..", "octo/wid/gets", "octo/$(id)", "octo/`id`", "octo/a b", "octo/a;id", "o'/r"),
        *("octo/widgets\n::error::x", "octo/##[error]x", "octo/wídgets", "-/r" * 50, "octo/*", "octo/%2e%2e"),
    ],
)
def test_an_impossible_name_of_a_repository_is_refused(world: World, repository: str) -> None:
    """Tables, queues and addresses are named after it. Nothing is called."""
    code, printed = world.run({"GITHUB_REPOSITORY": repository})
    assert code == 2
    assert "GITHUB_REPOSITORY: " in printed
    assert (world.aws.calls, world.github.calls) == ([], [])


@pytest.mark.shows("A48")
@pytest.mark.parametrize(("environ", "code"), [(IMAGE_ENV, 0), ({}, 2)], ids=["image's", "none"])
def test_the_image_keeps_files_in_home_from_being_read(
    world: World, tmp_path: Path, environ: dict[str, str], code: int
) -> None:
    """The containers of a job share HOME. Without the image's variables such files would stop or mislead a run."""
    assert set(IMAGE_ENV) == {"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_EC2_METADATA_DISABLED"}
    lay(HOSTILE_FILES, tmp_path)
    home = tmp_path / "home"
    # Where AWS's libraries look for them by default.
    found = {
        "AWS_CONFIG_FILE": str(home / ".aws/config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(home / ".aws/credentials"),
    }
    exit_code, printed = world.run({**found, **environ, "HOME": str(home)})
    assert exit_code == code, printed


@pytest.mark.shows("A46", "A47")
def test_the_container_is_isolated_from_the_checkout_and_the_variables_of_the_job(tmp_path: Path) -> None:
    """By Python's `-I`, which ignores PYTHONPATH, PYTHONSTARTUP and the working directory."""
    (entry,) = re.findall(r"^ENTRYPOINT (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert json.loads(entry)[1] == "-I"
    (tmp_path / "sitecustomize.py").write_text("print('owned')\n")
    (tmp_path / "cattrs.py").write_text("print('owned')\n")
    for option, owned in (("-I", False), ("-B", True)):
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, option, "-c", "import cattrs"],
            env={"PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": str(tmp_path / "cattrs.py")},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert ("owned" in done.stdout) is owned


@pytest.mark.shows("A50")
def test_a_link_in_the_workspace_is_not_followed(world: World, tmp_path: Path) -> None:
    """Another step could have left it there, so that root overwrites another file."""
    victim = tmp_path / "victim"
    victim.write_text("as it was")
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "refresh-report.json").symlink_to(victim)
    code, printed = world.run({"GITHUB_WORKSPACE": str(workspace)}, mode="plan")
    assert code == 0, printed
    assert victim.read_text() == "as it was"
    assert json.loads((workspace / "refresh-report.json").read_text())["schema_version"] == 1
