"""Reads inputs one by one from the environment and collects what is wrong with them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from refresh.inputs import parsers
from refresh.inputs.parsers import Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")
LONGEST_SHOWN = 40
SECRETS = ("github-token", "github-app-private-key")
"""Inputs whose value is never shown."""
_PARSED_AS_IS = "pre-runner-script"


class Reader:
    """Reads inputs one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.notices: list[str] = []

    def raw(self, name: str) -> str:
        """Give an input as passed; runners keep its hyphens, other launchers cannot."""
        spellings = (f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}")
        values = {self.environ[each] for each in spellings if self.environ.get(each)}
        if len(values) > 1:
            problem = (
                f"{name}: given twice, as {spellings[0]} and {spellings[1]}, with different values; keep one of them"
            )
            if problem not in self.problems:
                self.problems.append(problem)
        return next(iter(sorted(values)), "")

    def text(self, name: str) -> str:
        """Give an input without surrounding white space; "" when it is absent or unusable."""
        return self._checked(name, parsers.visible, "") or ""

    def required(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Parse an input that must be given."""
        before = len(self.problems)
        value = self.optional(name, parse)
        if value is None and len(self.problems) == before:
            variable = f"INPUT_{name.upper().replace('-', '_')}"
            self.problems.append(f"{name}: is required; set it in the step's `with:` (elsewhere in {variable})")
        return value

    def optional(self, name: str, parse: Callable[[str], T]) -> T | None:
        """Parse an input; None when it is absent (the default holds) or wrong."""
        if name == _PARSED_AS_IS:
            return self._checked(name, parse, None)
        try:
            text = parsers.visible(self.raw(name))
        except Problem as problem:
            self._add(name, problem, self.raw(name))
            return None
        return self._parsed(name, text, parse) if text else None

    def variable(self, name: str, parse: Callable[[str], T], *, default: str | None = "") -> T | None:
        """Parse an environment variable that GitHub sets; `default=None` makes it optional."""
        value = self.environ.get(name, "").strip()
        if value:
            return self._parsed(name, value, parse)
        if default is not None:
            self.problems.append(f"{name}: is required; GitHub sets it, elsewhere set {name}=owner/name")
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

    def _checked(self, name: str, parse: Callable[[str], T], absent: T | None) -> T | None:
        raw = self.raw(name)
        try:
            return parse(raw) if raw else absent
        except Problem as problem:
            self._add(name, problem, raw)
            return absent

    def _parsed(self, name: str, text: str, parse: Callable[[str], T]) -> T | None:
        try:
            return parse(text)
        except Problem as problem:
            self._add(name, problem, text)
            return None

    def _add(self, name: str, problem: Problem, value: str) -> None:
        shown = "" if name in SECRETS else f"; got {cut(value)}"
        remedy = f"; {problem.remedy}" if problem.remedy else ""
        text = f"{name}: {problem.problem}{shown}{remedy}"
        if text not in self.problems:
            self.problems.append(text)


def cut(value: str) -> str:
    """Show a value, the beginning of a long one."""
    return repr(value if len(value) <= LONGEST_SHOWN else value[:LONGEST_SHOWN] + "...")
