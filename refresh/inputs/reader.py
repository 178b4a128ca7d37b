"""Reads inputs one by one from the environment and collects what is wrong with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from refresh.inputs import parsers
from refresh.inputs.parsers import Problem, cut

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
SECRETS = ("github-token", "github-app-private-key")
"""Inputs whose value is never shown. None is an option of the command line: it would show in the list of processes."""
_PARSED_AS_IS = "pre-runner-script"
_LONGEST_PROBLEM = 1000


class Reader:
    """Reads inputs one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.notices: list[str] = []
        self._withheld: set[str] = set()

    def raw(self, name: str) -> str:
        """Give an input as passed; runners keep its hyphens, other launchers cannot."""
        values = self._values(name)
        if len(values) > 1:
            one, other = spellings(name)
            problem = f"{name}: given twice, as {one} and {other}, with different values; keep one of them"
            if problem not in self.problems:
                self.problems.append(problem)
        return next(iter(values), "")

    def all_of(self, name: str) -> str:
        """Give all that is passed as an input, whichever way it is spelt, or a variable (in capitals)."""
        return self.environ.get(name, "") if name.isupper() else "\n".join(self._values(name))

    def withhold(self, problem: str) -> None:
        """Refuse an input or variable without its value, which is not parsed then."""
        self.problems.append(problem)
        self._withheld.add(problem.partition(":")[0])

    def given(self, name: str) -> bool:
        """Whether an input is there at all, usable or not."""
        return bool(self.raw(name).removeprefix("\ufeff").strip(" \t\r\n"))

    def text(self, name: str) -> str:
        """Give an input without surrounding white space; "" when it is absent or unusable."""
        return self._checked(name, parsers.visible, "") or ""

    def required(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Parse an input that must be given."""
        before = len(self.problems)
        value = self.optional(name, parse)
        if value is None and len(self.problems) == before and name not in self._withheld:
            variable = f"INPUT_{name.upper().replace('-', '_')}"
            self.problems.append(f"{name}: is required; set it in the step's `with:` (elsewhere in {variable})")
        return value

    def optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Parse an input; None when it is absent (the default holds), wrong or withheld."""
        if name in self._withheld:
            return None
        if name == _PARSED_AS_IS:
            return self._checked(name, parse, None)
        try:
            text = parsers.visible(self.raw(name))
        except Problem as problem:
            self.refuse(name, problem, self.raw(name))
            return None
        return self.parsed(name, text, parse) if text else None

    def variable(self, name: str, parse: Callable[[str], T], *, default: str | None = "") -> T | None:
        """Parse an environment variable that GitHub sets; `default=None` makes it optional."""
        value = self.environ.get(name, "").strip()
        if name in self._withheld:
            return None
        if value:
            return self.parsed(name, value, parse)
        if default is not None:
            self.problems.append(
                f"{name}: is required; GitHub sets it, elsewhere set it (or the input repository) to owner/name"
            )
        return None

    def renamed(self, name: str, parse: Callable[[str], T], old: str, parse_old: Callable[[str], T]) -> T | None:
        """Parse an input under its name or the original's; both is an error."""
        if not self.text(old):
            return self.optional(name, parse)
        if self.text(name):
            self.problems.append(f"{name}: given together with {old}, its deprecated name; keep {name}")
            return None
        self.warnings.append(f"{old}: is deprecated; use {name}.")
        return self.optional(old, parse_old)

    def id_list(self, name: str, kind: str, most: int) -> tuple[str, ...] | None:
        """Parse a list of ids and mention repeats."""
        found = self.required(name, parsers.ids(kind, most))
        if found is not None and len(re.findall(r"[^\s,]+", self.text(name))) > len(found):
            self.warnings.append(f"{name}: an id is given more than once; it counts once.")
        return found

    def parsed(self, name: str, text: str, parse: Callable[[str], T]) -> T | None:
        """Parse a text that stands for an input or a variable; None where it is wrong."""
        try:
            return parse(text)
        except Problem as problem:
            self.refuse(name, problem, text)
            return None

    def refuse(self, name: str, problem: Problem, value: str) -> None:
        """Report what is wrong with a value, once; a secret is not shown."""
        remedy = f"; {problem.remedy}" if problem.remedy else ""
        told = (
            problem.problem if len(problem.problem) <= _LONGEST_PROBLEM else f"{problem.problem[:_LONGEST_PROBLEM]}..."
        )
        if name not in SECRETS:
            told += f"; got {cut(value)}"
        text = f"{name}: {told}{remedy}"
        if text not in self.problems:
            self.problems.append(text)

    def _checked(self, name: str, parse: Callable[[str], T], absent: T | None) -> T | None:
        raw = "" if name in self._withheld else self.raw(name)
        try:
            return parse(raw) if raw else absent
        except Problem as problem:
            self.refuse(name, problem, raw)
            return absent

    def _values(self, name: str) -> list[str]:
        return sorted({self.environ[each] for each in spellings(name) if self.environ.get(each)})


def spellings(name: str) -> tuple[str, str]:
    """Name the variables that an input can be in."""
    return f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}"
