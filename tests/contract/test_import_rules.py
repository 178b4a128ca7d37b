"""The rules of imports: which way they point, and who may know AWS, GitHub and the clock."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "refresh"
BESIDE_THE_AGENT = {"__init__.py", "calls.py", "user_data.py"}
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))
FOREIGN = {"boto3", "botocore", "github", "requests", "urllib3"}
LAYERS = (
    "__main__",
    "start",
    "actions",
    "output",
    "reconciler",
    "provision",
    "release",
    "preflight",
    "dynamodb",
    "ec2",
    "engine",
    "clients",
    "ports",
    "inputs",
    "workflow",
    "agent",
    "desired",
    "pool",
    "credentials",
    "text",
    "kms_errors",
    "errors",
)
"""Each may import from those that follow it, and from no other; the page of the architecture has them in this order."""
_OF_THE_PROCESS = {"clients", "inputs", "workflow"}
FORBIDDEN = {
    "reconciler": _OF_THE_PROCESS,
    "preflight": _OF_THE_PROCESS,
    "provision": _OF_THE_PROCESS,
    "release": _OF_THE_PROCESS,
    "dynamodb": _OF_THE_PROCESS,
    "ec2": _OF_THE_PROCESS,
    "output": {"reconciler", "provision", "release", "preflight", "dynamodb", "ec2", "clients"},
}
"""What a part must not import although it lies below: components are given it, and outputs know no component."""
AGENT = {
    path for path in MODULES if path.startswith("refresh/agent/") and path.rpartition("/")[2] not in BESIDE_THE_AGENT
}
"""What runs on an instance."""
CLOCKS = {("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("time", "time"), ("time", "sleep")}


def _imports(path: str, *, typing: bool = False) -> set[str]:
    """List the modules that a file imports when it runs, or also those for type checking alone."""
    tree = ast.parse((ROOT / path).read_text())
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    found: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in typing_only and not typing:
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


def _part(module: str) -> str:
    """Name the part of the program that a module or a path belongs to."""
    return re.split(r"[./]", module)[1]


@pytest.mark.parametrize("path", [path for path in MODULES if path != "refresh/__init__.py"])
def test_imports_point_down(path: str) -> None:
    """Also those for type checking alone: what a part knows by name it depends on."""
    above = LAYERS[: LAYERS.index(_part(path.removesuffix(".py")))]
    imported = {_part(name) for name in _imports(path, typing=True) if name.startswith("refresh.")}
    assert imported <= {*LAYERS}
    assert not imported & {*above}


def test_the_architecture_page_draws_the_layers() -> None:
    """In the order of the imports."""
    drawing = (ROOT / "docs" / "architecture.md").read_text().partition("## Layers\n")[2].partition("\n## ")[0]
    assert tuple(re.findall(r"`refresh/(\w+)(?:/|\.py)`", drawing)) == LAYERS


@pytest.mark.parametrize("path", [path for path in MODULES if _part(path) in FORBIDDEN])
def test_components_know_no_process_and_outputs_no_component(path: str) -> None:
    imported = {_part(name) for name in _imports(path, typing=True) if name.startswith("refresh.")}
    assert not imported & FORBIDDEN[_part(path)]


@pytest.mark.parametrize("path", [path for path in MODULES if path not in {"refresh/actions/surroundings.py", *AGENT}])
def test_only_the_entry_reads_the_clock(path: str) -> None:
    """Time is an argument, so tests and simulations own it; on an instance, nothing else than the agent waits."""
    calls = [node.func for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Call)]
    read = {
        (function.value.id, function.attr)
        for function in calls
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name)
    }
    assert not read & CLOCKS


@pytest.mark.parametrize("path", sorted(AGENT))
def test_the_agent_needs_nothing_but_python_and_itself(path: str) -> None:
    """An instance has no other packages."""
    imported = _imports(path, typing=True)
    agent = {each.removesuffix(".py").replace("/", ".") for each in AGENT}
    foreign = {each for each in imported if each.split(".")[0] not in sys.stdlib_module_names}
    assert {each for each in foreign if not any(f"{each}.".startswith(f"{own}.") for own in agent)} == set()


def test_no_module_loads_aws_or_github_by_being_imported() -> None:
    """Not even the clients: a run with bad input pays for neither, and one that changes nothing not for GitHub."""
    names = [path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in MODULES]
    program = f"import sys, {', '.join(names)}; print(sorted({FOREIGN!r} & set(sys.modules)))"
    printed = subprocess.run(  # noqa: S603 - our own modules
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert printed.stdout == "[]\n"
