"""The picture of a job summary on the page of how it works can be taken again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.docs import summary_image

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

BROWSER = """\
#!/bin/sh
for each; do
    case $each in
    --dump-dom) echo '<html data-height="700">' ;;
    --screenshot=*) echo "$*" >"${each#--screenshot=}" ;;
    esac
done
"""
"""Chromium, as far as the script uses it."""


def test_picture_shows_a_busy_run_in_full_height(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With ended instances, cut-off jobs and a failure, as the page describes it."""
    page = summary_image.rendered(summary_image.summary())
    for part in ("instances ended</strong>", "jobs cut off</strong>", "❌ <strong>resource pools", "<td>aged</td>"):
        assert part in page
    browser, picture = tmp_path / "browser", tmp_path / "summary.png"
    browser.write_text(BROWSER)
    browser.chmod(0o755)
    monkeypatch.setattr(summary_image, "BROWSERS", (str(browser),))
    summary_image.take(page, picture)
    assert ",700 " in picture.read_text()


def test_missing_browser_is_reported_with_its_packages(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(summary_image, "summary", str)
    monkeypatch.setattr(summary_image, "BROWSERS", ("no-such-browser",))
    assert summary_image.main() == 1
    assert "apt-get install chromium" in capfd.readouterr().err
