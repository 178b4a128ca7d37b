"""Bash's check of a script: bash reads it and runs nothing of it."""

from __future__ import annotations

import platform
import re
import subprocess
from pathlib import Path

from attrs import frozen

_BASH = Path("/bin/bash")
"""Never the first one in the job's PATH."""
_SYNTAX_ERROR = 2
_TIMEOUT_SEC = 10
_FIRST_MESSAGE = re.compile(r"^.*?bash: (?:line (?P<line>[0-9]+): )?(?P<words>.*)$", re.MULTILINE)
_QUOTED = re.compile(r"`(.*?)'(?!')")
_WORDS = "newline if then elif else fi for while until do done case esac in select function EOF EOT"
"""Words of a script that bash's message may show, with its operators: any other word might be a password."""
_OF_BASH = re.compile(rf"[^\w\s]{{1,3}}|{_WORDS.replace(' ', '|')}")


@frozen
class Findings:
    """What bash says about a script; both texts are empty where it can read it."""

    error: str = ""
    warning: str = ""


def check(script: str) -> Findings:
    """Let bash check the syntax of a script; return no findings where there is no bash.

    The bash of macOS is older than that of any instance, so it is not used.
    """
    if not script or platform.system() != "Linux" or not _BASH.exists():
        return Findings()
    # Patterns such as !(a|b) are syntax only after `shopt -s extglob`, which the script may do but is not run.
    command = [str(_BASH), "-O", "extglob", "-n"]
    try:
        read = subprocess.run(  # noqa: S603 - with -n and without BASH_ENV it executes nothing
            command,
            input=script.encode(),
            env={},
            cwd="/",
            capture_output=True,
            timeout=_TIMEOUT_SEC,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Findings()
    message = _message(read.stderr.decode(errors="replace"))
    if read.returncode == _SYNTAX_ERROR:
        return Findings(error=message or "a syntax error")
    return Findings(warning=message.replace("warning: ", "") if "here-document" in message else "")


def _message(text: str) -> str:
    """Return the first line that bash printed, without any word of the script."""
    found = _FIRST_MESSAGE.search(text)
    if not found:
        return ""
    words = _QUOTED.sub(lambda quoted: quoted[0] if _OF_BASH.fullmatch(quoted[1]) else "a word", found["words"])
    return f"line {found['line']}: {words}" if found["line"] else words
