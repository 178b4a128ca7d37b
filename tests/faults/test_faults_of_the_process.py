"""The files that GitHub gives the step cannot be written: a warning, and the exit code is about the pool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fakes.world import World


@pytest.mark.shows("F28")
@pytest.mark.parametrize("variable", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"])
@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param("/dev/full", "No space left on device", id="F28-full"),
        pytest.param(".", "Is a directory", id="F28-directory"),
        pytest.param("missing/x", "No such file", id="F28-missing"),
    ],
)
def test_a_file_that_cannot_be_written_is_a_warning(
    world: World, tmp_path: Path, variable: str, path: str, words: str
) -> None:
    """The pool is made, and the exit code says so."""
    code, printed = world.run({variable: str(tmp_path / path)})
    assert code == 0, printed
    assert any(line.startswith(f"warning: {variable}: ") and words in line for line in printed.splitlines()), printed
    world.settle()
