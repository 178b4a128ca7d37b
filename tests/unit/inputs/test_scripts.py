"""The script that runs on the instance: taken byte for byte, and refused where it could not run."""

from __future__ import annotations

import base64
import gzip
from typing import TYPE_CHECKING

import pytest

from refresh import inputs
from tests.unit.inputs.bad_inputs import environ, load, refused, row

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "pre-runner-script"
TAKEN = {
    "B70-line": "cat <<EOF\nEOF\n",
    "B72-no-final-newline": "true",
    "B72-indented": "  true\n\n\n",
    "B73-bash": "#!/bin/bash\n",
    "B73-env": "#!/usr/bin/env bash\ntrue\n",
    "B73-options": "#!/bin/bash -eu\ntrue\n",
    "B73-posix": "#!/bin/bash --posix\ntrue\n",
    "B73-interactive": "#!/bin/bash -il\ntrue\n",
    "B73-words-of-windows": "#PS1 and prompts\ntrue\n",
    "B73-words-of-powershell": "#Requires docker\nMy-Tool install\n",
    "B73-split": "#!/usr/bin/env -S bash -e -o pipefail -x\ntrue\n",
    "B73-split-at-once": "#!/usr/bin/env -Sbash -e\ntrue\n",
    "B73-spaced": "#! /bin/sh -e \ntrue\n",
    "B73-dash": "#!/bin/dash\ntrue\n",
    "B73-comments": "# Copyright: no one\n# cloud-config in bash\n\napt-get update\n",
    "B73-comments-alone": "# packages:\n",
    "B73-later": "true\n#cloud-config\n",
    "B73-include": "#include the tools\ntrue\n",
    "B73-null": ': "${NAME:=value}"\n',
    "B73-redirected": "<input.txt sort >output.txt\n",
    "B73-group": "{ true; }\n",
    "B73-test": "[ -f /x ] && true\n",
    "B73-word": "poweroff",
    "B73-long-word": "AbcdefghijklmnopABCDEFGH",
    "B73-program-of-the-image": "/opt/setup.sh",
    "B73-assignment": "name=value\n",
    "B73-install": "add-apt-repository ppa:x/y\n",
    "B74-longest": "#" + "\u00e9" * 131_071 + "\n",
    "B75-extglob": "shopt -s extglob\nrm -f !(a|b)\n",
    "B75-unknown-command": "no-such-command --at-all\n",
    "B75-not-run": "exit 7\n",
    "many-blank-lines": "#!/bin/sh\n" + "\n" * 100_000 + "true\n",
}


@pytest.mark.shows("B70", "B72", "B73", "B74")
@pytest.mark.parametrize("script", TAKEN.values(), ids=TAKEN)
def test_script_is_kept_byte_for_byte(script: str) -> None:
    loaded = load(pre_runner_script=script)
    assert (loaded.desired.pre_runner_script, loaded.warnings) == (script, ())


@pytest.mark.shows("B71", "B72")
@pytest.mark.parametrize(
    ("script", "taken"),
    [
        row("B71", "crlf", "#!/bin/bash\r\ntrue\r\n", "#!/bin/bash\ntrue\n"),
        row("B71", "crlf-in-the-first-line-alone", "#!/bin/bash -e\r\ntrue\n", "#!/bin/bash -e\ntrue\n"),
        row("B72", "mark", "\ufeff#!/bin/bash\n", "#!/bin/bash\n"),
        row("B72", "blank-line", "\n  #!/bin/bash -e\ntrue\n", "#!/bin/bash -e\ntrue\n"),
        *(row("B72", f"none-{n}", blank, "") for n, blank in enumerate((" \n\t", "", "\ufeff", "\r\n"))),
    ],
)
def test_what_an_editor_adds_to_a_script_is_removed(script: str, taken: str) -> None:
    """With it Linux would not find the shell; a script of white space alone is none."""
    assert load(pre_runner_script=script).desired.pre_runner_script == taken


@pytest.mark.shows("B71", "B75a")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B71", "mixed", {NAME: "true\r\ntrue\n"}, "CRLF"),
        row("B75a", "indented", {NAME: "cat <<EOF\n x\n  EOF\n"}, "line 3"),
        row("B75a", "other-word", {NAME: "cat <<x\nx y\n"}, "line 2"),
        row("B75a", "array", {NAME: "#!/bin/sh\nlist=(a b)\n"}, "dash"),
        row("B75a", "test", {NAME: "#!/usr/bin/env sh\nif [[ a == b ]]; then true; fi\n"}, "dash"),
    ],
)
def test_script_that_may_surprise_its_author_is_a_warning(given: Mapping[str, str], key: str) -> None:
    loaded = inputs.load(environ(given))
    (warning,) = loaded.warnings
    assert loaded.desired.pre_runner_script == given[NAME]
    assert warning.startswith(f"{NAME}: ")
    assert key in warning


OTHERS = {
    "cloud-config": ("#cloud-config\n", "cloud-config"),
    "mark": ("\ufeff#cloud-config\n", "cloud-config"),
    "blank-line": ("\n#cloud-config\npackages:\n  - jq\n", "cloud-config of cloud-init"),
    "archive": ("#cloud-config-archive\n- type: text/cloud-config\n", "cloud-config archive"),
    "jinja": ("## template: jinja\n#cloud-config\npackages:\n  - jq\n", "Jinja"),
    "boothook": ("#cloud-boothook\n#!/bin/sh\ntrue\n", "boothook"),
    "include": ("#include\nhttps://example.com/setup.sh\n", "#include"),
    "include-once": ("#include-once https://example.com/setup.sh\n", "#include"),
    "part-handler": ("#part-handler\ndef list_types():\n    return []\n", "part handler"),
    "upstart": ("#upstart-job\nstart on startup\n", "Upstart"),
    "mime": ('Content-Type: multipart/mixed; boundary="//"\nMIME-Version: 1.0\n\n--//\n', "MIME"),
    "yaml": ("# install\npackages:\n  - jq\nruncmd:\n  - true\n", "YAML"),
    "yaml-document": ("---\npackages: [jq]\n", "YAML"),
    "butane": ("variant: fcos\nversion: 1.5.0\n", "YAML"),
    "nodeadm": ("apiVersion: node.eks.aws/v1alpha1\nkind: NodeConfig\n", "YAML"),
    "ignition": ('{"ignition": {"version": "3.4.0"}}', "JSON"),
    "toml": ("[settings.kubernetes]\ncluster-name = 'x'\n", "TOML"),
    "powershell-tags": ("<powershell>\nWrite-Host hello\n</powershell>\n", "Windows"),
    "batch-tags": ("<script>\necho hello\n</script>\n", "Windows"),
    "batch": ("@ECHO OFF\necho hello\n", "Windows"),
    "powershell": ("$name = 'x'\nWrite-Host $name\n", "PowerShell"),
    "cmdlet": ("Write-Host hello\n", "PowerShell"),
    "stopping-cmdlet": ("Stop-Service docker\n", "PowerShell"),
    "html": ("<!DOCTYPE html>\n<html></html>\n", "HTML"),
    "markdown": ("```bash\ntrue\n```\n", "Markdown"),
    "python-imports": ("import os\nos.system('true')\n", "Python"),
    "here-document": ("<<-EOF\n#!/bin/bash\ntrue\nEOF\n", "here-document"),
    "gzip": (base64.b64encode(gzip.compress(b"#!/bin/bash\necho hello\n", mtime=0)).decode(), "gzip"),
    "base64": (base64.encodebytes(b"#!/bin/bash\necho hello\n").decode(), "base64"),
    "address": ("https://example.com/setup.sh", "address"),
    "bucket": ("s3://bucket/setup.sh\n", "address"),
    "file": ("./scripts/setup.sh", "file"),
    "file-of-windows": (r"C:\setup.ps1", "file"),
    "expression": ("${{ inputs.script }}", "expression"),
    "python": ("#!/usr/bin/python3\n", "'/usr/bin/python3'"),
    "env": ("#!/usr/bin/env python3\n", "'python3'"),
    "split": ("#!/usr/bin/env -S node --x\n", "'node'"),
    "fish": ("#!/usr/bin/fish\nset -x A b\n", "'/usr/bin/fish'"),
    "pwsh": ("#!/usr/bin/env pwsh\nWrite-Host hello\n", "'pwsh'"),
    "zsh": ("#!/bin/zsh\ntrue\n", "'/bin/zsh'"),
    "perl": ("\n#!/usr/bin/perl -w\n", "'/usr/bin/perl'"),
    "sh-in-its-path": ("#!/usr/share/bin/ruby\n", "'/usr/share/bin/ruby'"),
    "long": (f"#!/usr/bin/{'p' * 60}\n", "ppp..."),
    "nothing": ("#!\ntrue\n", "'nothing'"),
    "env-alone": ("#!/usr/bin/env\ntrue\n", "'nothing'"),
}


@pytest.mark.shows("B73")
@pytest.mark.parametrize(
    ("given", "key"), [row("B73", what, {NAME: text}, key) for what, (text, key) in OTHERS.items()]
)
def test_other_formats_are_named_and_refused(given: Mapping[str, str], key: str) -> None:
    """Bash would read much of them as comments or unknown programs, on every instance."""
    assert "a bash script expected, not" in refused(given, key)


@pytest.mark.shows("B74")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B74", "letters", {NAME: "#" * 262_145}, "262145 bytes, 1 above the limit of 262144"),
        row("B74", "accents", {NAME: "#" + "\u00e9" * 131_073}, "262147 bytes, 3 above the limit of 262144"),
    ],
)
def test_script_above_the_limit_is_refused_by_how_much(given: Mapping[str, str], key: str) -> None:
    """An item of the table has no room for it; counted in UTF-8."""
    assert "download" in refused(given, key)


@pytest.mark.shows("B73a")
@pytest.mark.parametrize(
    ("given", "key"),
    [
        row("B73a", "two", {NAME: "#!/bin/bash -e -u\ntrue\n"}, "`set`"),
        row("B73a", "word", {NAME: "#!/bin/bash -euo pipefail\ntrue\n"}, "`set`"),
        row("B73a", "command", {NAME: "#!/bin/bash -c\ntrue\n"}, "`set`"),
        row("B73a", "folded", {NAME: "#!/bin/bash set -e apt-get update"}, "`set`"),
        row("B73a", "split", {NAME: "#!/usr/bin/env -S bash -c x\n"}, "`set`"),
        row("B73a", "unsplit", {NAME: "#!/usr/bin/env bash -e\ntrue\n"}, "env -S"),
        row("B73a", "in-words", {NAME: r"#!/bin/bash\necho hello\n"}, "line breaks"),
        row("B73a", "utf-16", {NAME: "\xff\xfe\0c\0h\0o\0"}, "UTF-16"),
        row("B73a", "left-over", {NAME: "#!/bin/bash\ntrue\nEOF\n"}, "EOF"),
        row("B73a", "left-over-alone", {NAME: "EOT"}, "EOT"),
    ],
)
def test_script_that_would_not_run_as_written_is_refused(given: Mapping[str, str], key: str) -> None:
    refused(given, key)
