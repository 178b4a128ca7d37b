"""What the agent knows after it was killed, or after its machine was restarted."""

from __future__ import annotations

from pathlib import Path

import pytest

from refresh.agent.state import FAILED, State


def test_values_outlive_the_process_and_only_another_boot_is_a_restart(tmp_path: Path) -> None:
    path = str(tmp_path / "state.json")
    first = State("boot-1", path)
    assert not first.restarted
    assert first.get("stage") is None
    first.save(stage="booted", session=[7, 9])
    again = State("boot-1", path)
    assert not again.restarted
    assert again.get("session") == [7, 9]
    assert State("boot-2", path).restarted


@pytest.mark.parametrize("content", ["", "{", "[1]", "7"])
def test_an_unreadable_file_counts_as_a_failed_boot(
    tmp_path: Path, content: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """A job may be running next to which no other runner may start, and the script may have run."""
    path = tmp_path / "state.json"
    path.write_text(content)
    assert State("boot-1", str(path)).get("stage") == FAILED
    assert "state.unreadable" in capfd.readouterr().err


def test_a_full_disk_stops_nothing_and_leaves_the_last_file_whole(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "state.json"
    state = State("boot-1", str(path))
    state.save(stage="booted")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("refresh.agent.state.os.fsync", full)
    state.save(stage="installed")
    assert state.get("stage") == "installed"
    assert State("boot-1", str(path)).get("stage") == "booted"
    assert "state.not_saved error=28" in capfd.readouterr().err
