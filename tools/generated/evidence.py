"""The column `test` of pages whose rows are promises: the tests that carry the row's number in the marker `shows`."""

from __future__ import annotations

import ast
import functools
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tools.generated.pieces import Column

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PAGES = {
    "F": "docs/faults.md",
    "B": "docs/bad-inputs.md",
    "A": "docs/security.md",
    "P": "docs/provision.md",
    "W": "docs/provision.md",
}
"""The page of each first letter of a row's number."""
LINKED = "A"
"""First letters of rows to which pages link: their cells begin with an anchor."""


@functools.cache
def shown() -> dict[str, list[str]]:
    """Return the tests of every row, as `path::name`, in the order of paths and lines."""
    tests: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                for number in _numbers(node):
                    tests[number].append(f"{path.relative_to(ROOT)}::{node.name}")
    return dict(tests)


def _numbers(function: ast.FunctionDef) -> Iterator[str]:
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.shows":
            yield from (ast.literal_eval(argument) for argument in decorator.args)


def pieces() -> list[Column]:
    """Give the column of each page."""
    columns: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for number, tests in shown().items():
        anchor = f'<a id="{number.lower()}"></a>' if number[0] in LINKED else ""
        names = ", ".join(dict.fromkeys(f"`{test.partition('::')[2]}`" for test in tests))
        columns[PAGES[number[0]]][number] = anchor + names
    return [Column(path, cells) for path, cells in columns.items()]
