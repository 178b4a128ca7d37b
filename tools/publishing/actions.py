"""The actions in the commit of a release, started as GitHub's runner starts them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path

from tools.publishing.commands import CommandFailed, Commands, say
from tools.publishing.image import BAD_INPUT

COMPOSITE = ("composite", "provision", "release")
"""The folders of the actions that use the commit's packages; the one in the root names the image."""
_LAUNCH = re.compile(r"^ *LAUNCH: \$\{\{ github\.action_path \}\}/(\S+)$", re.MULTILINE)
_RUN = re.compile(r'^ *run: exec bash "\$LAUNCH" run (\w+)$', re.MULTILINE)


def start(commands: Commands) -> None:
    """Start each composite action of the newest commit without inputs, which it must refuse.

    A copy is used, because Python writes bytecode. Nothing can be installed there.
    """
    with tempfile.TemporaryDirectory() as place:
        archive = Path(place) / "commit.tar"
        commands.run("git", "archive", f"--output={archive}", "HEAD")
        copy = Path(place) / "commit"
        shutil.unpack_archive(archive, copy, filter="data")
        for folder in COMPOSITE:
            _start(Commands(copy, commands.dry), folder)


def _start(commands: Commands, folder: str) -> None:
    manifest = (commands.folder / folder / "action.yml").read_text()
    launch, ran = {*_LAUNCH.findall(manifest)}, _RUN.findall(manifest)
    if not (len(launch) == len(ran) == 1):
        raise CommandFailed(f"{folder}/action.yml: one LAUNCH and one `run: exec bash` expected")
    script = os.path.normpath(f"{folder}/{launch.pop()}")
    variables = ("PIP_NO_INDEX=1", f"PATH={os.environ['PATH']}", f"PYTHON={sys.executable}", "RUNNER_TEMP=/nowhere")
    commands.run("env", "-i", *variables, "bash", script, "run", ran[0], expected=BAD_INPUT)
    say(f"{folder}/action.yml: started from the commit's packages, and refused to run without inputs")
