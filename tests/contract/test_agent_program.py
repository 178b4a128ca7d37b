"""The agent's modules as one program: it says what they say, runs on Python 3.9, and no name has two meanings."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from refresh.agent import user_data
from tools.generated import bundle
from tools.generated.bundle import Unfit, bundled

FOLDER = Path(user_data.__file__).parent
PROGRAM = user_data._program()
MODULES = bundle._in_order(FOLDER, "main")


class _Reference(ast.NodeTransformer):
    """Remove from a tree what the bundler removes from the tokens."""

    def visit(self, node: ast.AST) -> ast.AST:
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block:
                kept = [each for each in block if not self._goes(each, at_top=isinstance(node, ast.Module))]
                setattr(node, name, kept or [ast.Pass()])
        self.generic_visit(node)
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                node.returns = None
            case ast.arg():
                node.annotation = None
            case ast.AnnAssign(target=target, value=ast.expr() as value):
                return ast.Assign([target], value)
            case _:
                pass
        return node

    @staticmethod
    def _goes(node: ast.stmt, *, at_top: bool) -> bool:
        match node:
            case ast.Import() | ast.ImportFrom():
                return at_top
            case ast.Expr(ast.Constant(value=str())) | ast.AnnAssign(value=None) | ast.If(ast.Name("TYPE_CHECKING")):
                return True
            case _:
                return False


def _dumped(tree: ast.AST) -> str:
    return ast.dump(_Reference().visit(tree))


def test_the_program_says_what_the_modules_say() -> None:
    parts = [ast.dump(each) for each in ast.parse(PROGRAM).body if not isinstance(each, ast.Import | ast.ImportFrom)]
    sources = [ast.parse((FOLDER / f"{module.name}.py").read_text()) for module in MODULES]
    assert parts == [ast.dump(each) for tree in sources for each in _Reference().visit(tree).body]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", sorted(FOLDER.parent.rglob("*.py")), ids=lambda path: path.stem)
def test_any_module_keeps_its_meaning(path: Path) -> None:
    """The rest of the program has what the agent may have tomorrow."""
    source = path.read_text()
    assert ast.dump(ast.parse(bundle._text(source, ast.parse(source)) or "pass")) == _dumped(ast.parse(source))


def test_the_program_has_the_grammar_of_python_3_9_and_only_modules_of_the_standard_library() -> None:
    tree = ast.parse(PROGRAM, feature_version=(3, 9))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Match)]
    assert "refresh.agent" not in PROGRAM
    assert PROGRAM.isascii()


def test_the_program_ends_no_here_document() -> None:
    assert user_data.END_OF_PROGRAM not in PROGRAM
    assert PROGRAM.endswith("\n")


def _program(folder: Path, **modules: str) -> str:
    for name, text in modules.items():
        (folder / f"{name}.py").write_text(text)
    return bundled(folder, "main")


def test_modules_are_joined_after_those_that_they_import_and_without_what_readers_need(tmp_path: Path) -> None:
    log = '''"""Says."""

from __future__ import annotations

import sys
import time  # unused
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SPACE = "" " "  # not a triple quote
"""Between words."""


class Empty(Exception):
    """Nothing."""

    size: int


def say(*words: str, end: str = "\\n", **options: Any) -> Callable[[], None]:
    """Say."""
    count: int = len(words)
    sys.stdout.write(f"{SPACE.join(words)} {count:>{2}}" + end if count else "")
'''
    main = "from refresh.agent.log import (\n    SPACE,\n    say,\n)\n\nif __name__ == '__main__':\n    say(SPACE)\n"
    assert _program(tmp_path, log=log, main=main) == (
        'import sys\nSPACE=""" "\n'.replace('""" "', '"" " "')
        + "class Empty(Exception):\n pass\n"
        + 'def say(*words,end="\\n",**options):\n count=len(words)\n'
        + ' sys.stdout.write(f"{SPACE.join(words)} {count:>{2}}"+end if count else"")\n'
        + "if __name__=='__main__':\n say(SPACE)\n"
    )


ONLY = "import our own only as `from refresh.agent.x import a, b`, at the top"
OF_A = "from refresh.agent.a import"


@pytest.mark.parametrize(
    ("first", "main", "problem"),
    [
        ("x = 1\n_T = 2\n", f"{OF_A} x\n_T = x\n", "_T of main is also a name of a: every name must be unique"),
        ("x = 1\n", f"{OF_A} x\ndef x(): ...\n", "x of main is also a name of a"),
        ("", "def open(): ...\n", "open of main is also a name of Python itself"),
        ("import time\n", f"{OF_A} time\n", "main: imports time, which a does not define"),
        ("import time\nb = 1\n", f"{OF_A} b\ntime = 1\n", "time of main is also a name of `import time`"),
        ("import time\nb = 1\n", f"{OF_A} b\nfrom x import time\n", "time of main is also a name of `import time`"),
        ("x = 1\n", f"{OF_A} x as y\n", "main: imports `x as y`; import our own names one by one, without `as`"),
        ("x = 1\n", f"{OF_A} *\n", "main: imports `*`"),
        ("", "import refresh.agent.a\n", f"main: imports refresh.agent.a; {ONLY}"),
        ("", "from refresh import errors\n", f"main: imports refresh; {ONLY}"),
        ("", "from . import errors\n", f"main: imports .; {ONLY}"),
        ("", f"def f():\n    {OF_A} x\n", f"main: imports refresh.agent.a; {ONLY}"),
        ("", "def f():\n    import refresh.agent\n", f"main: imports refresh.agent; {ONLY}"),
        ("from refresh.agent.main import x\ny = 1\n", f"{OF_A} y\nx = 1\n", "main: imports itself by way of a"),
        ("", "x = '\u00e9'\n", "main: has characters beyond ASCII"),
    ],
)
def test_what_would_change_its_meaning_in_one_program_is_refused(
    first: str, main: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(Unfit, match=re.escape(problem)):
        _program(tmp_path, a=first, main=main)
