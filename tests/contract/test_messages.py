"""The page of messages quotes what the program says, and every message of the program is on it."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
PROGRAM = ROOT / "refresh"
PAGE = (ROOT / "docs" / "messages.md").read_text()

FEWEST_WORDS = 3
"""A text of the program with so many words is a message, and a quotation with fewer stands for none."""
VARIES = "\0"
"""Stands in a text for what an f-string puts in."""

FILES_TOLD_ELSEWHERE = {
    "inputs/command_line/__init__.py": "the parser shows it with the usage",
    "inputs/command_line/options.py": "`python -m refresh --help` shows it",
    "inputs/command_line/wording.py": "other words for messages that are on the page",
    "inputs/table.py": "docs/inputs.md has what describes an input",
    "output/step_outputs.py": "docs/inputs.md has what describes an output",
    "output/job_summary.py": "headings of the summary, which explain themselves",
    "inputs/bash.py": "bash's words",
    "inputs/scripts.py": "problems of inputs' values, see there",
    "inputs/parsers.py": "problems of inputs' values, see there",
    "inputs/durations.py": "problems of inputs' values, see there",
    "inputs/resource_classes.py": "problems of inputs' values, see there",
    "inputs/regions.py": "AWS's names",
}
TEXTS_TOLD_ELSEWHERE = {
    "See the message; if it stays": "no error is of the kind that all others come from",
    "Allow this to the credentials": "whoever raises it says which permission is missing",
    "not authorized to perform: (": "finds AWS's words",
    "\\s*Encoded authorization": "finds AWS's words",
    "retrieve verification key": "finds AWS's words",
    "AWSKMS|": "finds AWS's words",
    "InvalidState|pending": "finds AWS's words",
    "Tunnel connection failed": "finds a library's words",
    "resource not accessible|": "finds GitHub's words",
    "self-hosted runners are": "finds GitHub's words",
    "ip allow list": "finds GitHub's words",
    "access token (classic)": "finds GitHub's words",
    "fine-grained personal access": "finds GitHub's words",
    "oauth app access": "finds GitHub's words",
    "account was suspended": "finds GitHub's words",
    "enterprise managed user": "finds GitHub's words",
    "-----BEGIN (?P<kind>": "finds a key",
    "-----BEGIN [A-Z ]*PRIVATE KEY": "finds a key",
    "RSA PRIVATE KEY": "finds a key",
    "BEGIN PRIVATE KEY": "finds a key",
    "attribute_not_exists(PK) OR": "is sent to DynamoDB",
    "NOT attribute_type(": "is sent to DynamoDB",
    "dict[QueueAttributeNameType": "is a type",
    "set attributes of": "begins the name of a change",
    "no wire form for": "is a defect of the program, told by its place alone",
    "#!/usr/bin/env bash": "begins the agent's script",
}
"""Each text by its beginning, with the reason why the page has not got it."""


def test_what_the_page_quotes_is_said_by_the_program() -> None:
    """A message that is reworded fails here."""
    texts = [*_texts(), *_names_of_errors(), *_lines_of_the_agent(), *_errors_of_the_composite_form()]
    quotations = list(_quotations())
    assert len(quotations) > 200
    assert [each for each in quotations if not _words(each)] == []
    unsaid = [each for each in quotations if not any(_expression(each).search(text) for text in texts)]
    assert not unsaid, "\n".join(unsaid)


def test_every_message_of_the_program_is_on_the_page() -> None:
    """A new message fails here until it stands there, or below a reason."""
    beginnings = [_beginning(each) for each in _quotations() if _words(each) >= FEWEST_WORDS]
    beginnings += [re.compile(re.escape(each)) for each in TEXTS_TOLD_ELSEWHERE]
    missing = [each for each in _messages() if not any(beginning.match(each[1]) for beginning in beginnings)]
    assert not missing, "\n".join(": ".join(each).replace(VARIES, "...") for each in missing)


def test_every_problem_of_an_input_is_on_this_page_or_on_that_of_bad_inputs() -> None:
    """By its longest words that do not vary."""
    pages = PAGE + (ROOT / "docs" / "bad-inputs.md").read_text()
    words = [max(text.split(VARIES), key=len).strip(" :;,") for text in _problems_of_inputs()]
    assert len(words) > 40
    assert [each for each in words if each not in pages] == []


def test_every_error_of_the_composite_form_is_on_the_page() -> None:
    """What it says before the program starts."""
    beginnings = [_beginning(each) for each in _quotations() if _words(each) >= FEWEST_WORDS]
    errors = list(_errors_of_the_composite_form())
    assert len(errors) == 3
    assert [each for each in errors if not any(beginning.match(each) for beginning in beginnings)] == []


def test_nothing_is_told_elsewhere_that_is_not_said() -> None:
    """A reason outlives its text else."""
    texts = [text for _, text in _messages()]
    assert [each for each in TEXTS_TOLD_ELSEWHERE if not any(text.startswith(each) for text in texts)] == []
    assert [each for each in FILES_TOLD_ELSEWHERE if not (PROGRAM / each).exists()] == []


def test_every_message_of_the_page_has_a_meaning_and_a_remedy() -> None:
    """In the table of who says it, whose columns are the same everywhere."""
    assert [row for row in _rows() if len(row) != 3 or not all(row)] == []


def _rows() -> Iterator[list[str]]:
    """Give the cells of every row below a head that begins with `message`."""
    inside = False
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("|"):
            inside = False
        elif cells[0] == "message":
            inside = True
        elif inside and cells[0] != "---":
            yield cells


def _quotations() -> Iterator[str]:
    for row in _rows():
        found = re.findall(r"`([^`]+)`", row[0])
        assert found, row
        yield from found


def _expression(quotation: str) -> re.Pattern[str]:
    """Find what it quotes, from word to word, with anything where it says `...`."""
    return re.compile(rf"(?<!\w){'.*'.join(map(re.escape, quotation.split('...')))}(?!\w)", re.DOTALL)


def _beginning(quotation: str) -> re.Pattern[str]:
    """Find the texts that begin as it does; marks, and what varies, may stand before."""
    return re.compile(rf"\W*{_expression(quotation.lstrip('.:; (')).pattern}", re.DOTALL)


def _words(text: str) -> int:
    return len(re.findall(r"[A-Za-z][A-Za-z'-]+", text))


def _texts() -> Iterator[str]:
    """Give every text of the program but what documents it."""
    for path in sorted(PROGRAM.rglob("*.py")):
        tree = ast.parse(path.read_text())
        left = _documentation(tree)
        yield from (text for node in ast.walk(tree) if id(node) not in left and (text := _text(node)))


def _messages() -> Iterator[tuple[str, str]]:
    """Give every text of words for people, with its place, but for the problems of inputs' values."""
    for path in sorted(PROGRAM.rglob("*.py")):
        name = path.relative_to(PROGRAM).as_posix()
        if name in FILES_TOLD_ELSEWHERE:
            continue
        tree = ast.parse(path.read_text())
        left = _documentation(tree) | _pieces(tree) | _problems(tree)
        for node in ast.walk(tree):
            text = "" if id(node) in left else _text(node)
            if _words(text) >= FEWEST_WORDS and " " in text.strip():
                yield f"refresh/{name}:{getattr(node, 'lineno', '?')}", text


def _problems_of_inputs() -> Iterator[str]:
    """Give what each `Problem(...)` says first, where it is a literal."""
    for path in sorted(PROGRAM.rglob("*.py")):
        yield from (text for call in _calls_of_problem(ast.parse(path.read_text())) if (text := _text(call.args[0])))


def _errors_of_the_composite_form() -> Iterator[str]:
    script = (ROOT / "composite" / "launch.sh").read_text().replace("\\\n", "").replace("$PYTHON", VARIES)
    yield from re.findall(r'\bfail [a-z]+ "([^"]+)"', script)


def _text(node: ast.AST) -> str:
    """Give a literal's text, of an f-string what is constant in it."""
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Constant(value=bytes(content)):
            return content.decode(errors="replace")
        case ast.JoinedStr(values=values):
            return "".join(_text(each) or VARIES for each in values)
    return ""


def _documentation(tree: ast.AST) -> set[int]:
    """Return the docstrings, and what registrations say for the pages."""
    found = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in {"COMPONENT", "CALLS"}:
            found |= {id(each) for each in ast.walk(node)}
    return found


def _pieces(tree: ast.AST) -> set[int]:
    """Give the constants of f-strings, which count as a whole."""
    joined = (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
    return {id(each) for node in joined for each in node.values if isinstance(each, ast.Constant)}


def _problems(tree: ast.AST) -> set[int]:
    """Give all that stands in a `Problem(...)`, of which there is a test of its own."""
    return {id(each) for call in _calls_of_problem(tree) for each in ast.walk(call)}


def _calls_of_problem(tree: ast.AST) -> list[ast.Call]:
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id == "Problem"]


def _names_of_errors() -> list[str]:
    """Give the kinds of errors, with which messages about AWS and GitHub begin."""
    tree = ast.parse((PROGRAM / "errors.py").read_text())
    return [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]


def _lines_of_the_agent() -> list[str]:
    return [line for path in sorted((PROGRAM / "agent").glob("*.sh")) for line in path.read_text().splitlines()]
