"""A composite action's steps, run as GitHub's runner runs them, as far as these actions need it.

Expressions are looked up in the contexts; setup-python is the Python of the tests.
https://docs.github.com/en/actions/sharing-automations/creating-actions/metadata-syntax-for-github-actions
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from attrs import define, field

from tests.fakes import canaries
from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

ACTION = ROOT / "composite" / "action.yml"
PROVISION = ROOT / "provision" / "action.yml"
RELEASE = ROOT / "release" / "action.yml"
_EXPRESSION = re.compile(r"\$\{\{ ([a-zA-Z0-9_.|\x20-]+) \}\}")
_ASSIGNMENT = re.compile(r"(?P<name>.+?)<<(?P<end>.+)\n(?P<value>(?:.*\n)*?)(?P=end)\n")


@define
class Job:
    """One job on a runner that has an interpreter or none: its folders, and what its steps gave."""

    folder: Path
    action: Path
    """The commit of the action, as the runner has unpacked it."""
    variables: Mapping[str, str]
    inputs: Mapping[str, str]
    manifest: Path = ACTION
    """The composite action that is used."""
    python: str = sys.executable
    """The runner's own; `false` stands for one that is too old."""
    set_up: bool = True
    """Whether setup-python has an interpreter for this runner."""
    printed: str = ""
    code: int = 0
    used: list[str] = field(factory=list)
    """The actions that its steps used."""
    outputs: dict[str, dict[str, str]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        for each in ("workspace", "home", "temp", "bin"):
            (self.folder / each).mkdir(parents=True, exist_ok=True)
        own = self.folder / "bin" / "python3"
        own.write_text(f'#!/bin/sh\nexec {self.python} "$@"\n')
        own.chmod(0o755)

    def run(self) -> Job:
        """Run every step until one fails."""
        for number, step in enumerate(self._declared["runs"]["steps"]):
            identifier = step.get("id", f"step{number}")
            if not self._due(step.get("if", "")):
                continue
            if "uses" in step:
                self.outputs[identifier] = self._used(step)
                continue
            self.outputs[identifier] = self._scripted(identifier, step)
            if self.code:
                return self
        return self

    @property
    def result(self) -> dict[str, str]:
        """The action's outputs."""
        return {name: self._resolved(each["value"]) for name, each in self._declared["outputs"].items()}

    @property
    def _declared(self) -> dict[str, Any]:
        declared: dict[str, Any] = yaml.safe_load(self.manifest.read_text())
        return declared

    def _due(self, condition: str) -> bool:
        name, _, empty = condition.partition(" == ")
        assert empty in {"", "''"}, f"{condition}: no such condition here; add it"
        return not condition or not self._looked_up(name)

    def _used(self, step: Mapping[str, Any]) -> dict[str, str]:
        self.used.append(step["uses"].partition("@")[0])
        assert self.used == ["actions/setup-python"]
        assert self.set_up or step["continue-on-error"]
        return {"python-path": sys.executable} if self.set_up else {}

    def _scripted(self, identifier: str, step: Mapping[str, Any]) -> dict[str, str]:
        written = self.folder / f"output-{identifier}"
        written.touch()
        script = self.folder / f"{identifier}.sh"
        script.write_text(step["run"])
        assert step["shell"] == "bash"
        done = subprocess.run(  # noqa: S603 - as the runner starts it
            ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", str(script)],
            cwd=self._resolved(step.get("working-directory", str(self.folder / "workspace"))),
            env={
                "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                "HOME": str(self.folder / "home"),
                "GITHUB_ACTIONS": "true",
                "CI": "true",
                **{name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_", "REQUESTS_"))},
                **self.variables,
                **{name: self._resolved(str(value)) for name, value in step.get("env", {}).items()},
                "GITHUB_OUTPUT": str(written),
                "RUNNER_TEMP": str(self.folder / "temp"),
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
        return _EXPRESSION.sub(lambda found: self._first(found[1].split(" || ")), text)

    def _first(self, expressions: list[str]) -> str:
        return next((value for each in expressions if (value := self._looked_up(each))), "")

    def _looked_up(self, expression: str) -> str:
        match expression.split("."):
            case ["inputs", name]:
                return self.inputs.get(name, self._resolved(self._declared["inputs"][name].get("default", "")))
            case ["steps", identifier, "outputs", name]:
                return self.outputs.get(identifier, {}).get(name, "")
            case ["github", "action_path"]:
                return str(self.action / self.manifest.parent.name)
            case ["github", "token"]:
                return canaries.PAT
            case ["runner", "temp"]:
                return str(self.folder / "temp")
            case _:
                raise ValueError(f"{expression}: no such context here; add it")


def _read(text: str) -> dict[str, str]:
    """Read an output file in both of its forms."""
    values = {found["name"]: found["value"].removesuffix("\n") for found in _ASSIGNMENT.finditer(text)}
    plain = _ASSIGNMENT.sub("", text)
    return values | dict(line.split("=", 1) for line in plain.splitlines())
