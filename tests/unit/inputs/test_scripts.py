"""The script that runs on the instance: taken byte for byte, and refused where it could not run or would leak."""

from __future__ import annotations

import base64
import bisect
import gzip
import random
import re
import string
import subprocess
from typing import TYPE_CHECKING, Any

import pytest

from refresh.agent import user_data
from refresh.inputs import bash
from tests.fakes.literals import good
from tests.unit.inputs.bad_inputs import environ, load, problems, row, told

if TYPE_CHECKING:
    from pathlib import Path

NAME = "pre-runner-script"


@pytest.mark.shows("B70", "B72", "B73")
@pytest.mark.parametrize(
    "script",
    [
        row("70", "line", "cat <<EOF\nEOF\n"),
        row("72", "no-final-newline", "true"),
        row("72", "indented", "  true\n\n\n"),
        row("73", "bash", "#!/bin/bash\n"),
        row("73", "env", "#!/usr/bin/env bash\ntrue\n"),
        row("73", "options", "#!/bin/bash -eu\ntrue\n"),
        row("73", "posix", "#!/bin/bash --posix\ntrue\n"),
        row("73", "interactive", "#!/bin/bash -il\ntrue\n"),
        row("73", "words-of-windows", "#PS1 and prompts\ntrue\n"),
        row("73", "words-of-powershell", "#Requires docker\nMy-Tool install\n"),
        row("73", "split", "#!/usr/bin/env -S bash -e -o pipefail -x\ntrue\n"),
        row("73", "split-at-once", "#!/usr/bin/env -Sbash -e\ntrue\n"),
        row("73", "spaced", "#! /bin/sh -e \ntrue\n"),
        row("73", "dash", "#!/bin/dash\ntrue\n"),
        row("73", "comments", "# Copyright: nobody\n# cloud-config in bash\n\napt-get update\n"),
        row("73", "comments-alone", "# packages:\n"),
        row("73", "later", "true\n#cloud-config\n"),
        row("73", "include", "#include the tools\ntrue\n"),
        row("73", "null", ': "${NAME:=value}"\n'),
        row("73", "redirected", "<input.txt sort >output.txt\n"),
        row("73", "group", "{ true; }\n"),
        row("73", "test", "[ -f /x ] && true\n"),
        row("73", "word", "poweroff"),
        row("73", "long-word", "AbcdefghijklmnopABCDEFGH"),
        row("73", "program-of-the-image", "/opt/setup.sh"),
        row("73", "assignment", "name=value\n"),
        row("73", "install", "add-apt-repository ppa:x/y\n"),
        row("75", "extglob", "shopt -s extglob\nrm -f !(a|b)\n"),
        row("75", "unknown-command", "no-such-command --at-all\n"),
        row("75", "not-run", "exit 7\n"),
    ],
)
def test_an_honest_script_is_kept_byte_for_byte(script: str) -> None:
    """It travels as base64, so nothing in it can end it; and nothing is said of it."""
    loaded = load(pre_runner_script=script)
    assert (loaded.desired.pre_runner_script, loaded.warnings) == (script, ())


@pytest.mark.shows("B71", "B72")
@pytest.mark.parametrize(
    ("script", "taken"),
    [
        row("71", "crlf", "#!/bin/bash\r\ntrue\r\n", "#!/bin/bash\ntrue\n"),
        row("71", "crlf-in-the-first-line-alone", "#!/bin/bash -e\r\ntrue\n", "#!/bin/bash -e\ntrue\n"),
        row("72", "mark", "\ufeff#!/bin/bash\n", "#!/bin/bash\n"),
        row("72", "blank-line", "\n  #!/bin/bash -e\ntrue\n", "#!/bin/bash -e\ntrue\n"),
    ],
)
def test_what_an_editor_adds_to_a_script_is_taken_away(script: str, taken: str) -> None:
    """With it Linux would not find the shell, and no command its last word."""
    assert load(pre_runner_script=script).desired.pre_runner_script == taken


@pytest.mark.shows("B72")
@pytest.mark.parametrize(
    "script",
    [row("72", "blank", " \n\t"), row("72", "empty", ""), row("72", "mark-alone", "\ufeff"), row("72", "crlf", "\r\n")],
)
def test_a_script_of_white_space_is_none(script: str) -> None:
    """The default holds."""
    assert load(pre_runner_script=script) == load()


@pytest.mark.shows("B71", "B75a")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        row(
            "71",
            "mixed",
            "true\r\ntrue\n",
            "mixes CRLF and LF line endings; save it with LF alone.",
        ),
        row("75a", "indented", "cat <<EOF\n x\n  EOF\n", "line 3: here-document at line 1 delimited by end-of-file"),
        row("75a", "other-word", "cat <<x\nx y\n", "line 2: here-document at line 1 delimited by end-of-file"),
        row("75a", "array", "#!/bin/sh\nlist=(a b)\n", "asks for sh, which is dash on Debian and Ubuntu"),
        row("75a", "test", "#!/usr/bin/env sh\nif [[ a == b ]]; then true; fi\n", "asks for sh, which is dash on"),
    ],
)
def test_what_a_script_hardly_means_is_mentioned(script: str, expected: str) -> None:
    """It runs as it is written, which may surprise its author."""
    loaded = load(pre_runner_script=script)
    assert loaded.desired.pre_runner_script == script
    (warning,) = loaded.warnings
    assert warning.startswith(f"{NAME}: {expected}")


def test_a_script_for_sh_with_many_blank_lines_is_judged_at_once() -> None:
    """Its lines are looked at once each."""
    assert load(pre_runner_script="#!/bin/sh\n" + "\n" * 100_000 + "true\n").warnings == ()


NO_SCRIPT = "a bash script expected, not "
PACKED = base64.b64encode(gzip.compress(b"#!/bin/bash\necho hello\n", mtime=0)).decode()
OTHERS = {
    "cloud-config": ("#cloud-config\n", "a cloud-config of cloud-init"),
    "mark": ("\ufeff#cloud-config\n", "a cloud-config of cloud-init"),
    "blank-line": ("\n#cloud-config\npackages:\n  - jq\n", "a cloud-config of cloud-init"),
    "archive": ("#cloud-config-archive\n- type: text/cloud-config\n", "a cloud-config archive"),
    "jinja": ("## template: jinja\n#cloud-config\npackages:\n  - jq\n", "a Jinja template"),
    "boothook": ("#cloud-boothook\n#!/bin/sh\ntrue\n", "a boothook of cloud-init"),
    "include": ("#include\nhttps://example.com/setup.sh\n", "an #include of cloud-init"),
    "include-once": ("#include-once https://example.com/setup.sh\n", "an #include of cloud-init"),
    "part-handler": ("#part-handler\ndef list_types():\n    return []\n", "a part handler of cloud-init"),
    "upstart": ("#upstart-job\nstart on startup\n", "an Upstart job"),
    "mime": ('Content-Type: multipart/mixed; boundary="//"\nMIME-Version: 1.0\n\n--//\n', "a MIME message"),
    "yaml": ("# install\npackages:\n  - jq\nruncmd:\n  - true\n", "a YAML file, such as a cloud-config"),
    "yaml-document": ("---\npackages: [jq]\n", "a YAML file, such as a cloud-config"),
    "butane": ("variant: fcos\nversion: 1.5.0\n", "a YAML file, such as a cloud-config"),
    "nodeadm": ("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n", "a YAML file, such as a cloud-config"),
    "ignition": ('{"ignition": {"version": "3.4.0"}}', "JSON, such as an Ignition file"),
    "toml": ("[settings.kubernetes]\ncluster-name = 'x'\n", "a TOML file"),
    "powershell-tags": ("<powershell>\nWrite-Host hello\n</powershell>\n", "a Windows script"),
    "batch-tags": ("<script>\necho hello\n</script>\n", "a Windows script"),
    "batch": ("@ECHO OFF\necho hello\n", "a Windows script"),
    "powershell": ("$name = 'x'\nWrite-Host $name\n", "a PowerShell script"),
    "cmdlet": ("Write-Host hello\n", "a PowerShell script"),
    "html": ("<!DOCTYPE html>\n<html></html>\n", "a page of HTML or XML"),
    "markdown": ("```bash\ntrue\n```\n", "a block of Markdown"),
    "python-imports": ("import os\nos.system('true')\n", "a Python script"),
    "here-document": ("<<-EOF\n#!/bin/bash\ntrue\nEOF\n", "a here-document"),
    "gzip": (PACKED, "gzip in base64"),
    "base64": (base64.encodebytes(b"#!/bin/bash\necho hello\n").decode(), "base64"),
    "address": ("https://example.com/setup.sh", "an address"),
    "bucket": ("s3://bucket/setup.sh\n", "an address"),
    "file": ("./scripts/setup.sh", "the name of a file"),
    "file-of-windows": (r"C:\setup.ps1", "the name of a file"),
    "expression": ("${{ inputs.script }}", "an expression that was not expanded"),
    "python": ("#!/usr/bin/python3\n", "one for '/usr/bin/python3'"),
    "env": ("#!/usr/bin/env python3\n", "one for 'python3'"),
    "split": ("#!/usr/bin/env -S node --x\n", "one for 'node'"),
    "fish": ("#!/usr/bin/fish\nset -x A b\n", "one for '/usr/bin/fish'"),
    "pwsh": ("#!/usr/bin/env pwsh\nWrite-Host hello\n", "one for 'pwsh'"),
    "zsh": ("#!/bin/zsh\ntrue\n", "one for '/bin/zsh'"),
    "perl": ("\n#!/usr/bin/perl -w\n", "one for '/usr/bin/perl'"),
    "sh-in-its-path": ("#!/usr/share/bin/ruby\n", "one for '/usr/share/bin/ruby'"),
    "nothing": ("#!\ntrue\n", "one for 'nothing'"),
    "env-alone": ("#!/usr/bin/env\ntrue\n", "one for 'nothing'"),
}


@pytest.mark.shows("B73")
@pytest.mark.parametrize(
    ("value", "expected"), [row("73", name, value, f"{NO_SCRIPT}{kind}") for name, (value, kind) in OTHERS.items()]
)
def test_a_text_that_is_not_a_shell_script_is_named_and_refused(value: str, expected: str) -> None:
    """Bash would take much of it for a comment, or for programs that are not there, on every instance."""
    told(NAME, value, expected)


@pytest.mark.shows("B73a")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        row("73a", "two", "#!/bin/bash -e -u\ntrue\n", "passes the shell an argument that it cannot use"),
        row(
            "73a",
            "word",
            "#!/bin/bash -euo pipefail\ntrue\n",
            "passes the shell an argument that it cannot use",
        ),
        row(
            "73a",
            "command",
            "#!/bin/bash -c\ntrue\n",
            "passes the shell an argument that it cannot use",
        ),
        row(
            "73a",
            "folded",
            "#!/bin/bash set -e apt-get update",
            "passes the shell an argument that it cannot use",
        ),
        row(
            "73a",
            "split",
            "#!/usr/bin/env -S bash -c x\n",
            "passes the shell an argument that it cannot use",
        ),
        row("73a", "unsplit", "#!/usr/bin/env bash -e\ntrue\n", "passes env one argument"),
        row("73a", "in-words", r"#!/bin/bash\necho hello\n", "a single line"),
        row("73a", "utf-16", "\xff\xfee\0c\0h\0o\0", "text in UTF-16, or with a NUL in it"),
        row("73a", "left-over", "#!/bin/bash\ntrue\nEOF\n", "its last line is EOF, which closes no here-document"),
        row("73a", "left-over-alone", "EOT", "its last line is EOT, which closes no here-document"),
    ],
)
def test_a_script_that_would_not_run_as_written_is_refused(value: str, expected: str) -> None:
    """Linux gives a shell all that stands behind it as one argument."""
    told(NAME, value, expected)


@pytest.mark.shows("B75")
@pytest.mark.parametrize(
    ("script", "expected"),
    [
        row("75", "quote", "true\necho 'never closed\n", "is not valid bash: line 2: unexpected EOF while looking for"),
        row("75", "if", "if true; then\n  echo\n", "is not valid bash: line 3: syntax error: unexpected end of file"),
        row("75", "bracket", "f() {\n  )\n}\n", "is not valid bash: line 2: syntax error near unexpected token `)'"),
        row("75", "word", "case x in\na hunter2\nesac\n", "line 2: syntax error near unexpected token a word;"),
    ],
)
def test_a_syntax_error_is_reported_with_its_line_and_no_word_of_the_script(script: str, expected: str) -> None:
    """Every launch would fail with it; a word of it may be a password."""
    (problem,) = problems(environ({NAME: script}))
    assert problem.startswith(f"{NAME}: is not valid bash: line ")
    assert expected in problem
    assert problem.endswith("; correct that line or an earlier one")


def test_nothing_of_a_script_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by the check, not by a file that the job's environment names, nor by an option that the script sets."""
    evil = tmp_path / "evil"
    evil.write_text(f"touch {tmp_path}/owned\n")
    monkeypatch.setenv("BASH_ENV", str(evil))
    monkeypatch.setenv("ENV", str(evil))
    script = f"set +n\nshopt -s extglob\ntouch {tmp_path}/owned\n: $(touch {tmp_path}/owned) `touch {tmp_path}/owned`\n"
    assert bash.opinion(script) == bash.Opinion()
    assert bash.opinion(f"{script}(").error
    assert list(tmp_path.iterdir()) == [evil]


@pytest.mark.shows("B75")
@pytest.mark.parametrize("what", [row("75", each, each) for each in ("macos", "no-bash", "broken", "slow", "killed")])
def test_where_bash_cannot_be_asked_a_script_is_taken_as_it_is(
    what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The instance has one of its own."""

    def run(*command: Any, **_: Any) -> Any:
        if what == "slow":
            raise subprocess.TimeoutExpired(command, 10)
        return subprocess.CompletedProcess(command, -9, b"", b"line 1: killed")

    match what:
        case "macos":
            monkeypatch.setattr("platform.system", lambda: "Darwin")
        case "no-bash":
            monkeypatch.setattr(bash, "_BASH", tmp_path / "bash")
        case "broken":
            monkeypatch.setattr(bash, "_BASH", tmp_path)
        case _:
            monkeypatch.setattr("subprocess.run", run)
    assert load(pre_runner_script="(").desired.pre_runner_script == "("


@pytest.mark.parametrize(("said", "error"), [(b"", "a syntax error"), (b"bash: syntax error: x", "syntax error: x")])
def test_a_bash_that_names_no_line_is_believed(said: bytes, error: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As some do at the end of a script."""
    monkeypatch.setattr("subprocess.run", lambda *_, **__: subprocess.CompletedProcess([], 2, b"", said))
    assert bash.opinion("(").error == error


def _fits(script: str) -> bool:
    try:
        user_data.render(user_data.Settings.at_their_longest("eu-west-1", "octo-widgets-ci-table", script))
    except user_data.TooLarge:
        return False
    return True


@pytest.mark.shows("B74")
@pytest.mark.parametrize("expected", [row("74", "noise", "above the limit of 16384")])
def test_user_data_that_ec2_takes_is_taken_and_one_byte_more_is_refused_by_how_much(expected: str) -> None:
    """Compressed where it must be, judged with every header value at its longest and hard to compress."""
    script = "#" + "".join(random.Random(7).choices(string.printable[:94], k=20_000))  # noqa: S311 - no secret
    longest = bisect.bisect_left(range(len(script)), 1, key=lambda length: not _fits(script[:length])) - 1
    assert 9_000 < longest < 13_000
    assert load(pre_runner_script=script[:longest]).desired.pre_runner_script == script[:longest]
    (problem,) = problems(environ({NAME: script[: longest + 1]}))
    assert expected in problem
    found = re.search(r"has (\d+) bytes and (\d+) when compressed, (\d+) above the limit of 16384; shorten", problem)
    assert found
    size, packed, excess = map(int, found.groups())
    assert size > packed
    assert 0 < excess == packed - user_data.SIZE_LIMIT < 8


def test_a_script_is_not_measured_without_a_repository() -> None:
    """Its size depends on the table's name; the missing repository is the problem to tell."""
    given = good(**{"INPUT_PRE-RUNNER-SCRIPT": "#" * 20_000})
    del given["GITHUB_REPOSITORY"]
    assert len(problems(given)) == 1
