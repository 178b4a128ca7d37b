"""A dry run does all that does not leave the machine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.publishing.repository import DIGEST, Run, called, git, tags
from tools.publishing import image
from tools.publishing.commands import CommandFailed, Commands
from tools.publishing.version import Version


def test_a_dry_run_shows_every_step_and_publishes_nothing(run: Run, checkout: Path, tmp_path: Path) -> None:
    """It builds and commits outside the working tree."""
    before = git(checkout, "status", "--short", "--branch")
    code, told = run("dry-run", "1.2.3")
    assert code == 0, told
    for word in ("docker buildx build", "cosign sign", "gh release create", "gh release edit", "push --force"):
        assert re.search(rf"^not run: .*{word}", told, re.MULTILINE), word
    for subject in (f"ghcr.io/org/refresh-action@{DIGEST}", "build/release/*"):
        assert f"not run: the action actions/attest-build-provenance for {subject}" in told
    assert told.count("started from the commit's packages") == 3
    assert not [call for call in called(tmp_path) if re.search(r"^gh|buildx|push", call)]
    assert (tags(tmp_path), git(checkout, "status", "--short", "--branch")) == ({}, before)
    assert f"+  image: docker://ghcr.io/org/refresh-action@{DIGEST}" in told


def test_a_dry_run_reports_refusals_and_goes_on(run: Run) -> None:
    code, told = run("dry-run", "1.2.4")
    assert (code, told.count("THE RELEASE WOULD BE REFUSED: ")) == (0, 3)


def test_an_image_that_does_not_start_fails_the_dry_run(run: Run) -> None:
    """Without inputs the program ends with 2."""
    code, told = run("dry-run", "1.2.3", STARTED="0")
    assert (code, "error: exit code 0: docker run" in told) == (1, True)


def test_a_platform_that_this_machine_cannot_run_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image, "_EMULATORS", tmp_path)
    monkeypatch.setattr(image, "_tried", lambda *_: DIGEST)
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert image.try_out(Commands(tmp_path, dry=True), "name", Version(1, 2, 3)) == DIGEST
    assert "LEFT OUT: linux/arm64" in capfd.readouterr().out
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    with pytest.raises(CommandFailed, match="none of"):
        image.try_out(Commands(tmp_path, dry=True), "name", Version(1, 2, 3))
