"""The version of the program: of the installed package, or of the clone it runs from."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

_SETTINGS = Path(__file__).parents[3] / "pyproject.toml"


def version() -> str:
    """Return the version; a clone is not installed."""
    if _SETTINGS.is_file():
        return str(tomllib.loads(_SETTINGS.read_text(encoding="utf-8"))["project"]["version"])
    return metadata.version("refresh-action")
