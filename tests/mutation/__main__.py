"""Change the pure modules one expression at a time, and require that a unit test notices: `make mutants`.

mutmut makes and runs them, on a copy of the project in which a property is a function first: it leaves alone what is
decorated. What it has found stays in the copy, so an interrupted run goes on where it was, until code or tests change.
`python -m tests.mutation 'refresh.pool.records.*'` tries those again, and judges what has been tried so far.
"""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]
COPY = ROOT / "build" / "mutants"
COPIED = ("refresh", "tests", "docs", "action.yml", "entrypoint.py", "pyproject.toml")
SURVIVORS = Path(__file__).parent / "survivors.toml"
REQUIRED_SHARE = 0.95
MUTMUT = Path(sys.executable).parent / "mutmut"
_NAME = re.compile(r"(?P<module>[\w.]+)\.x(?:ǁ(?P<owner>\w+)ǁ|_)(?P<function>\w+)__mutmut_\d+")
_KILLED = ("killed", "timeout")


@frozen
class Mutant:
    """A changed function: its dotted name, and the lines that the change takes away and puts in, unindented."""

    function: str
    before: str
    after: str


def with_plain_properties(source: str) -> str:
    """Make `@property def name` a function `name` and, below it, `name = property(name)`."""
    lines = source.splitlines()
    owners = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.ClassDef)]
    methods = [each for owner in owners for each in owner.body if isinstance(each, ast.FunctionDef)]
    for method in sorted(methods, key=lambda each: each.lineno, reverse=True):
        if [ast.unparse(decorator) for decorator in method.decorator_list] == ["property"]:
            indent = " " * method.col_offset
            lines.insert(method.end_lineno or method.lineno, f"{indent}{method.name} = property({method.name})")
            del lines[method.decorator_list[0].lineno - 1]
    return "\n".join(lines) + "\n"


def _files() -> dict[Path, str]:
    """List what the copy has to hold."""
    paths = [path for name in COPIED for path in (ROOT / name, *(ROOT / name).rglob("*")) if path.is_file()]
    texts = {
        path.relative_to(ROOT): path.read_text()
        for path in paths
        if path.suffix in (".py", ".sh", ".toml", ".md", ".json", ".yml")
    }
    return {
        path: with_plain_properties(text) if path.parts[0] == "refresh" and path.suffix == ".py" else text
        for path, text in texts.items()
    }


def copy() -> None:
    """Bring the copy up to date; what was found holds for that code and those tests only, so any change forgets it."""
    wanted = _files()
    if {path: (COPY / path).read_text() for path in wanted if (COPY / path).is_file()} == wanted:
        return
    shutil.rmtree(COPY, ignore_errors=True)
    for path, text in wanted.items():
        (COPY / path).parent.mkdir(parents=True, exist_ok=True)
        (COPY / path).write_text(text)


def _mutmut(*words: str) -> str:
    ran = subprocess.run([MUTMUT, *words], cwd=COPY, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    return ran.stdout


def verdicts() -> dict[str, str]:
    """Give mutmut's verdict on each mutant, by its name."""
    lines = (line.strip().rpartition(": ") for line in _mutmut("results", "--all", "true").splitlines())
    return {name: verdict for name, _, verdict in lines if name}


def described(name: str) -> Mutant:
    """Look up what a mutant changes, which its number does not tell from one version of the code to the next."""
    parts = _NAME.fullmatch(name)
    assert parts, name
    function = ".".join(filter(None, (parts["module"], parts["owner"], parts["function"])))
    diff = [line for line in _mutmut("show", name).splitlines() if re.match(r"[-+](?![-+]{2} )", line)]
    sides = ("\n".join(line[1:].strip() for line in diff if line[0] == sign) for sign in "-+")
    return Mutant(function, *sides)


def accepted() -> dict[Mutant, str]:
    """Read the mutants that may survive, each with its reason."""
    groups = tomllib.loads(SURVIVORS.read_text())["group"]
    return {Mutant(*mutant): group["reason"] for group in groups for mutant in group["mutants"]}


def report(found: dict[str, str], *, whole: bool) -> int:
    """Print the figures and what is wrong with them; give the exit code. What was not tried may be listed."""
    made, lived = Counter[str](), Counter[str]()
    survivors: dict[Mutant, str] = {}
    for name, verdict in found.items():
        module = name.partition(".x")[0]
        made[module] += 1
        if verdict not in _KILLED:
            lived[module] += 1
            survivors[described(name)] = verdict
    print(f"{'module':60} {'made':>6} {'killed':>7} {'survived':>9}")
    for module, number in sorted(made.items()):
        print(f"{module:60} {number:6} {number - lived[module]:7} {lived[module]:9}")
    total, killed = made.total(), made.total() - lived.total()
    print(f"{'all':60} {total:6} {killed:7} {lived.total():9}  {killed / total:.1%} killed")

    known = accepted()
    for mutant, verdict in survivors.items():
        if mutant not in known:
            print(f"\n{mutant.function}: {verdict}, and not in {SURVIVORS.relative_to(ROOT)}")
            print(*(f"  - {line}" for line in mutant.before.splitlines()), sep="\n")
            print(*(f"  + {line}" for line in mutant.after.splitlines()), sep="\n")
    stale = set(known) - set(survivors) - {described(name) for name, verdict in found.items() if verdict == "timeout"}
    stale = stale if whole else set()
    for mutant in known:
        if mutant in stale:
            print(f"\n{mutant.function}: {mutant.after!r} is listed as a survivor and is none; take it out")
    return int(killed < REQUIRED_SHARE * total or bool(stale) or not set(survivors) <= set(known))


def main(patterns: Sequence[str]) -> int:
    """Make and run the mutants, or those with a name like one of the patterns, and judge what was found."""
    copy()
    subprocess.run([MUTMUT, "run", *patterns], cwd=COPY, check=True)  # noqa: S603 - ours
    found = verdicts()
    tried = {name: verdict for name, verdict in found.items() if verdict != "not checked"}
    return report(tried if patterns else found, whole=not patterns)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
