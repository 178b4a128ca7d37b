"""Reports a package that cannot be loaded; imports nothing that could itself be missing."""

from __future__ import annotations

import sys


def not_loaded(error: ImportError) -> str:
    """Name the package that is missing or broken, and how to install it."""
    remedy = (
        f"install the pinned packages: {sys.executable} -m pip install --require-hashes -r requirements/runtime.txt"
    )
    if isinstance(error, ModuleNotFoundError) and error.name:
        return f"the package {error.name.partition('.')[0]} is not installed for this Python; {remedy}"
    return f"a package cannot be loaded: {' '.join(str(error).split())}; {remedy}"
