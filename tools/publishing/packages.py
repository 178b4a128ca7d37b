"""The packages in the commit of a release, so that the composite form starts without installing anything.

They are the pure Python wheels of requirements/runtime.txt, verified by their hashes, with botocore's models reduced as
in the image. There is no bytecode: nobody can review it, and each version of Python has its own. The result depends
only on the lock file, not on the machine or its version of Python.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.publishing.commands import CommandFailed

CARRIED = Path("composite") / "packages"
"""Their folder in the commit of a release."""
COMPILED = ("cffi", "cryptography", "pycparser", "pynacl")
"""Packages without a pure Python wheel, and pycparser, which only cffi needs."""
UNUSED = ("pynacl",)
"""Packages that refresh never calls."""
_LISTED = "compiled.txt"
_STAND_IN = '''\
"""Replaces PyNaCl, which is compiled: PyGithub imports it to encrypt secrets for GitHub, which refresh never does."""

encoding = public = utils = None
'''
# Wheels of pure Python for every platform; the version is the oldest that is supported.
_PURE = ("--platform=any", "--implementation=py", "--abi=none", "--python-version=3.11", "--only-binary=:all:")
# The packages' own botocore reads the models.
_REDUCE = """
import runpy, sys
folder, script = sys.argv[1:]
sys.path.insert(0, folder)
del sys.argv[1:]
runpy.run_path(script, run_name="__main__")
"""
_HIDDEN = ("AWS_", "GH_", "GITHUB_", "ACTIONS_")
_OF_PIP = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""Files that pip writes about the installation itself."""


def write(root: Path, folder: Path) -> str:
    """Make the folder from the lock file of a checkout; return its digest."""
    locked = _locked((root / "requirements" / "runtime.txt").read_text())
    if folder.exists():
        shutil.rmtree(folder)
    _install("".join(text for name, text in locked.items() if name not in COMPILED), folder)
    for path in (folder / "bin", *folder.rglob("__pycache__")):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob("*.dist-info/*"):
        if path.name in _OF_PIP:
            path.unlink()
    _run([sys.executable, "-I", "-B", "-c", _REDUCE, str(folder), str(root / "tools" / "image" / "reduced_models.py")])
    (folder / "nacl").mkdir()
    (folder / "nacl" / "__init__.py").write_text(_STAND_IN)
    kept = "".join(text for name, text in locked.items() if name in COMPILED and name not in UNUSED)
    (folder / _LISTED).write_text(f"# Packages that sign with an App's key; installed only when needed.\n{kept}")
    return digest(folder)


def digest(folder: Path) -> str:
    """Return one digest of the names and contents of all files, independent of their order.

    Bytecode counts too, because Python may run it in place of the source next to it.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = "".join(f"{_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in files)
    return f"sha256:{hashlib.sha256(listed.encode()).hexdigest()}"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(root: Path, folder: Path) -> str:
    """Make the packages again and compare; return the digest, or raise `CommandFailed` if the folder differs."""
    with tempfile.TemporaryDirectory() as place:
        made = write(root, Path(place) / "packages")
    if (found := digest(folder)) != made:
        raise CommandFailed(f"{folder} is not what the lock file makes: {found}, {made} expected")
    return made


def _locked(text: str) -> dict[str, str]:
    """Return each package's lines of a lock file, by its name."""
    blocks = [each for each in re.split(r"^(?=[A-Za-z])", text, flags=re.MULTILINE) if each[:1].isalpha()]
    return {each.partition("==")[0]: each if each.endswith("\n") else f"{each}\n" for each in blocks}


def _install(requirements: str, folder: Path) -> None:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
        file.write(requirements)
        file.flush()
        pip = (sys.executable, "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        _run([*pip, *_PURE, "--require-hashes", "--no-deps", "--no-compile", f"--target={folder}", f"-r{file.name}"])


def _run(command: list[str]) -> None:
    # The builder's own AWS configuration may have a profile or an endpoint; tokens are not for the packages' code.
    environ = {name: value for name, value in os.environ.items() if not name.startswith(_HIDDEN)}
    environ |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "PYTHONHASHSEED": "0"}
    done = subprocess.run(command, check=False, env=environ, capture_output=True, text=True)  # noqa: S603 - our own
    if done.returncode:
        raise CommandFailed(f"the packages could not be made: {(done.stdout + done.stderr).strip()[:2000]}")
