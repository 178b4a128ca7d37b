"""GitHub's runner on this machine: the image's own, or GitHub's archive."""

# ruff: noqa: PTH101, PTH103, PTH107, PTH123, PTH208
# pathlib costs memory and start-up time.

from __future__ import annotations

import contextlib
import os
import subprocess
import time
from typing import TYPE_CHECKING

from refresh.agent.environment import read_environment
from refresh.agent.log import say
from refresh.agent.users import homes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from refresh.agent.settings import Settings
    from refresh.agent.users import User

IMAGE_RUNNER = "/opt/actions-runner"
UNPACKED = "/opt/refresh-runner"
_ATTEMPTS = 4
_PAUSE_SECONDS = 3
_SERVER_SECONDS = 10
_DOWNLOAD_SECONDS = 90
_VERSION_SECONDS = 60
_BLOCK_BYTES = 1 << 20


class NotInstalled(Exception):
    """There is no runner of the wanted version."""


def install(settings: Settings, user: User) -> str:
    """Return the folder of the wanted runner, which is handed over to the user. Raises NotInstalled.

    A boot does not have the variables of /etc/environment, so `RUNNER_HOME` is also read there.
    """
    named = os.environ.get("RUNNER_HOME") or read_environment(user.home, "").get("RUNNER_HOME")
    try:
        for folder in filter(None, (named, IMAGE_RUNNER)):
            if _version_of(folder) == settings.runner_version:
                say(f"runner.found folder={folder}")
                return _hand_over(folder, user)
        _download_runner(settings)
        return _hand_over(UNPACKED, user)
    except (OSError, subprocess.SubprocessError) as error:
        raise NotInstalled(f"runner.not_installed {error}") from error


def _version_of(folder: str) -> str | None:
    if not os.access(f"{folder}/config.sh", os.X_OK):
        return None
    environment = {**os.environ, "RUNNER_ALLOW_RUNASROOT": "1"}
    try:
        answer = _run_tool(
            "./config.sh", "--version", cwd=folder, env=environment, stdout=subprocess.PIPE, timeout=_VERSION_SECONDS
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return str(answer.stdout.decode(errors="replace").strip())


def _hand_over(folder: str, user: User) -> str:
    """Let the user add files to the runner's folder, but neither change nor move the runner's own."""
    if not user.uid:
        return folder
    folder = _leave_home(folder, user)
    real = os.path.realpath(folder)
    with contextlib.suppress(FileNotFoundError):
        os.remove(f"{real}/run-helper.sh")
    _run_tool("chown", "-R", f"{user.uid}:{user.gid}", real)
    _run_tool("chown", "-R", "0:0", *_own_files(real), check=True)
    _run_tool("chown", "0", real, check=True)
    os.chmod(real, 0o1770)  # noqa: S103 - the user's group is its own
    return folder


def _leave_home(folder: str, user: User) -> str:
    """Copy the runner out of a folder that is, or contains, the home of any user; that folder stays unchanged.

    Directories such as LDAP answer for one user, and list none.
    """
    real = os.path.realpath(folder)
    for home in (*homes(), user.home):
        if f"{os.path.realpath(home or '/')}/".startswith(f"{real}/"):
            _make_unpacked()
            _run_tool("cp", "-aH", *_own_files(real, ".env"), UNPACKED, check=True)
            return UNPACKED
    return folder


def _own_files(folder: str, *more: str) -> list[str]:
    return [
        f"{folder}/{each}"
        for each in os.listdir(folder)
        if each in ("bin", "externals", *more) or (each[0] != "." and each.endswith((".sh", ".template")))
    ]


def _make_unpacked() -> None:
    os.makedirs(UNPACKED, exist_ok=True)
    os.chmod(UNPACKED, 0o755)  # noqa: S103 - the runner's programs are public


def _download_runner(settings: Settings) -> None:
    """Download GitHub's archive and unpack it. Raises NotInstalled after the last attempt."""
    machine = os.uname().machine
    if machine == "x86_64":
        url, sha256 = settings.runner_url_x64, settings.runner_sha256_x64
    elif machine in ("aarch64", "arm64"):
        url, sha256 = settings.runner_url_arm64, settings.runner_sha256_arm64
    else:
        say(f"runner.unavailable machine={machine}")
        raise OSError(f"GitHub has no runner for {machine}; use x64 or arm64")
    if not sha256:
        say("runner.unverified")
    _make_unpacked()
    archive = f"{UNPACKED}.tar.gz"
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _fetch(url, archive, sha256)
            _unpack(archive)
        except Exception as error:  # noqa: BLE001 - whatever is wrong, another attempt may help
            say(f"runner.download_failed attempt={attempt} error={error!r}")
            time.sleep(_PAUSE_SECONDS)
        else:
            return
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.remove(archive)
    raise OSError(f"the runner could not be downloaded in {_ATTEMPTS} attempts")


def _fetch(url: str, archive: str, sha256: str) -> None:
    """Download the archive; redirects may only lead to https. Raises many errors."""
    import hashlib  # noqa: PLC0415 - rarely needed
    import urllib.request  # noqa: PLC0415 - rarely needed

    class OnlyHttps(urllib.request.HTTPRedirectHandler):
        def redirect_request(self, *answer: Any) -> urllib.request.Request | None:
            if not answer[-1].startswith("https://"):
                raise ValueError("a redirect does not lead to https")
            return super().redirect_request(*answer)

    until = time.monotonic() + _DOWNLOAD_SECONDS
    digest = hashlib.sha256()
    opener = urllib.request.build_opener(OnlyHttps)
    with opener.open(url, timeout=_SERVER_SECONDS) as answer, open(archive, "wb") as file:
        # read1 returns after one packet, so that a slow answer cannot outlast the limit.
        while block := answer.read1(_BLOCK_BYTES):
            if time.monotonic() > until:
                raise TimeoutError(f"the download took more than {_DOWNLOAD_SECONDS} seconds")
            digest.update(block)
            file.write(block)
    if sha256 and digest.hexdigest() != sha256:
        raise ValueError(f"the archive has the SHA-256 {digest.hexdigest()} instead of {sha256}")


def _unpack(archive: str) -> None:
    """Unpack it as root's, with the permissions that it names. Raises many errors."""
    import tarfile  # noqa: PLC0415 - rarely needed

    def of_root(packed: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
        for member in packed:
            if member.name.startswith("/") or ".." in member.name.split("/"):
                raise ValueError(f"the archive has a file outside its folder: {member.name!r}")
            member.uid = member.gid = 0
            yield member

    with tarfile.open(archive, "r:gz") as packed:
        # It also refuses ways out of the folder over links. Python has it since 3.9.17.
        packed.extraction_filter = getattr(tarfile, "tar_filter", None)
        packed.extractall(UNPACKED, of_root(packed), numeric_owner=True)  # noqa: S202 - see the filter
        # The archive's own checksum comes last, after what tarfile reads.
        while packed.fileobj.read(_BLOCK_BYTES):
            pass


def _run_tool(*arguments: str, **how: Any) -> subprocess.CompletedProcess[Any]:
    return subprocess.run(  # noqa: S603, PLW1510 - constant tools
        arguments, stdin=subprocess.DEVNULL, umask=0o022, **how
    )
