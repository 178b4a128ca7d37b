"""The file of --config: a YAML mapping of input names to values, as the text that each input takes.

YAML reads a plain `no` as false, `010` as 8 and `1.10` as 1.1. Such a value is refused with what to write instead,
since its author's intention is not known.
"""

from __future__ import annotations

import difflib
import json
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from refresh.errors import InputErrors
from refresh.inputs.parsers import Problem, cut
from refresh.inputs.table import INPUTS, REFRESH, SECRETS, of

if TYPE_CHECKING:
    from collections.abc import Iterator

_LARGEST = 1 << 20
_DEEPEST = 8
_DIGITS = 20
"""More than any number of an input has."""
_OF_REFRESH = tuple(each.name for each in of(REFRESH))
_LISTS = {each.name for each in INPUTS if each.separator == "," and not each.ignored}
_OBJECTS = {"resource-class-config", "max-instances", "min-idle", _PRICES := "prices"}
"""Inputs that are JSON objects, and mappings in the file."""
_VERBATIM = {each.name for each in INPUTS if each.verbatim}
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)")
_PRICE = re.compile(r"(0|[1-9][0-9]*)\.[0-9]+")
_TYPE = "tag:yaml.org,2002:"
_KINDS = {"int": "number", "float": "number", "bool": "boolean", "timestamp": "date"}
_SECRET_REMEDIES = {
    "github-token": "set GH_TOKEN in the environment",
    "github-app-private-key": "set INPUT_GITHUB_APP_PRIVATE_KEY in the environment",
}


def read(path: str, action: str = REFRESH) -> dict[str, str]:
    """Read the values for an action; raises `InputErrors` with every problem, each with the file and the input.

    A file describes a pool, so it may hold the inputs of refresh for every action; others do not get them.
    """
    own = {each.name for each in of(action)}
    try:
        found = _File(_yaml(), (*_OF_REFRESH, *own.difference(_OF_REFRESH))).inputs(_text(path))
    except Problem as problem:
        raise InputErrors([f"{path}: {problem.problem}; {problem.remedy}"]) from None
    if found.problems:
        raise InputErrors([f"{path}: {problem}" for problem in found.problems])
    return {name: value for name, value in found.values.items() if name in own}


def _text(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            content = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a path"
        raise Problem(f"the file cannot be read: {reason}", "give the path of a YAML file to --config") from None
    if len(content) > _LARGEST:
        raise Problem("the file is larger than 1 MiB", "give the path of a YAML file to --config")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Problem("is not UTF-8", "save it as UTF-8") from None


def _yaml() -> Any:
    try:
        import yaml  # noqa: PLC0415 - an optional package
    except ImportError:
        remedy = f"install it: {sys.executable} -m pip install pyyaml"
        raise Problem("--config needs the package PyYAML, which is not installed for this Python", remedy) from None
    return yaml


class _File:
    """One file, its values and its problems."""

    def __init__(self, yaml: Any, known: tuple[str, ...]) -> None:
        self._yaml = yaml
        self._known = known
        self.values: dict[str, str] = {}
        self.problems: list[str] = []

    def inputs(self, text: str) -> _File:
        """Read every input."""
        node = self._parsed(text)
        if not isinstance(node, self._yaml.MappingNode):
            raise Problem("not a mapping", "write one input per line, as `aws-region: eu-west-1`")
        for name, value in self._entries(node, ""):
            if name in SECRETS:
                self.problems.append(f"{name}: do not keep secrets in a file; remove it and {_SECRET_REMEDIES[name]}")
            elif name not in self._known:
                close = difflib.get_close_matches(name.lower().replace("_", "-"), self._known, n=1)
                self.problems.append(f"{cut(name)}: unknown input{f'; did you mean {close[0]}?' if close else ''}")
            else:
                self._read(name, value)
        return self

    def _parsed(self, text: str) -> Any:
        """Check the events first, then parse: nothing is expanded, and nothing is nested deeply."""
        yaml = self._yaml
        try:
            self._check(yaml.parse(text, Loader=yaml.SafeLoader))
            return yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
            raise Problem(f"{line}not YAML: {error.problem}", "correct the line") from None
        except yaml.YAMLError as error:
            raise Problem(f"not YAML: {' '.join(str(error).split())}", "save it as plain text") from None

    def _check(self, events: Iterator[Any]) -> None:
        yaml = self._yaml
        depth = documents = 0
        for event in events:
            where = f"line {event.start_mark.line + 1}: "
            documents += isinstance(event, yaml.DocumentStartEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if documents > 1:
                raise Problem(f"{where}a second document", "keep one, and remove the --- between them")
            if depth > _DEEPEST:
                raise Problem(f"{where}too deeply nested", "no input is nested that deeply")
            if getattr(event, "anchor", None):
                raise Problem(f"{where}anchors and aliases (& and *) are not supported", "write the value out")
            if getattr(event, "tag", None):
                raise Problem(f"{where}tags ({cut(event.tag)}) are not supported", "remove it")

    def _read(self, name: str, node: Any) -> None:
        try:
            self.values[name] = self._input(name, node)
        except Problem as problem:
            self.problems.append(f"{name}: {problem.problem}; {problem.remedy}")

    def _entries(self, node: Any, within: str) -> Iterator[tuple[str, Any]]:
        """Yield the entries of a mapping; unreadable and repeated keys are problems."""
        seen: dict[str, int] = {}
        for key_node, value in node.value:
            line = key_node.start_mark.line + 1
            try:
                key = self._scalar(key_node)
            except Problem as problem:
                self.problems.append(f"{within}line {line}: a key: {problem.problem}; {problem.remedy}")
                continue
            if key in seen:
                self.problems.append(f"{within}{cut(key)}: is given twice, in lines {seen[key]} and {line}; keep one")
                continue
            seen[key] = line
            yield key, value

    def _input(self, name: str, node: Any) -> str:
        yaml = self._yaml
        if isinstance(node, yaml.SequenceNode) and name in _LISTS:
            return "\n".join(self._scalar(each) for each in node.value)
        if isinstance(node, yaml.MappingNode) and name in _OBJECTS:
            return json.dumps(self._object(node, f"{name}: "))
        if isinstance(node, yaml.MappingNode) and name == "tags":
            return "\n".join(f"{key}={value}" for key, value in self._pairs(node, name))
        if isinstance(node, yaml.MappingNode) and name == "actions-runner-sha256":
            return ",".join(f"{key}={value}" for key, value in self._pairs(node, name))
        text = self._scalar(node)
        if "${{" in text and name not in _VERBATIM:
            raise Problem(f"GitHub's expressions are not evaluated here; got {cut(text)}", "write the value")
        return text

    def _pairs(self, node: Any, name: str) -> Iterator[tuple[str, str]]:
        """Yield the keys and values of a mapping, each on one line."""
        for key, value_node in self._entries(node, f"{name}: "):
            try:
                value = self._scalar(value_node)
                if "\n" in key + value:
                    raise Problem("contains a line break", "write it on one line")  # noqa: TRY301 - as the others
                yield key, value
            except Problem as problem:
                self.problems.append(f"{name}: {cut(key)}: {problem.problem}; {problem.remedy}")

    def _object(self, node: Any, within: str) -> Any:
        """Convert a mapping or one of its values to JSON, whole numbers to numbers."""
        if isinstance(node, self._yaml.MappingNode):
            return {key: self._object(value, within) for key, value in self._entries(node, within)}
        if self._is_price(node, within):
            return str(node.value)
        text = self._scalar(node)
        return int(text) if node.style is None and _WHOLE_NUMBER.fullmatch(text) and len(text) < _DIGITS else text

    def _is_price(self, node: Any, within: str) -> bool:
        """Whether it is a plain decimal number in `prices`, which is read exactly as it is written."""
        plain = isinstance(node, self._yaml.ScalarNode) and node.style is None
        return plain and within == f"{_PRICES}: " and bool(_PRICE.fullmatch(node.value))

    def _scalar(self, node: Any) -> str:
        """Return a value as it is written, unless YAML reads it as something else."""
        if not isinstance(node, self._yaml.ScalarNode):
            raise Problem("a list or a mapping where one value is expected", "write a single value")
        text = str(node.value)
        kind = node.tag.removeprefix(_TYPE)
        if kind == "null":
            raise Problem("has no value", "write one, or leave the line out")
        if kind == "str" or (kind == "int" and _WHOLE_NUMBER.fullmatch(text)):
            return text
        if kind == "bool" and text.lower() in {"true", "false"}:
            return text.lower()
        kind = _KINDS.get(kind, "mark")
        raise Problem(
            f"YAML reads {cut(text)} as {self._meaning(text, kind)}", f'write it in quotes: "{cut(text)[1:-1]}"'
        )

    def _meaning(self, text: str, kind: str) -> str:
        try:
            value = self._yaml.safe_load(text)
        except (ValueError, self._yaml.YAMLError):
            return f"a {kind}"
        return f"the {kind} {str(value).lower()}" if isinstance(value, int | float) else f"a {kind}"
