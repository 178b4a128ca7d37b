"""Where refresh and the yardstick run: the environment of the image, made here or in a container of the image."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from attrs import frozen

from refresh.inputs.table import REFRESH
from tools.bench.figures import Sample

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "bench"
LAUNCHER = ROOT / "tools" / "bench" / "launcher.py"
YARDSTICK = ROOT / "tools" / "bench" / "yardstick.py"
_YARDSTICK_PACKAGES = ("boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3")
_NO_CONFIGURATION = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
_IN_IMAGE = "/opt/refresh/bin/python"


class Failed(Exception):
    """What is measured did not end as it should."""


class Environment(Protocol):
    """A place where both run."""

    def run(self, environ: Mapping[str, str], code: int, action: str = REFRESH) -> Sample:
        """Run an action; raises `Failed` with what it printed where it gives another exit code."""
        ...

    def yardstick(self) -> Sample:
        """Run the yardstick."""
        ...


@frozen
class Bare:
    """A virtual environment on this machine."""

    python: Path
    entrypoint: Path
    with_boto3: Path
    """The interpreter of the yardstick's environment."""
    flags: tuple[str, ...] = ("-I",)

    def run(self, environ: Mapping[str, str], code: int, action: str = REFRESH) -> Sample:
        """As the image's entrypoint does."""
        return self._run([str(self.python), *self.flags, str(self.entrypoint), action], environ, code)

    def yardstick(self) -> Sample:
        """With the models of AWS as they come."""
        return self._run([str(self.with_boto3), "-I", str(YARDSTICK)], _NO_CONFIGURATION, 0)

    def _run(self, command: list[str], environ: Mapping[str, str], code: int) -> Sample:
        return _launched(command, environ, code)


@frozen
class Container:
    """A container of the image, in which the process is measured: what it takes to start one is not."""

    image: str
    packages: Path
    """Those of the yardstick, compiled by the image's own interpreter."""

    def run(self, environ: Mapping[str, str], code: int, action: str = REFRESH) -> Sample:
        """Run it as the image does."""
        return self._run(["-I", "/opt/refresh/entrypoint.py", action], environ, code)

    def yardstick(self) -> Sample:
        """With the models of AWS as they come."""
        return self._run(["-P", "/bench/yardstick.py"], {**_NO_CONFIGURATION, "PYTHONPATH": "/yardstick"}, 0)

    def _run(self, arguments: list[str], environ: Mapping[str, str], code: int) -> Sample:
        mounts = ["-v", f"{ROOT / 'tools' / 'bench'}:/bench:ro", "-v", f"{self.packages}:/yardstick:ro"]
        launcher = ["docker", "run", "--rm", "-i", "--network=host", *mounts, f"--entrypoint={_IN_IMAGE}", self.image]
        command = [_IN_IMAGE, *arguments]
        return _measured([*launcher, "-I", "-S", "/bench/launcher.py"], command, environ, "/tmp/printed", code)  # noqa: S108 - the container's own


@frozen
class Started(Container):
    """Both from `docker run` to their end, as GitHub's runner starts an action; their CPU time is not docker's."""

    def _run(self, arguments: list[str], environ: Mapping[str, str], code: int) -> Sample:
        names = [word for name in environ for word in ("-e", name)]
        mounts = ["-v", f"{ROOT / 'tools' / 'bench'}:/bench:ro", "-v", f"{self.packages}:/yardstick:ro"]
        docker = shutil.which("docker") or "docker"
        command = [docker, "run", "--rm", "--network=host", *mounts, *names, f"--entrypoint={_IN_IMAGE}", self.image]
        return Sample(_launched([*command, *arguments], {**os.environ, **environ}, code).wall)


def _launched(command: list[str], environ: Mapping[str, str], code: int) -> Sample:
    """Measure a process on this machine; what it prints goes to a folder of its own, as benchmarks may run at once."""
    with tempfile.TemporaryDirectory() as folder:
        launcher = [sys.executable, "-I", "-S", str(LAUNCHER)]
        return _measured(launcher, command, environ, f"{folder}/printed", code)


def _measured(
    launcher: Sequence[str], command: list[str], environ: Mapping[str, str], output: str, code: int
) -> Sample:
    job = json.dumps({"command": command, "environ": dict(environ), "output": output})
    printed = subprocess.run(launcher, input=job, capture_output=True, text=True, check=False)  # noqa: S603 - our own
    if printed.returncode:
        raise Failed(printed.stderr)
    figures = json.loads(printed.stdout)
    if figures["code"] != code:
        raise Failed(f"exit code {figures['code']}, {code} expected:\n{figures['printed']}")
    return Sample(figures["wall"], figures["cpu"], figures["peak"])


def built(python: str) -> Path:
    """Make the image's environment anew."""
    folder = CACHE / "refresh"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(f"{folder}.tools", ignore_errors=True)
    script = [str(ROOT / "tools" / "image" / "environment.sh"), "all", str(folder)]
    subprocess.run(script, check=True, env={**os.environ, "PYTHON": python})  # noqa: S603 - our own
    return folder


def yardstick(python: str) -> Path:
    """Make an environment with boto3 as it comes, in the versions that are pinned here; gives its interpreter."""
    folder = CACHE / "yardstick"
    shutil.rmtree(folder, ignore_errors=True)
    pinned = (ROOT / "requirements" / "development.txt").read_text(encoding="utf-8")
    blocks = re.findall(r"^(?:[a-z0-9-]+)==.*?(?=^[a-z#]|\Z)", pinned, re.MULTILINE | re.DOTALL)
    wanted = [block for block in blocks if block.partition("==")[0] in _YARDSTICK_PACKAGES]
    requirements = CACHE / "yardstick.txt"
    requirements.write_text("".join(wanted), encoding="utf-8")
    interpreter = folder / "bin" / "python"
    pip = [str(interpreter), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    for command in (
        [python, "-m", "venv", str(folder)],
        [*pip, "--require-hashes", "-r", str(requirements)],
        compiling(str(interpreter), f"{folder}/lib"),
    ):
        subprocess.run(command, check=True)  # noqa: S603 - our own words
    return interpreter


def described(python: str) -> str:
    """Say which interpreter it is, and whether it was built with optimizations, as those of distributions are."""
    program = "import sys, sysconfig; print(sys.version.split()[0], sysconfig.get_config_var('CONFIG_ARGS'))"
    printed = subprocess.run([python, "-c", program], check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own
    how = "with" if "--enable-optimizations" in printed else "without"
    return f"{python}, {printed.split()[0]}, built {how} optimizations"


def compiling(interpreter: str, folder: str) -> list[str]:
    """Give the command that compiles all of a folder."""
    return [interpreter, "-m", "compileall", "-q", "-f", "--invalidation-mode", "unchecked-hash", folder]


def in_image(image: str, with_boto3: Path) -> Path | None:
    """Compile the yardstick's packages with the image's interpreter; None where no engine has the image."""
    if not shutil.which("docker"):
        return None
    there = subprocess.run(["docker", "image", "inspect", image], check=False, capture_output=True)  # noqa: S603, S607 - docker
    if there.returncode:
        return None
    packages = CACHE / "yardstick-in-image"
    shutil.rmtree(packages, ignore_errors=True)
    (found,) = with_boto3.parents[1].glob("lib/python3*/site-packages")
    shutil.copytree(found, packages, ignore=shutil.ignore_patterns("pip*", "__pycache__"))
    command = ["docker", "run", "--rm", "-v", f"{packages}:/yardstick", f"--entrypoint={_IN_IMAGE}", image]
    subprocess.run([*command, *compiling("-I", "/yardstick")], check=True)  # noqa: S603 - docker
    return packages
