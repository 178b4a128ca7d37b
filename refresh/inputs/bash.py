"""Bash's own opinion of a script, which it reads and does not run."""

from __future__ import annotations

import platform
from pathlib import Path

_BASH = Path("/bin/bash")
"""Never one of the job's PATH."""
_SYNTAX_ERROR = 2
_PATIENCE_SEC = 10


def refuses(script: str) -> bool:
    """Whether bash finds a syntax error in it; not so where there is no bash to ask.

    Its words are dropped: they repeat the script, and whatever secret is in it. macOS's is older than any instance's.
    """
    if not script or platform.system() != "Linux" or not _BASH.exists():
        return False
    import subprocess  # noqa: PLC0415 - few runs have a script

    # Patterns as !(a|b) are syntax only once the script has run its `shopt`, and nothing of it is run.
    command = [str(_BASH), "-O", "extglob", "-n"]
    nowhere = subprocess.DEVNULL
    try:
        read = subprocess.run(  # noqa: S603 - with -n and without BASH_ENV it executes nothing
            command,
            input=script.encode(),
            env={},
            cwd="/",
            stdout=nowhere,
            stderr=nowhere,
            timeout=_PATIENCE_SEC,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return read.returncode == _SYNTAX_ERROR
