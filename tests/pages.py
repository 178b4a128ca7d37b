"""What the pages show in fences."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]


def page(path: str) -> str:
    """Read a page by its path in the repository."""
    return (ROOT / path).read_text()


def blocks(text: str, language: str) -> list[str]:
    """Give what stands in a page's fences of a language, a regular expression of its name."""
    return [found[1] for found in re.finditer(rf"^```(?:{language})\n(.*?)^```", text, re.DOTALL | re.MULTILINE)]


def side(diff: str, sign: str) -> Any:
    """Read the YAML before (-) or after (+) a diff."""
    return yaml.safe_load("".join(line[1:] for line in diff.splitlines(keepends=True) if line[0] in (" ", sign)))
