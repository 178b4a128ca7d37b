"""Bash's own opinion of a script, which it reads and does not run."""

from __future__ import annotations

import platform
import re
from pathlib import Path

from attrs import frozen

_BASH = Path("/bin/bash")
"""Never one of the job's PATH."""
_SYNTAX_ERROR = 2
_PATIENCE_SEC = 10
_SAID = re.compile(r"^.*?bash: (?:line (?P<line>[0-9]+): )?(?P<words>.*)$", re.MULTILINE)
_QUOTED = re.compile(r"`(.*?)'(?!')")
_WORDS = "newline if then elif else fi for while until do done case esac in select function EOF EOT"
"""What bash may quote of a script, with its operators: any other word might be a password."""
_OF_BASH = re.compile(rf"[^\w\s]{{1,3}}|{_WORDS.replace(' ', '|')}")


@frozen
class Opinion:
    """What bash says of a script; both are empty where it can be read."""

    error: str = ""
    warning: str = ""


def opinion(script: str) -> Opinion:
    """Ask bash whether it can read a script; without a bash there is no objection.

    macOS's is older than any instance's.
    """
    if not script or platform.system() != "Linux" or not _BASH.exists():
        return Opinion()
    import subprocess  # noqa: PLC0415 - few runs have a script

    # Patterns as !(a|b) are syntax only once the script has run its `shopt`, and nothing of it is run.
    command = [str(_BASH), "-O", "extglob", "-n"]
    try:
        read = subprocess.run(  # noqa: S603 - with -n and without BASH_ENV it executes nothing
            command,
            input=script.encode(),
            env={},
            cwd="/",
            capture_output=True,
            timeout=_PATIENCE_SEC,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Opinion()
    said = _said(read.stderr.decode(errors="replace"))
    if read.returncode == _SYNTAX_ERROR:
        return Opinion(error=said or "a syntax error")
    return Opinion(warning=said.replace("warning: ", "") if "here-document" in said else "")


def _said(text: str) -> str:
    """Give the first line of what bash said, without any word of the script's author."""
    found = _SAID.search(text)
    if not found:
        return ""
    words = _QUOTED.sub(lambda quoted: quoted[0] if _OF_BASH.fullmatch(quoted[1]) else "a word", found["words"])
    return f"line {found['line']}: {words}" if found["line"] else words
