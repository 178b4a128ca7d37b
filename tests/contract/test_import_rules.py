"""The rules of imports: who may know AWS, GitHub and the clock."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "refresh"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
FOREIGN = {"boto3", "botocore", "github", "requests", "urllib3"}
SHELL = {
    "refresh.clients",
    "refresh.workflow.redacting_stream",
    "refresh.workflow.commands",
    "refresh.output.publish",
    "refresh.actions.refresh",
}
MAY_KNOW_THE_SHELL = {
    "refresh/start.py",
    "refresh/actions/terminal.py",
    "refresh/actions/refresh.py",
    "refresh/output/publish.py",
    "refresh/workflow/commands.py",
}
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("time", "time"), ("time", "sleep")}


def _imports(path: str) -> set[str]:
    """List the modules that a file imports when it runs; those for type checking alone do not count."""
    tree = ast.parse((ROOT / path).read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


@pytest.mark.parametrize("path", [path for path in MODULES if not path.startswith("refresh/clients/")])
def test_only_the_clients_import_aws_and_github(path: str) -> None:
    """Everything else gets a narrow client passed in."""
    assert not {name.partition(".")[0] for name in _imports(path)} & FOREIGN


@pytest.mark.parametrize("path", [path for path in MODULES if path not in MAY_KNOW_THE_SHELL])
def test_only_the_entry_touches_clients_and_runner(path: str) -> None:
    """What a component needs of them is passed in."""
    inside = "refresh.clients" if path.startswith("refresh/clients/") else ""
    touched = [each for each in SHELL if any(name == each or name.startswith(f"{each}.") for name in _imports(path))]
    assert not [each for each in touched if each != inside]


@pytest.mark.parametrize("path", [path for path in MODULES if path != "refresh/actions/refresh.py"])
def test_only_the_entry_reads_the_clock(path: str) -> None:
    """Time is an argument, so tests and simulations own it."""
    calls = [node.func for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Call)]
    read = {
        (function.value.id, function.attr)
        for function in calls
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    }
    assert not read & CLOCKS


def test_no_module_loads_aws_or_github_by_being_imported() -> None:
    """Not even the clients: a run with bad input pays for neither, and one that changes nothing not for GitHub."""
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in MODULES]
    program = f"import sys, {', '.join(names)}; print(sorted({FOREIGN!r} & set(sys.modules)))"
    printed = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"
