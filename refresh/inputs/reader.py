"""Reads inputs one by one from the environment and collects what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from refresh.inputs import parsers
from refresh.inputs.parsers import Problem, cut
from refresh.inputs.table import OLD_NAMES, SECRETS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from refresh.inputs.table import Input

T = TypeVar("T")
_LONGEST_PROBLEM = 1000
_NO_REPOSITORY = "is required; GitHub sets it; outside a workflow, set it (or the input repository) to owner/name"


class Reader:
    """Reads inputs one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.notices: list[str] = []
        self._hidden: set[str] = set()

    def value(self, each: Input) -> Any:
        """Read an input; None where it is absent (the default holds), wrong, hidden or ignored."""
        if each.ignored:
            if self.text(each.name):
                self.notices.append(f"{each.name}: belongs to another mode of the original action and is ignored.")
            return None
        if each.replaced_by:
            return None  # it is read as the input that has replaced it
        before = len(self.problems)
        old = OLD_NAMES.get(each.name)
        found = self._renamed(each, old) if old and self.text(old.name) else self._parsed_input(each)
        if each.required and found is None and len(self.problems) == before and each.name not in self._hidden:
            self.problems.append(
                f"{each.name}: is required; set it in the step's `with:` (outside a workflow, in {each.variable})"
            )
        return found

    def raw(self, name: str) -> str:
        """Return an input as it was passed; runners keep the hyphens of its name, shells cannot."""
        values = self._values(name)
        if len(values) > 1:
            one, other = spellings(name)
            problem = f"{name}: given twice, as {one} and {other}, with different values; keep one of them"
            if problem not in self.problems:
                self.problems.append(problem)
        return next(iter(values), "")

    def all_of(self, name: str) -> str:
        """Return all values of an input in both spellings, or of a variable (in capitals)."""
        return self.environ.get(name, "") if name.isupper() else "\n".join(self._values(name))

    def hide(self, problem: str) -> None:
        """Report a problem of an input or variable whose value must be neither shown nor parsed."""
        self.problems.append(problem)
        self._hidden.add(problem.partition(":")[0])

    def given(self, name: str) -> bool:
        """Whether an input is given, usable or not."""
        return bool(self.raw(name).removeprefix("\ufeff").strip(" \t\r\n"))

    def text(self, name: str) -> str:
        """Return an input without surrounding white space; "" when it is absent or unusable."""
        return self._visible(name) or ""

    def variable(
        self, name: str, parse: Callable[[str], T], *, default: str | None = "", absent: str = _NO_REPOSITORY
    ) -> T | None:
        """Parse an environment variable that GitHub sets; `default=None` makes it optional."""
        value = self.environ.get(name, "").strip()
        if name in self._hidden:
            return None
        if value:
            return self.parsed(name, value, parse)
        if default is not None:
            self.problems.append(f"{name}: {absent}")
        return None

    def parsed(self, name: str, text: str, parse: Callable[[str], T]) -> T | None:
        """Parse the text of an input or a variable; None where it is wrong."""
        try:
            return parse(text)
        except Problem as problem:
            self.refuse(name, problem, text)
            return None

    def refuse(self, name: str, problem: Problem, value: str) -> None:
        """Report a problem with a value; a secret is not shown."""
        remedy = f"; {problem.remedy}" if problem.remedy else ""
        wrong = problem.problem
        if len(wrong) > _LONGEST_PROBLEM:
            wrong = f"{wrong[:_LONGEST_PROBLEM]}..."
        if name not in SECRETS:
            wrong += f"; got {cut(value)}"
        self.problems.append(f"{name}: {wrong}{remedy}")

    def _renamed(self, each: Input, old: Input) -> Any:
        """Read an input that is given under the original's name; both names are an error."""
        if self.text(each.name):
            self.problems.append(f"{each.name}: given together with {old.name}, its deprecated name; keep {each.name}")
            return None
        self.warnings.append(f"{old.name}: is deprecated; use {each.name}.")
        return self._parsed_input(old)

    def _parsed_input(self, each: Input) -> Any:
        text = self._unchecked(each.name) if each.verbatim else self._visible(each.name)
        return self.parsed(each.name, text, each.parse) if text else None

    def _visible(self, name: str) -> str | None:
        return self.parsed(name, self._unchecked(name), parsers.visible)

    def _unchecked(self, name: str) -> str:
        return "" if name in self._hidden else self.raw(name)

    def _values(self, name: str) -> list[str]:
        return sorted({self.environ[each] for each in spellings(name) if self.environ.get(each)})


def spellings(name: str) -> tuple[str, str]:
    """Return the two names of an input's variable."""
    return f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}"
