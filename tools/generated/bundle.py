"""Joins the modules of a program into one text without what only its readers need, so that it fits EC2's user data.

Tokens of the source are kept as they are written. So the text does not depend on the Python that makes it, as that of
`ast.unparse` does.
"""

from __future__ import annotations

import ast
import builtins
import io
import symtable
import tokenize
from typing import TYPE_CHECKING

from attrs import field, frozen

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

PACKAGE = "refresh.agent"
"""Of the modules, which import each other as `from refresh.agent.x import a, b`, and nothing else of ours."""
_INDENTATION = 4
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_LAYOUT = frozenset({tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER})

Place = tuple[int, int]
"""A line, from 1, and a column, from 0."""


class Unfit(Exception):
    """A module that cannot become a part of the program: names it, the place and the rule."""


@frozen
class Module:
    """A module: what it imports at its top, and the rest of its text."""

    name: str
    own: Mapping[str, list[str]]
    """The names that it imports, by the module of ours."""
    foreign: list[tuple[str, str]]
    """Each name that an import of the standard library binds, with the import."""
    text: str
    names: set[str] = field(init=False)
    """Its own names at module level."""

    @names.default
    def _names(self) -> set[str]:
        table = symtable.symtable(self.text, self.name, "exec")
        return {each.get_name() for each in table.get_symbols() if each.is_assigned() or each.is_imported()}


def bundled(folder: Path, main: str) -> str:
    """Return the program of this module and of all that it imports, directly or not; raises `Unfit`."""
    modules = _in_order(folder, main)
    _check_names(modules)
    body = "".join(module.text for module in modules)
    used = {node.id for node in ast.walk(ast.parse(body)) if isinstance(node, ast.Name)}
    imports = {line for module in modules for name, line in module.foreign if name in used}
    return "".join(sorted(imports)) + body


def _in_order(folder: Path, main: str) -> list[Module]:
    """Return each module after those that it imports."""
    done: dict[str, Module] = {}

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise Unfit(f"{name}: imports itself by way of {' and '.join(path[path.index(name) + 1 :]) or name}")
        if name not in done:
            module = stripped(name, (folder / f"{name}.py").read_text(encoding="utf-8"))
            for each in module.own:
                add(each, (*path, name))
            done[name] = module

    add(main, ())
    for module in done.values():
        for each, names in module.own.items():
            if missing := set(names) - done[each].names:
                raise Unfit(f"{module.name}: imports {', '.join(sorted(missing))}, which {each} does not define")
    return list(done.values())


def _check_names(modules: Iterable[Module]) -> None:
    """Refuse names with two meanings, since all modules share their names in the program."""
    meanings = dict.fromkeys(dir(builtins), "Python itself")
    problems = []
    for module in modules:
        # `import http.client` and `import http.server` bind the same name.
        found = {
            n: f"`{line.strip()}`" if {"from", "as"} & {*line.split()} else f"`import {n}`"
            for n, line in module.foreign
        }
        for name, meaning in {**found, **dict.fromkeys(sorted(module.names), module.name)}.items():
            if meanings.setdefault(name, meaning) != meaning:
                problems.append(f"{name} of {module.name} is also a name of {meanings[name]}")
    if problems:
        raise Unfit(f"{'; '.join(problems)}: every name must be unique")


def stripped(name: str, source: str) -> Module:
    """Split a module into its imports and a text without docstrings, annotations and comments."""
    if not source.isascii():
        raise Unfit(f"{name}: has characters beyond ASCII; write them as escapes")
    tree = ast.parse(source)
    own: dict[str, list[str]] = {}
    foreign: list[tuple[str, str]] = []
    for node in tree.body:
        match node:
            case ast.ImportFrom(module=str() as module) if module.startswith(f"{PACKAGE}."):
                own[module.removeprefix(f"{PACKAGE}.")] = [_plain(name, each) for each in node.names]
            case ast.ImportFrom(module="__future__"):
                pass
            case ast.ImportFrom(module=module, names=names):
                foreign += [(each.asname or each.name, f"from {module} import {_as(each)}\n") for each in names]
            case ast.Import(names=names):
                foreign += [(each.asname or each.name.partition(".")[0], f"import {_as(each)}\n") for each in names]
            case _:
                pass
    text = _text(source, tree)
    kept = [*ast.parse("".join(line for _, line in foreign).replace("from None", "from .")).body, ast.parse(text)]
    for left in (node for each in kept for node in ast.walk(each)):
        if isinstance(left, ast.Import | ast.ImportFrom) and (found := _ours(left)):
            raise Unfit(f"{name}: imports {found}; import our own only as `from {PACKAGE}.x import a, b`, at the top")
    return Module(name, own, foreign, text)


def _ours(node: ast.Import | ast.ImportFrom) -> str:
    """Return which module of ours is imported; "" for another."""
    named = [each.name for each in node.names]
    if isinstance(node, ast.ImportFrom):
        named = ["." * node.level + (node.module or "")]
    return next((each for each in named if each.partition(".")[0] in ("", PACKAGE.partition(".")[0])), "")


def _plain(module: str, alias: ast.alias) -> str:
    if alias.asname or alias.name == "*":
        raise Unfit(f"{module}: imports `{_as(alias)}`; import our own names one by one, without `as`")
    return alias.name


def _as(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _text(source: str, tree: ast.Module) -> str:
    """Return the tokens that are kept, each statement on a line and indented by one space a level."""
    tokens = list(_joined(source))
    arrows = [token.start for token in tokens if token.string == "->"]
    dropped = sorted(_dropped(tree, arrows))
    emptied = {(body[0].lineno, body[0].col_offset) for body in _bodies(tree) if all(map(_goes, body))}
    lines: list[str] = []
    line, last = "", ""
    for token in tokens:
        if token.type == tokenize.NEWLINE:
            lines += [f"{line}\n"] if line else []
            line, last = "", ""
        elif token.start in emptied:
            line = " " * (token.start[1] // _INDENTATION) + "pass"
        elif token.type not in _LAYOUT and not any(start <= token.start < end for start, end in dropped):
            gap = " " if _touch(last, token.string) else ""
            line += gap + token.string if line else " " * (token.start[1] // _INDENTATION) + token.string
            last = token.string
    return "".join(lines)


def _touch(before: str, after: str) -> bool:
    """Whether two tokens need a space between them; `""` and another string would begin a triple quote."""
    word = before[-1:].isidentifier() or before[-1:].isdigit()
    return (word and (after[0].isidentifier() or after[0].isdigit())) or (
        before[-1:] in "'\"" and after[0] == before[-1:]
    )


def _joined(source: str) -> Iterator[tokenize.TokenInfo]:
    """Give the tokens; an f-string is one, as it is before Python 3.12."""
    lines = source.splitlines(keepends=True)
    opened: list[Place] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        kind = tokenize.tok_name[token.type]
        if kind == "FSTRING_START":
            opened.append(token.start)
        elif kind == "FSTRING_END" and len(opened) == 1:
            (row, column), (last_row, last_column) = opened.pop(), token.end
            text = "".join(lines[row - 1 : last_row])
            text = text[column : len(text) - len(lines[last_row - 1]) + last_column]
            yield token._replace(type=tokenize.STRING, string=text, start=(row, column))
        elif kind == "FSTRING_END":
            opened.pop()
        elif not opened:
            yield token


def _goes(statement: ast.stmt) -> bool:
    """Whether a statement is dropped: it is for readers or for types, or an import, which `Module` has."""
    match statement:
        case ast.Expr(ast.Constant(value=str())) | ast.AnnAssign(value=None):
            return True
        case ast.If(ast.Name("TYPE_CHECKING"), orelse=[]):
            return True
        case ast.Import() | ast.ImportFrom():
            return statement.col_offset == 0
        case _:
            return False


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Give each block below the module that must keep a statement, but not those that go as a whole."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.stmt) and _goes(node):
            continue
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, [])
            if isinstance(block, list) and block:
                yield block
        yield from _bodies(node)


def _dropped(tree: ast.Module, arrows: list[Place]) -> Iterator[tuple[Place, Place]]:
    """Give the places, from and to, of statements that go and of annotations."""
    for node in ast.walk(tree):
        if isinstance(node, ast.stmt) and _goes(node):
            yield _start(node), _end(node)
        elif isinstance(node, ast.arg) and node.annotation:
            yield (node.lineno, node.col_offset + len(node.arg)), _end(node)
        elif isinstance(node, ast.AnnAssign):
            yield _end(node.target), _end(node.annotation)
        elif isinstance(node, _FUNCTIONS) and node.returns:
            yield max(arrow for arrow in arrows if arrow < _start(node.returns)), _end(node.returns)


def _start(node: ast.stmt | ast.expr) -> Place:
    return node.lineno, node.col_offset


def _end(node: ast.stmt | ast.expr | ast.arg) -> Place:
    return node.end_lineno or 0, node.end_col_offset or 0
