"""A composite action's steps, run as GitHub's runner runs them, as far as this action needs it.

Expressions are looked up in the contexts; `uses:` steps are stood in for, setup-python by the Python of the tests and
cache by a folder. https://docs.github.com/en/actions/sharing-automations/creating-actions/metadata-syntax-for-github-actions
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from attrs import define, field

from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTION = ROOT / "composite" / "action.yml"
_EXPRESSION = re.compile(r"\$\{\{ ([a-zA-Z0-9_.-]+) \}\}")
_ASSIGNMENT = re.compile(r"(?P<name>.+?)<<(?P<end>.+)\n(?P<value>(?:.*\n)*?)(?P=end)\n")


@define
class Job:
    """One job on a runner: its folders, what its steps gave, and a cache that outlives it."""

    folder: Path
    cache: Path
    variables: Mapping[str, str]
    inputs: Mapping[str, str]
    printed: str = ""
    code: int = 0
    installed: bool = False
    outputs: dict[str, dict[str, str]] = field(factory=dict)
    _saved: list[tuple[Path, Path]] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        for each in ("workspace", "home", "temp"):
            (self.folder / each).mkdir(parents=True, exist_ok=True)

    def run(self) -> Job:
        """Run every step until one fails; what is new goes into the cache if none did."""
        for number, step in enumerate(yaml.safe_load(ACTION.read_text())["runs"]["steps"]):
            identifier = step.get("id", f"step{number}")
            if "uses" in step:
                self.outputs[identifier] = self._used(step["uses"].partition("@")[0], step.get("with", {}))
                continue
            self.outputs[identifier] = self._scripted(identifier, step)
            if self.code:
                return self
        for source, kept in self._saved:
            shutil.copytree(source, kept)
        return self

    @property
    def result(self) -> dict[str, str]:
        """The action's outputs."""
        return {
            name: self._resolved(each["value"]) for name, each in yaml.safe_load(ACTION.read_text())["outputs"].items()
        }

    def _used(self, action: str, given: Mapping[str, Any]) -> dict[str, str]:
        if action == "actions/setup-python":
            return {"python-path": sys.executable, "python-version": platform.python_version()}
        assert action == "actions/cache", action
        path, kept = Path(self._resolved(given["path"])), self.cache / self._resolved(given["key"])
        self.installed = not kept.exists()
        if self.installed:
            self._saved.append((path, kept))
        else:
            shutil.copytree(kept, path)
        return {}

    def _scripted(self, identifier: str, step: Mapping[str, Any]) -> dict[str, str]:
        written = self.folder / f"output-{identifier}"
        written.touch()
        script = self.folder / f"{identifier}.sh"
        script.write_text(step["run"])
        assert step["shell"] == "bash"
        done = subprocess.run(  # noqa: S603 - as the runner starts it
            ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self.folder / "workspace",
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.folder / "home"),
                "GITHUB_ACTIONS": "true",
                "CI": "true",
                **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))},
                **self.variables,
                **{name: self._resolved(str(value)) for name, value in step.get("env", {}).items()},
                "GITHUB_OUTPUT": str(written),
                "GITHUB_WORKSPACE": str(self.folder / "workspace"),
            },
            check=False,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
        )
        self.printed += done.stdout
        self.code = done.returncode
        return _read(written.read_text())

    def _resolved(self, text: str) -> str:
        return _EXPRESSION.sub(lambda found: self._looked_up(found[1]), text)

    def _looked_up(self, expression: str) -> str:
        match expression.split("."):
            case ["inputs", name]:
                return self.inputs.get(name, yaml.safe_load(ACTION.read_text())["inputs"][name].get("default", ""))
            case ["steps", identifier, "outputs", name]:
                return self.outputs.get(identifier, {}).get(name, "")
            case ["github", "action_path"]:
                return str(ACTION.parent)
            case ["runner", name]:
                return {"temp": str(self.folder / "temp"), "os": "Linux", "arch": "X64"}[name]
            case _:
                raise ValueError(f"{expression}: no such context here; add it")


def _read(text: str) -> dict[str, str]:
    """Read an output file in both of its forms."""
    values = {found["name"]: found["value"].removesuffix("\n") for found in _ASSIGNMENT.finditer(text)}
    plain = _ASSIGNMENT.sub("", text)
    return values | dict(line.split("=", 1) for line in plain.splitlines())
