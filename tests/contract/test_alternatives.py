"""docs/alternatives.md answers each question for each tool, and each answer has a source among the tool's own pages."""

from __future__ import annotations

import re

import pytest

from tests import pages

PAGE = pages.page("docs/alternatives.md")
TARGETS = dict(re.findall(r"^\[([\w-]+)\]: (\S+)$", PAGE, re.MULTILINE))
_WITHOUT_A_SOURCE = ("not documented", "unknown")
_LINK = re.compile(r"\]\(([^)]+)\)|\]\[([\w-]+)\]")
_OURS = re.compile(r"(?:\.\./)?[\w-]+(?:\.md(?:#[\w-]+)?)?")


def _rows(section: str) -> list[list[str]]:
    """Return the cells of a section's table, without its head."""
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def _links(cell: str) -> list[str]:
    """Return the addresses that a cell links to."""
    return [inline or TARGETS[name] for inline, name in _LINK.findall(cell)]


_TOP, _QUESTIONS = PAGE.split("\n## Question by question\n")
TOOLS = {tool: _links(what) for tool, what in _rows(_TOP)}
"""The tools of the page, each with the addresses that its own pages begin with; none for this project's."""
QUESTIONS = dict(re.findall(r"^### ([^\n]+)\n(.*?)(?=^###|\Z)", _QUESTIONS, re.MULTILINE | re.DOTALL))


def _has_a_source(tool: str, answer: str) -> bool:
    if answer.startswith(_WITHOUT_A_SOURCE):
        return True
    if not TOOLS[tool]:
        return any(map(_OURS.fullmatch, _links(answer)))
    return any(link.startswith(tuple(TOOLS[tool])) for link in _links(answer))


@pytest.mark.parametrize("question", QUESTIONS)
def test_every_tool_has_an_answer_with_a_source_of_its_own(question: str) -> None:
    answers = dict(_rows(QUESTIONS[question]))
    assert list(answers) == list(TOOLS)
    assert [tool for tool, answer in answers.items() if not _has_a_source(tool, answer)] == []


def test_page_links_the_pages_of_each_tool_and_uses_every_source() -> None:
    assert [tool for tool, addresses in TOOLS.items() if not addresses] == ["refresh-action"]
    assert len(QUESTIONS) == PAGE.count("\n### ") > 0
    assert set(TARGETS) == {name for _, name in _LINK.findall(PAGE) if name}


@pytest.mark.parametrize("answer", ["yes", "yes ([README][m-readme])", "yes ([README](provision.md))"])
def test_an_answer_without_a_source_of_its_own_tool_is_found(answer: str) -> None:
    assert not _has_a_source("namecheap", answer)
