"""The search finds what is planted: every secret in every encoding, and a test that lets one out fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import nested_pytest
from tests.canaries.encodings import ENCODINGS, base64_of
from tests.fakes import app, canaries

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("canary", canaries.PLANTED)
def test_every_secret_is_known_in_every_encoding(canary: str, encoding: str) -> None:
    """The hit tells which it is, where it was and what stands around it."""
    with canaries.expected() as hits:
        assert canaries.search("a place", ENCODINGS[encoding](canaries.PLANTED[canary]), "here")
    assert {hit.canary for hit in hits} == {canary}
    assert {(hit.kind, hit.where) for hit in hits} == {("a place", "here")}
    assert all(hit.around in ENCODINGS[encoding](canaries.PLANTED[canary]) for hit in hits)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_every_line_of_an_app_s_key_is_known(encoding: str) -> None:
    """In a test that has asked for the key, which is another one each time."""
    lines = [line for line in app.private_key().splitlines() if not line.startswith("-----")]
    for line in lines:
        with canaries.expected() as hits:
            canaries.search("a place", ENCODINGS[encoding](line))
        assert {hit.canary for hit in hits} == {"App's private key"}, line
    assert len(lines) > 20


def test_a_part_of_a_secret_is_found_too() -> None:
    """As where it was cut."""
    with canaries.expected() as hits:
        canaries.search("a place", b"SECRET+CANARY/77")
    assert [hit.canary for hit in hits] == ["part of a secret"]


def test_nothing_is_found_where_nothing_is() -> None:
    """And what is searched is counted."""
    text = f"canary {base64_of('canary')} PAT- ***"
    before = canaries.SEARCH.sizes["a place"], canaries.SEARCH.places["a place"]
    with canaries.expected() as hits:
        assert not canaries.search("a place", text)
    assert hits == []
    after = canaries.SEARCH.sizes["a place"], canaries.SEARCH.places["a place"]
    assert after == (before[0] + len(text), before[1] + 1)


@pytest.mark.shows("A52")
@pytest.mark.parametrize("workers", [[], ["-n2"]], ids=["alone", "workers"])
def test_a_test_that_lets_a_secret_out_fails_and_the_session_tells(workers: list[str], tmp_path: Path) -> None:
    """On whichever worker, and though nothing else is wrong with it; the last lines say how much was searched."""
    (tmp_path / "test_it.py").write_text(
        "import logging, pytest\nfrom tests.fakes import canaries\n\n"
        "def test_printed():\n    print(canaries.PAT)\n\n"
        "def test_logged():\n    logging.getLogger('any').debug(canaries.PAT)\n\n"
        "def test_written(tmp_path):\n    (tmp_path / 'file').write_text(canaries.PAT)\n\n"
        "def test_read(capfd):\n    print(canaries.PAT)\n    capfd.readouterr()\n\n"
        "def test_masked():\n    print(f'::add-mask::{canaries.PAT}')\n"
    )
    with canaries.expected():
        code, printed = nested_pytest.run(tmp_path, "tests.canaries.watched", workers)
    assert code == 1, printed
    assert "5 passed, 4 errors" in printed
    for place in ("what is printed", "log records, any", "files, file"):
        assert f"personal access token (plain) in {place}" in printed
    assert ", 4 hits" in printed
    assert "canary search: " in printed
