"""The user's script: it runs on the instance as written, or is refused here with the reason.

People paste existing user data into it. Bash would read much of that as comments or unknown commands,
so other formats are recognized by how they begin: https://cloudinit.readthedocs.io/en/latest/explanation/format.html.
"""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING

from refresh.inputs.parsers import Problem, cut, decoded

if TYPE_CHECKING:
    from refresh.inputs.reader import Reader

NAME = "pre-runner-script"
SIZE_LIMIT = 262144
"""Bytes in UTF-8. A script that is larger than the user data is an item, which has 400 KB at most:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html."""
_SHELLS = ("bash", "sh", "dash")
_WRITE = "write a bash script that does the same"
_CMDLET = r"(?:Add|Copy|Enable|Get|Import|Install|Invoke|New|Out|Remove|Set|Start|Stop|Test|Update|Write)-[A-Z]\w+"
_BEGINNINGS = tuple(
    (re.compile(begins, re.IGNORECASE if kind.startswith("a Windows") else 0), kind, remedy)
    for begins, kind, remedy in (
        (r"## *template: *jinja", "a Jinja template of cloud-init", f"{_WRITE} and queries metadata on the instance"),
        (r"#cloud-config-archive", "a cloud-config archive", _WRITE),
        (r"#cloud-config", "a cloud-config of cloud-init", _WRITE),
        (r"#cloud-boothook", "a boothook of cloud-init", "remove the first line: the script runs once"),
        (r"#include(-once)?\s*($|\n|\w+://)", "an #include of cloud-init", "write `curl -fsSL <address> | bash`"),
        (r"#part-handler", "a part handler of cloud-init", _WRITE),
        (r"#upstart-job", "an Upstart job", _WRITE),
        (
            r"(?i:mime-version|content-type|content-transfer-encoding) *:",
            "a MIME message",
            "write only its shell part",
        ),
        (r"</?(powershell|script|persist)\b|#ps1(_\w+)?\s*$|@echo off|@?rem ", "a Windows script", _WRITE),
        (rf"{_CMDLET} |\$\w+ *= ?[^=]|#Requires -", "a PowerShell script", _WRITE),
        (r"<(!doctype|!DOCTYPE|html|\?xml)\b", "a page of HTML or XML", "check what was downloaded"),
        (r"<<[-~]?\s*\W?\w+\W?\n", "a here-document", "remove the line with << and the line that closes it"),
        (r"```", "a block of Markdown", "remove the lines with ```"),
        (r"(from \w[\w.]* import |import [a-z_][\w.]*$)", "a Python script", _WRITE),
        (r"\[[\w.\"-]+\]$", "a TOML file", _WRITE),
        (r"(---|%YAML.*|- \w.*|[A-Za-z_][\w.-]*:( .*)?)$", "a YAML file, such as a cloud-config", _WRITE),
        (r"\$\{\{.*\}\}$", "an expression that was not expanded", "expand it in the workflow"),
    )
)
_IN_PLACE_OF_ONE = tuple(
    (re.compile(whole), kind, remedy)
    for whole, kind, remedy in (
        (r"[a-z0-9]+://\S+", "an address", "write `curl -fsSL <address> | bash`"),
        (
            r"@?(?!/)[\w./-]+\.(sh|bash|ya?ml|json)",
            "the name of a file",
            "write the content of the file, or its path in the image",
        ),
        (r"[A-Za-z]:\\\S+", "the name of a file", "write the content of the file"),
    )
)
"""What can be one line of a script, but here is the whole text."""
_SHEBANG = re.compile(r"#![ \t]*(?P<program>\S*)[ \t]*(?P<option>[^\n]*?)[ \t\r]*(?:\n|$)")
_OPTION = re.compile(r"-{1,2}|[-+][abefhiklmprtuvxBCEHPT]+|--(?:posix|login|norc|noprofile|verbose)")
"""Options with which a shell still runs the script, as the one argument that Linux passes."""
_WITH_A_WORD = re.compile(r"[-+][abefhiklmprtuvxBCEHPT]*[oO]")
_LEFT_OVER = re.compile(r"\n[ \t]*(EOF|EOT|EOS|EOL|END)\s*\Z")
_TEXT = re.compile(rb"[\t\r\n -~]*")
_GZIP = b"\x1f\x8b"
_SHORTEST_BASE64 = 16
_OF_BASH = re.compile(r"(?m)\[\[ |<<<|^[ \t]*\w+=\(|[<>]\(|^[ \t]*function \w|^[ \t]*source |\bpipefail\b")


def script(value: str) -> str:
    """Check a script without changing what it does; white space alone is no script.

    A byte order mark, white space before `#!` and Windows line endings are removed: editors add them.
    """
    text = decoded(value).removeprefix("\ufeff")
    if not text.strip():
        return ""
    if text.lstrip().startswith("#!"):
        text = text.lstrip()
    if "\r\n" in text and text.count("\r\n") == text.count("\n"):
        text = text.replace("\r\n", "\n")
    if text.startswith("#!"):
        # Linux would look for a shell whose name ends in CR.
        first, end, rest = text.partition("\n")
        text = first.rstrip("\r") + end + rest
    if "\0" in text or text.startswith(("\ufffe", "\xff\xfe", "\xfe\xff")):
        raise Problem("text in UTF-16, or with a NUL character", "save it as UTF-8")
    if text.startswith("#!"):
        _check_shell(text)
    elif found := _other(text):
        raise Problem(f"a bash script expected, not {found[0]}", found[1])
    if (left := _LEFT_OVER.search(f"\n{text}")) and not re.search(rf"<<[-~]?\s*\W{{0,2}}{left[1]}\b", text):
        raise Problem(f"its last line is {left[1]}, which closes no here-document", "remove that line")
    if (size := len(text.encode())) > SIZE_LIMIT:
        raise Problem(
            f"{size} bytes, {size - SIZE_LIMIT} above the limit of {SIZE_LIMIT}",
            "shorten it, or have it download the rest",
        )
    return text


def mentions(reader: Reader, text: str) -> None:
    """Warn about what the author of a script probably does not intend."""
    if "\r\n" in text:
        reader.warnings.append(f"{NAME}: mixes CRLF and LF line endings; save it with LF alone.")
    shell = re.match(r"#![^\n]*\b(?:da)?sh\b", text)
    if shell and "bash" not in shell[0] and (found := _OF_BASH.search(text)):
        reader.warnings.append(
            f"{NAME}: runs in sh, which is dash on Debian and Ubuntu, but uses {found[0].strip()!r}, which needs bash; "
            "write #!/bin/bash."
        )


def _other(text: str) -> tuple[str, str] | None:
    """Name the format of a text that is not a shell script, and the remedy."""
    whole = text.strip()
    for look, kind, remedy in _IN_PLACE_OF_ONE:
        if look.fullmatch(whole):
            return kind, remedy
    if kind := _packed(whole):
        return kind, "write the script itself"
    if whole[0] in "{[" and _is_json(whole):
        return "JSON, such as an Ignition file", _WRITE
    # Any kind of file may start with comments, and some comments mark a kind.
    lines = [line for line in whole.splitlines() if line.strip()]
    first = next((line for line in lines if not line.lstrip().startswith("#")), lines[0])
    for look, kind, remedy in _BEGINNINGS:
        if look.match(f"{lines[0]}\n") or look.match(first):
            return kind, remedy
    return None


def _packed(text: str) -> str:
    """Name what base64 contains; "" where it is not base64, or contains no text."""
    joined = "".join(text.split())
    if len(joined) < _SHORTEST_BASE64:
        return ""
    try:
        content = base64.b64decode(joined, validate=True)
    except ValueError:
        return ""
    if content.startswith(_GZIP):
        return "gzip in base64"
    return "base64" if _TEXT.fullmatch(content) else ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _check_shell(text: str) -> None:
    """Refuse a first line with which Linux would not run the script in a shell."""
    found = _SHEBANG.match(text)
    program, option = (found["program"], found["option"]) if found else ("", "")
    first = cut(text.partition("\n")[0])
    if "\\n" in program:
        raise Problem(f"a single line: {first}", "write real line breaks: in YAML, start the block with |")
    words = option.split()
    if split := program.rpartition("/")[2] == "env":
        if words and words[0].startswith("-S"):
            words = [word for word in (words[0][2:], *words[1:]) if word]
        elif len(words) > 1:
            raise Problem(
                f"{first} makes Linux look for a program named {cut(option)}",
                "write `#!/usr/bin/env -S` for a shell with options",
            )
        program, words = (words[0], words[1:]) if words else ("", [])
    if program.rpartition("/")[2] not in _SHELLS:
        raise Problem(
            f"a bash script expected, not one for {cut(program or 'nothing')}", f"{_WRITE}, or run it from one"
        )
    if not (_are_options(words) if split else not option or _OPTION.fullmatch(option)):
        raise Problem(
            f"{first} passes the shell an argument that it cannot use",
            "put the options into a `set` line of their own (in YAML, start the block with |, not with >)",
        )


def _are_options(words: list[str]) -> bool:
    """Whether a shell takes these as options; `-o pipefail` is two words."""
    while words:
        if _WITH_A_WORD.fullmatch(words[0]) and len(words) > 1:
            words = words[2:]
        elif _OPTION.fullmatch(words[0]):
            words = words[1:]
        else:
            return False
    return True
