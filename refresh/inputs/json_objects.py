"""Inputs that are JSON objects, read strictly: no key twice, no infinite number, no text without an end."""

from __future__ import annotations

import json
from typing import Any, NoReturn

from refresh.inputs.parsers import LONGEST_SHOWN, Problem, cut

_JSON_LIMIT = 100_000


def parsed(value: str, example: str) -> dict[str, Any]:
    """Parse an object; `example` is the remedy for anything else."""
    content = _json(value, example)
    if not isinstance(content, dict):
        raise Problem("a JSON object expected", example)
    return content


def shown(value: object) -> str:
    """Write a value as JSON; a long one is cut."""
    text = json.dumps(value)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."


def _json(value: str, example: str) -> Any:
    if len(value) > _JSON_LIMIT:
        raise Problem(f"too large ({len(value)} characters)", f"write at most {_JSON_LIMIT} characters")
    try:
        return json.loads(value, object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise Problem(
            f"not JSON: {error.msg} in line {error.lineno}, column {error.colno}",
            "check it with a JSON linter",
        ) from None
    except RecursionError:
        raise Problem("too deeply nested", example) from None
    except ValueError:  # int() refuses thousands of digits
        raise Problem("a number that is too large", "write whole numbers") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for key, value in pairs:
        if key in content:
            raise Problem(f"{cut(key)} is given twice", "keep one of them")
        content[key] = value
    return content


def _no_number(constant: str) -> NoReturn:
    raise Problem(f"{constant[:LONGEST_SHOWN]} is not a number", "write whole numbers")


def _finite(literal: str) -> float:
    value = float(literal)
    if value in (float("inf"), float("-inf")):
        _no_number(literal)
    return value
