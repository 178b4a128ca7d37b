"""Writes docs/inputs.md from action.yml and action-types.yml, which stay the only place where an input is described."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from refresh import inputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "inputs.md"
_HEAD = """\
# Inputs and outputs

<!-- Written by `make docs` from action.yml and action-types.yml: change those. -->

The same for `org/refresh-action@v1` and for `org/refresh-action/composite@v1`. An input that is empty counts as left out. All
problems are told at once, before anything is called: [bad inputs](bad-inputs.md) lists what is refused and what is taken all the
same. Elsewhere than in a workflow each input is an option, `--max-idle-time 10m`, or a variable, `INPUT_MAX_IDLE_TIME`: see
[from a terminal](operations.md#from-a-terminal).
"""
_VARIABLES = """
## Variables

`GITHUB_REPOSITORY` names the pool where the input `repository` does not. `GITHUB_API_URL` and `GITHUB_SERVER_URL`, which GitHub's
runner sets, say which GitHub it is, a GitHub Enterprise Server too. `AWS_ENDPOINT_URL`, `HTTPS_PROXY`, `AWS_CA_BUNDLE` and
`REQUESTS_CA_BUNDLE` are honoured. With `RUNNER_DEBUG=1`, the runner's debug logging, the log has every call to AWS and GitHub, never
what was in it.
"""
_SECTIONS = {
    "Required inputs": ("One of `github-token` and the App is required as well.", inputs.REQUIRED),
    "Optional inputs": ("What is left out has its default.", inputs.OPTIONAL),
    "Deprecated inputs": ("The original's names for three of the above; each says what to use.", inputs.DEPRECATED),
    "Ignored inputs": ("They belong to the original's other modes, and are taken with a notice.", inputs.IGNORED),
}


def render(action: Mapping[str, Any], types: Mapping[str, Any]) -> str:
    """Give the whole page."""
    parts = [_HEAD]
    for title, (told, names) in _SECTIONS.items():
        parts.append(f"\n## {title}\n\n{told}\n")
        parts += [_input(name, action["inputs"][name], types["inputs"][name]) for name in names]
    parts.append("\n## Outputs\n")
    parts += [f"\n### `{name}`\n\n{each['description']}\n" for name, each in action["outputs"].items()]
    return "".join([*parts, _VARIABLES])


def _input(name: str, described: Mapping[str, Any], type_: Mapping[str, Any]) -> str:
    facts = [*_type(type_), *([f"default `{described['default']}`"] if described.get("default") else [])]
    told = f"{described['description']} {described.get('deprecationMessage', '')}".strip()
    return f"\n### `{name}`\n\n{told}\n" + (f"\n*{'; '.join(facts)}*\n" if facts else "")


def _type(type_: Mapping[str, Any]) -> Iterator[str]:
    """Tell a type that is more than text."""
    match type_["type"]:
        case "enum":
            yield " or ".join(f"`{each}`" for each in type_["allowed-values"])
        case "boolean":
            yield "`true` or `false`"
        case "integer":
            yield "a whole number"


def current() -> str:
    """Give the page as the two files have it now."""
    action, types = (yaml.safe_load((ROOT / name).read_text()) for name in ("action.yml", "action-types.yml"))
    return render(action, types)


if __name__ == "__main__":
    PAGE.write_text(current())
