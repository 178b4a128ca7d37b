"""The page of messages has the messages of the program, and no others.

A message is recognized by a few words of it, so that the rest of the sentence can be improved on either side.
"""

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
"""A text with so many words is a message, and by so many it is recognized."""
VARIES = "..."
"""Stands in a text for what differs from run to run."""

AGENT = {
    f"agent/{path.name}"
    for path in (PROGRAM / "agent").glob("*.py")
    if path.name not in {"__init__.py", "calls.py", "user_data.py"}
}
"""Its lines are events, see that test."""
UNDOCUMENTED_FILES = {
    "inputs/command_line/__init__.py": "shown with the usage",
    "inputs/command_line/options.py": "shown by --help",
    "inputs/command_line/wording.py": "other words for documented messages",
    "inputs/table.py": "in docs/inputs.md",
    "output/step_outputs.py": "in docs/inputs.md",
    "output/job_summary.py": "headings of the summary",
    "output/history.py": "in docs/history.md",
    "output/history_chart.py": "in docs/history.md",
    "output/history_figures.py": "in docs/history.md",
    "output/provision_outputs.py": "in docs/inputs.md",
    "output/release_outputs.py": "in docs/inputs.md",
    "output/provision_summary.py": "headings of the summary",
    "output/release_summary.py": "headings of the summary",
    "inputs/bash.py": "bash's text",
    "inputs/scripts.py": "problems of inputs, see that test",
    "inputs/parsers.py": "problems of inputs, see that test",
    "inputs/durations.py": "problems of inputs, see that test",
    "inputs/json_objects.py": "problems of inputs, see that test",
    "inputs/launches.py": "problems of inputs, see that test",
    "inputs/resource_classes.py": "problems of inputs, see that test",
    "inputs/regions.py": "AWS's names",
    "pool/transitions.py": "in docs/table.md",
}
UNDOCUMENTED_TEXTS = {
    "See the message": "the base class of all errors, which is never raised",
    "Grant this permission": "each use names the missing permission",
    "retrieve verification key": "matches AWS's text",
    "self-hosted runners are": "matches GitHub's text",
    "ip allow list": "matches GitHub's text",
    "access token (classic)": "matches GitHub's text",
    "fine-grained personal access": "matches GitHub's text",
    "oauth app access": "matches GitHub's text",
    "account was suspended": "matches GitHub's text",
    "enterprise managed user": "matches GitHub's text",
    "duplicate instance pools": "matches AWS's text",
    "RSA PRIVATE KEY": "matches a key",
    "BEGIN PRIVATE KEY": "matches a key",
    "attribute_not_exists(PK) OR": "a condition for DynamoDB",
    "NOT attribute_type(": "a condition for DynamoDB",
    "#value.#": "a condition for DynamoDB",
    "(#value.#": "a condition for DynamoDB",
    "dict[QueueAttributeNameType": "a type",
    "M {version:": "a value of docs/table.md",
    "set attributes of": "the beginning of a change's name",
    "a job without a name": "in place of a job's name",
    "no wire form for": "a defect, which is only reported by its place",
    "#!/usr/bin/env bash": "the beginning of the agent's script",
}
"""Each text by its beginning, with the reason why the page does not have it."""
OF_AWS_OR_GITHUB = (
    "Not authorized to perform",
    "No OpenIDConnect provider found",
    "The requested DurationSeconds exceeds",
    "Bad credentials",
    "The permissions requested are not granted",
)


def test_documented_messages_exist_in_the_program() -> None:
    texts = {_plain(text) for text in _texts_of_the_program()}
    quotations = list(_quotations())
    assert len(quotations) > 200
    assert [each for each in quotations if not any(_keys(each)[0] in text for text in texts)] == []


def test_messages_of_the_program_are_documented() -> None:
    documented = "".join(map(_plain, _quotations()))
    messages = ((place, text) for place, text in _messages() if not text.startswith(tuple(UNDOCUMENTED_TEXTS)))
    missing = [f"{place}: {text}" for place, text in messages if not any(key in documented for key in _keys(text))]
    assert not missing, "\n".join(missing)


def test_problems_of_inputs_are_documented_here_or_with_the_bad_inputs() -> None:
    documented = _plain(PAGE + (ROOT / "docs" / "bad-inputs.md").read_text())
    calls = [call for _, tree in _modules() for call in _calls_of_problem(tree)]
    problems = [text for call in calls if _words(text := _text(call.args[0]))]
    assert len(problems) > 40
    assert [each for each in problems if _keys(each)[0] not in documented] == []


def test_messages_quoted_by_the_page_of_access_exist() -> None:
    texts = "".join(map(_plain, [*_texts_of_the_program(), *OF_AWS_OR_GITHUB]))
    quotations = re.findall(r"^\| `(.*?)` ", (ROOT / "docs" / "access.md").read_text(), re.MULTILINE)
    assert len(quotations) > 14
    # A run fills in operations and actions.
    varying = [re.sub(r": |\b[a-z0-9]+:[A-Z]\w+|GitHub (?:GET|POST)", VARIES, each) for each in quotations]
    assert [each for each in varying if not any(key in texts for key in _keys(each))] == []


def test_undocumented_texts_and_files_still_exist() -> None:
    texts = [text for _, text in _messages()]
    assert [each for each in UNDOCUMENTED_TEXTS if not any(text.startswith(each) for text in texts)] == []
    assert [each for each in UNDOCUMENTED_FILES if not (PROGRAM / each).exists()] == []


def test_every_line_of_the_agents_log_is_documented() -> None:
    """By its event: what follows are values."""
    sources = [path.read_text() for path in (PROGRAM / "agent").glob("*") if path.suffix in {".py", ".sh"}]
    event = r'(?:say\(|BootFailed\(|OSError\(|NotInstalled\(|%s )f?"?((?:[a-z]+\.[a-z_]+|retried:|unanswered:))(?=[ "])'
    logged = {each for source in sources for each in re.findall(event, source)}
    logged |= {each for source in sources for each in re.findall(r'else f?"(script\.[a-z_]+)', source)}
    documented = {word for row in _rows() for text in re.findall(r"`([^`]+)`", row[0]) for word in text.split()[:1]}
    assert len(logged) > 20
    assert logged <= documented


def test_documented_messages_have_a_meaning_and_a_remedy() -> None:
    assert [row for row in _rows() if len(row) != 3 or not all(row)] == []


def _rows() -> Iterator[list[str]]:
    """Return the cells of every row of a table whose first column is `message`."""
    for table in re.findall(r"^\| message \|.*\n\|[ |:-]+\n((?:\|.*\n)+)", PAGE, re.MULTILINE):
        yield from ([cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines())


def _quotations() -> Iterator[str]:
    for row in _rows():
        found = re.findall(r"`([^`]+)`", row[0])
        assert found, row
        yield from found


def _words(text: str) -> list[str]:
    return re.findall(r"[A-Za-z]{2,}(?:['-][A-Za-z]+)*", text)


def _plain(text: str) -> str:
    """Reduce a text to its words."""
    return f" {' '.join(_words(text))} "


def _keys(text: str) -> list[str]:
    """Return the first words of each part that does not vary, the longest part first, and of the whole text."""
    longest, *others = sorted(map(_words, text.split(VARIES)), key=len, reverse=True)
    parts = [longest, *(words for words in others if len(words) >= FEWEST_WORDS), _words(text)]
    return [_plain(" ".join(words[:FEWEST_WORDS])) for words in parts]


def _modules() -> Iterator[tuple[str, ast.AST]]:
    for path in sorted(PROGRAM.rglob("*.py")):
        yield path.relative_to(PROGRAM).as_posix(), ast.parse(path.read_text())


def _texts_of_the_program() -> Iterator[str]:
    """Return every text but docstrings, the names of errors, and the texts in the two shells."""
    for _, tree in _modules():
        documentation = _documentation(tree)
        yield from (_text(node) for node in ast.walk(tree) if id(node) not in documentation)
        yield from (node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    yield from (PROGRAM / "agent" / "wrapper.sh").read_text().splitlines()
    yield from _errors_of_the_composite_form()


def _messages() -> Iterator[tuple[str, str]]:
    """Return every text for people with its place, except for the problems of inputs."""
    for name, tree in _modules():
        if name in UNDOCUMENTED_FILES or name in AGENT:
            continue
        left = _documentation(tree) | _pieces(tree)
        left |= {id(each) for call in (*_calls_of_problem(tree), *_patterns(tree)) for each in ast.walk(call)}
        for node in ast.walk(tree):
            text = "" if id(node) in left else _text(node)
            if len(_words(text)) >= FEWEST_WORDS and " " in text.strip():
                yield f"refresh/{name}:{getattr(node, 'lineno', '?')}", text
    yield from (("composite/launch.sh", text) for text in _errors_of_the_composite_form())


def _errors_of_the_composite_form() -> list[str]:
    script = (ROOT / "composite" / "launch.sh").read_text().replace("\\\n", "").replace("$PYTHON", VARIES)
    return re.findall(r'\bfail [a-z]+ "([^"]+)"', script)


def _text(node: ast.AST) -> str:
    """Return a literal's text, and of an f-string its constant parts."""
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
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) in {"COMPONENT", "CALLS", "LAUNCHES", "ORIGINAL_CALLS"}:
            found |= {id(each) for each in ast.walk(node)}
    return found


def _pieces(tree: ast.AST) -> set[int]:
    """Return the constants in f-strings, which count as a whole."""
    joined = (node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr))
    return {id(each) for node in joined for each in node.values if isinstance(each, ast.Constant)}


def _calls_of_problem(tree: ast.AST) -> list[ast.Call]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "Problem"]


def _patterns(tree: ast.AST) -> list[ast.Call]:
    """Return the calls that match other programs' texts."""
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return [call for call in calls if ast.unparse(call.func).startswith("re.")]
