"""DynamoDB's condition, filter, projection and SET expressions, as far as anybody here uses them.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Expressions.OperatorsAndFunctions.html
"""

from __future__ import annotations

import functools
import operator
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Values = Mapping[str, Any]
    Names = Mapping[str, str]
    Condition = Callable[[Values, Names, Values], bool]
    Operand = Callable[[Values, Names, Values], Any]

_TOKEN = re.compile(r"\s*(<>|<=|>=|[=<>(),]|:\w+|[#\w][\w.#]*)")
_ORDER = {"<": operator.lt, ">": operator.gt, "<=": operator.le, ">=": operator.ge}


def holds(expression: str | None, item: Values | None, names: Names, values: Values) -> bool:
    """Evaluate a condition on an item (None where there is none)."""
    return expression is None or _parsed(expression)(item or {}, names, values)


def projected(expression: str | None, item: Values, names: Names) -> dict[str, Any]:
    """Keep the named top-level attributes."""
    if expression is None:
        return dict(item)
    wanted = [names.get(each.strip(), each.strip()) for each in expression.split(",")]
    return {name: item[name] for name in wanted if name in item}


def updated(expression: str, item: Values, names: Names, values: Values) -> dict[str, Any]:
    """Apply `SET a = :a, b = :b`."""
    result = dict(item)
    for assignment in expression.removeprefix("SET ").split(","):
        path, _, value = assignment.partition("=")
        result[names.get(path.strip(), path.strip())] = values[value.strip()]
    return result


@functools.cache
def _parsed(expression: str) -> Condition:
    return _Parser(_TOKEN.findall(expression)).disjunction()


class _Parser:
    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens

    def disjunction(self) -> Condition:
        terms = [self.conjunction()]
        while self._taken("OR"):
            terms.append(self.conjunction())
        return lambda *world: any(term(*world) for term in terms)

    def conjunction(self) -> Condition:
        terms = [self.negation()]
        while self._taken("AND"):
            terms.append(self.negation())
        return lambda *world: all(term(*world) for term in terms)

    def negation(self) -> Condition:
        if self._taken("NOT"):
            inner = self.negation()
            return lambda *world: not inner(*world)
        if self._taken("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        if len(self.tokens) > 1 and self.tokens[1] == "(":
            return self.function()
        return self.comparison()

    def function(self) -> Condition:
        name = self.tokens.pop(0)
        self._expect("(")
        path = self.operand()
        kind = self.operand() if self._taken(",") else None
        self._expect(")")
        match name:
            case "attribute_exists":
                return lambda *world: path(*world) is not None
            case "attribute_not_exists":
                return lambda *world: path(*world) is None
            case "attribute_type" if kind:
                return lambda *world: next(iter(path(*world) or {}), None) == kind(*world)["S"]
            case _:
                # DynamoDB has more of them; a test that needs another one stops here.
                raise ValueError(f"this stand-in for DynamoDB does not know the function {name!r}: add it here")

    def comparison(self) -> Condition:
        left, sign, right = self.operand(), self.tokens.pop(0), self.operand()

        def compare(*world: Any) -> bool:
            one, other = left(*world), right(*world)
            if sign == "=":
                return one is not None and bool(one == other)
            if sign == "<>":
                return bool(one != other)
            if one is None or other is None or one.keys() != other.keys():
                return False
            return bool(_ORDER[sign](_comparable(one), _comparable(other)))

        return compare

    def operand(self) -> Operand:
        token = self.tokens.pop(0)
        if token.startswith(":"):
            return lambda _, __, values: values[token]
        parts = token.split(".")

        def look(item: Values, names: Names, _: Values) -> Any:
            found: Any = {"M": item}
            for part in parts:
                found = (found or {}).get("M", {}).get(names.get(part, part))
            return found

        return look

    def _taken(self, token: str) -> bool:
        if self.tokens and self.tokens[0] == token:
            self.tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._taken(token):
            raise ValueError(f"{token} expected before {self.tokens}")


def _comparable(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    return int(content) if kind == "N" else content
