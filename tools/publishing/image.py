"""The image of a release: two platforms under one digest, pushed without a tag."""

from __future__ import annotations

import json
import platform as machine
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

from tools.publishing.commands import CommandFailed, say

if TYPE_CHECKING:
    from tools.publishing.commands import Commands
    from tools.publishing.version import Version

PLATFORMS = ("linux/amd64", "linux/arm64")
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}
_OWN = {"x86_64": "linux/amd64", "amd64": "linux/amd64", "aarch64": "linux/arm64", "arm64": "linux/arm64"}
"""The platform of a machine, by each of the names that systems use."""
_EMULATORS = Path("/proc/sys/fs/binfmt_misc")
_REPOSITORIES = {"linux/amd64": "amd64/", "linux/arm64": "arm64v8/"}
"""Where the base image of an emulated platform is, because old engines keep only one platform per name."""
_METADATA = "build/image.json"
BAD_INPUT = 2
"""The exit code of a run without inputs."""


def build_command(commands: Commands, name: str, version: Version) -> tuple[str, ...]:
    """Return the command that builds for both platforms, with provenance and a bill of materials, and pushes."""
    return (
        *("docker", "buildx", "build", f"--platform={','.join(PLATFORMS)}"),
        *_labels(commands, name, version),
        *("--provenance=mode=max", "--sbom=true", f"--metadata-file={_METADATA}"),
        f"--output=type=image,name={name},push-by-digest=true,name-canonical=true,push=true",
        ".",
    )


def push(commands: Commands, name: str, version: Version) -> str:
    """Build and push, on the base image that the Dockerfile pins; return the digest."""
    (commands.folder / _METADATA).parent.mkdir(exist_ok=True)
    commands.run(*build_command(commands, name, version))
    return str(json.loads((commands.folder / _METADATA).read_text())["containerimage.digest"])


def try_out(commands: Commands, name: str, version: Version) -> str:
    """Build each platform that this machine can run, start the program in it, and return the first digest."""
    built = {platform: _tried(commands, platform, name, version) for platform in PLATFORMS if _can_run(platform)}
    for platform in PLATFORMS:
        if platform not in built:
            say(
                f"LEFT OUT: {platform}, because this machine does not emulate {_MACHINES[platform]} "
                "(Debian: qemu-user-static)"
            )
    if not built:
        raise CommandFailed(f"this machine ({machine.machine()}) can run none of {', '.join(PLATFORMS)}")
    return next(iter(built.values()))


def base_image(root: Path) -> str:
    """Return the name of the Dockerfile's base image, without its digest."""
    (base,) = re.findall(r"^FROM (\S+)@sha256:[0-9a-f]{64} AS base$", (root / "Dockerfile").read_text(), re.MULTILINE)
    return str(base)


def _labels(commands: Commands, name: str, version: Version) -> tuple[str, ...]:
    """Label the image with what it was built from."""
    told = {
        "version": str(version),
        "revision": commands.ask("git", "rev-parse", "HEAD"),
        "source": f"https://github.com/{name.partition('/')[2]}",
    }
    return tuple(f"--label=org.opencontainers.image.{key}={value}" for key, value in told.items())


def _can_run(platform: str) -> bool:
    emulator = _EMULATORS / f"qemu-{_MACHINES[platform]}"
    return _is_own(platform) or emulator.exists()


def _is_own(platform: str) -> bool:
    return platform == _OWN.get(machine.machine().lower())


def _tried(commands: Commands, platform: str, name: str, version: Version) -> str:
    began = time.monotonic()
    tag = f"{name}:{version}-{platform.rpartition('/')[2]}"
    other = f"--build-arg=BASE_IMAGE={_REPOSITORIES[platform]}{base_image(commands.folder)}"
    commands.run(
        *("docker", "build", "--quiet", f"--platform={platform}", *(() if _is_own(platform) else (other,))),
        *_labels(commands, name, version),
        f"--tag={tag}",
        ".",
    )
    seconds = time.monotonic() - began
    # Without inputs the program reports those that are missing, and makes no call.
    commands.run("docker", "run", "--rm", f"--platform={platform}", tag, expected=BAD_INPUT)
    digest, size = commands.ask("docker", "image", "inspect", "--format={{.Id}} {{.Size}}", tag).split()
    say(f"{platform}: started, and refused to run without inputs")
    say(f"{platform}: {digest}, {int(size) / 1e6:.0f} MB, built in {seconds:.0f} s")
    return digest
