"""What is installed and started is what was pinned: packages, image."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.fakes.world import ROOT

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS = sorted((ROOT / "requirements").glob("*.txt"))
ENVIRONMENT = (ROOT / "image" / "environment.sh").read_text().replace("\\\n", " ")
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
COMPOSITE = (ROOT / "composite" / "action.yml").read_text().replace("\\\n", " ")


@pytest.mark.parametrize("path", REQUIREMENTS, ids=lambda path: path.stem)
def test_every_package_is_pinned_to_a_version_and_its_files_to_their_hashes(path: Path) -> None:
    """Another file under the same version is refused by pip; none comes from an address or a branch."""
    text = path.read_text()
    pinned = [each for each in re.split(r"\n(?=[A-Za-z])", text) if re.match(r"[A-Za-z]", each)]
    assert pinned
    for each in pinned:
        assert re.match(r"[A-Za-z0-9._-]+==[0-9][A-Za-z0-9.]*[ \n]", each), each
        assert "--hash=sha256:" in each, each
    assert not re.search(r"^-|https?:|git\+|file:", text, re.MULTILINE)


@pytest.mark.parametrize("text", [ENVIRONMENT, COMPOSITE], ids=["image", "composite"])
def test_nothing_is_installed_without_its_hash(text: str) -> None:
    """Neither a dependency's dependency; what pip builds itself has no network to look for more."""
    installs = re.findall(r"-m pip (?:--python \S+ )?(?:install|wheel) [^&\n]*", text)
    assert installs
    for each in installs:
        assert "--require-hashes" in each or "--no-index" in each, each
        assert "--no-deps" in each or "build.txt" in each, each


def test_one_base_image_is_all_that_the_image_is_made_of() -> None:
    """Which a build can pin by its digest; nothing is fetched beside it but packages with their hashes."""
    assert set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) == {"${BASE_IMAGE}"}
    assert not re.search(r"\b(curl|wget|apt-get|ADD|git clone)\b", DOCKERFILE + ENVIRONMENT)
