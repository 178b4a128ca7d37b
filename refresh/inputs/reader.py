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
_SHORTEST_SECRET = 8
"""What is shorter stands in any text, and is no secret of GitHub's."""
_OF_ANY_KEY = ("-----BEGIN", "-----END", "KEY-----")


class Reader:
    """Reads inputs one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self.environ = environ
        self.problems: list[str] = []
        self.warnings: list[str] = []
        self.notices: list[str] = []
        self._secrets = [(name, _pieces(value)) for name in SECRETS for value in self._values(name)]

    def raw(self, name: str) -> str:
        """Give an input as passed; runners keep its hyphens, other launchers cannot."""
        values = self._values(name)
        if len(values) > 1:
            one, other = spellings(name)
            problem = f"{name}: given twice, as {one} and {other}, with different values; keep one of them"
            if problem not in self.problems:
                self.problems.append(problem)
        return next(iter(values), "")

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
            self.refuse(name, problem, self.raw(name))
            return None
        return self.parsed(name, text, parse) if text else None

    def variable(self, name: str, parse: Callable[[str], T], *, default: str | None = "") -> T | None:
        """Parse an environment variable that GitHub sets; `default=None` makes it optional."""
        value = self.environ.get(name, "").strip()
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
        """Tell what is wrong with a value, once; a secret that somebody put into the wrong input is not repeated."""
        remedy = f"; {problem.remedy}" if problem.remedy else ""
        told = (
            problem.problem if len(problem.problem) <= _LONGEST_PROBLEM else f"{problem.problem[:_LONGEST_PROBLEM]}..."
        )
        if name not in SECRETS:
            told += f"; got {cut(value)}"
            if secret := self._secret_in(value):
                told, remedy = f"holds the {secret}, so it is not shown", "; take it out of this input"
        text = f"{name}: {told}{remedy}"
        if text not in self.problems:
            self.problems.append(text)

    def _checked(self, name: str, parse: Callable[[str], T], absent: T | None) -> T | None:
        raw = self.raw(name)
        try:
            return parse(raw) if raw else absent
        except Problem as problem:
            self.refuse(name, problem, raw)
            return absent

    def _values(self, name: str) -> list[str]:
        return sorted({self.environ[each] for each in spellings(name) if self.environ.get(each)})

    def _secret_in(self, value: str) -> str:
        return next((name for name, pieces in self._secrets if any(piece in value for piece in pieces)), "")


def spellings(name: str) -> tuple[str, str]:
    """Name the variables that an input can be in."""
    return f"INPUT_{name.upper()}", f"INPUT_{name.upper().replace('-', '_')}"


def _pieces(secret: str) -> list[str]:
    """Give what betrays a secret: all of it, or a word or a line of it; nothing where it was not even expanded."""
    if "${{" in secret:
        return []
    words = [secret.strip(), *secret.replace("\\n", "\n").split()]
    return [word for word in words if len(word) >= _SHORTEST_SECRET and word not in _OF_ANY_KEY]
