"""The repository of these tests, and a way to run a step of a release in it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.publishing.repository import DOCKER, GH, JOB, MANIFESTS, PROGRAM, ROOT, USED, Run, git, lay, locked


@pytest.fixture(scope="session")
def _wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Download the one package that a release of the tests carries."""
    folder = tmp_path_factory.mktemp("wheels")
    lay(folder / "lock" / "six.txt", locked("six"))
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "-r", str(folder / "lock" / "six.txt"), "-d", str(folder)], check=True)  # noqa: S603 - pip
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a clone of a small repository that is ready for 1.2.3, as the workflow checks it out."""
    origin, clone = tmp_path / "origin.git", tmp_path / "clone"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(origin))
    git(tmp_path, "clone", "--quiet", str(origin), str(clone))
    shutil.copytree(
        ROOT / "tools" / "publishing", clone / "tools" / "publishing", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name in ("composite", "provision", "release", ".github/workflows"):
        (clone / name).mkdir(parents=True)
    for name in (*MANIFESTS, "composite/launch.sh", "Dockerfile"):
        shutil.copy(ROOT / name, clone / name)
    (clone / "entrypoint.py").write_text(PROGRAM)
    (clone / JOB).write_text(f"jobs: {{job: {{steps: [\n  - uses: {USED}@v1.2.3\n]}}}}\n")
    # Packages of which each stands for a kind, and no models to reduce.
    locked = re.split(r"\n(?=[a-z])", (ROOT / "requirements" / "runtime.txt").read_text())
    lay(clone / "requirements" / "runtime.txt", "\n".join(each for each in locked if re.match("six|cffi|pynacl", each)))
    lay(clone / "tools" / "image" / "reduced_models.py", "import six\n")
    (clone / "CHANGELOG.md").write_text("# Changelog\n\n## 1.2.3\n\n- Ends [more](docs/x.md).\n")
    (clone / "pyproject.toml").write_text('[project]\nversion = "1.2.3"\n')
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "Prepare 1.2.3")
    git(clone, "push", "--quiet", "origin", "HEAD:main")
    return clone


@pytest.fixture
def run(checkout: Path, _wheels: Path, tmp_path: Path) -> Run:
    """Give a way to run a step: exit code and what it said."""
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in (("docker", DOCKER), ("gh", GH), ("cosign", GH)):
        (tools / name).write_text(script)
        (tools / name).chmod(0o755)

    def started(*arguments: str, **changed: str) -> tuple[int, str]:
        environ = {
            "HOME": str(tmp_path),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(_wheels),
            "LOG": str(tmp_path / "log"),
            "PATH": f"{tools}:{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "Org/refresh-action",
            "GITHUB_OUTPUT": str(tmp_path / "output"),
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{(tmp_path / 'origin.git').as_uri()}.insteadOf",
            "GIT_CONFIG_VALUE_0": "https://github.com/Org/refresh-action.git",
            **changed,
        }
        command = [sys.executable, "-m", "tools.publishing", *arguments]
        done = subprocess.run(command, cwd=checkout, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        return done.returncode, done.stdout + done.stderr

    return started


@pytest.fixture
def packages_digest(run: Run, tmp_path: Path) -> str:
    """Make the packages elsewhere, as another job of the workflow does."""
    code, told = run("packages", str(tmp_path / "elsewhere"))
    assert code == 0, told
    return told.strip().partition(": ")[2]
